"""A mail server that takes everything and sends nothing on."""

from __future__ import annotations

import smtplib
import socket
import threading
import time
from email.message import EmailMessage

import pytest

from readiness.instruments.mail_sink import MailSink


def send(sink: MailSink, subject: str, text: str, *to: str) -> None:
    mail = EmailMessage()
    mail["Subject"], mail["From"], mail["To"] = subject, "backup@shop.test", ", ".join(to)
    mail.set_content(text)
    with smtplib.SMTP(sink.host, sink.port, timeout=5) as server:
        server.send_message(mail)


def test_mails_are_kept_with_whom_they_were_to() -> None:
    with MailSink("127.0.0.1") as sink:
        before = time.monotonic()
        send(sink, "backup failed: café", "The naïve run failed.\n", "a@shop.test", "b@shop.test")
        (mail,) = sink.mails()
        assert (mail.subject, mail.text, mail.to) == (
            "backup failed: café", "The naïve run failed.\n", ("a@shop.test", "b@shop.test"),
        )  # fmt: skip
        assert sink.mails(since=before) == (mail,)
        assert sink.mails(since=time.monotonic()) == ()


def test_what_is_no_mail_is_kept_as_it_is() -> None:
    with MailSink("127.0.0.1") as sink, smtplib.SMTP(sink.host, sink.port, timeout=5) as server:
        server.sendmail("a@shop.test", ["b@shop.test"], b"\xff\xfe no header at all")
        assert [(mail.subject, mail.to) for mail in sink.mails()] == [("", ("b@shop.test",))]


def test_a_mail_is_waited_for_and_no_longer_than_is_said() -> None:
    with MailSink("127.0.0.1") as sink:
        assert not sink.wait_until(lambda: bool(sink.mails()), seconds=0.05)
        sender = threading.Thread(target=send, args=(sink, "x", "y", "a@shop.test"))
        sender.start()
        assert sink.wait_until(lambda: bool(sink.mails()), seconds=5)
        sender.join()


def test_nobody_listens_once_it_is_closed() -> None:
    sink = MailSink("127.0.0.1")
    sink.close()
    sink.close()
    with pytest.raises(OSError, match="refused"):
        socket.create_connection((sink.host, sink.port), timeout=1)


def test_an_address_of_somebody_else_is_refused() -> None:
    with pytest.raises(OSError, match="assign"):
        MailSink("192.0.2.1")
