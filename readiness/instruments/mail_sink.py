"""A mail server of ours that takes every mail and sends none on."""

from __future__ import annotations

import asyncio
import email
import email.policy
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from aiosmtpd.smtp import SMTP

if TYPE_CHECKING:
    from types import TracebackType

    from aiosmtpd.smtp import Envelope, Session

__all__ = ["Mail", "MailSink"]

MAX_MAILS, MAX_BYTES = 100, 1024 * 1024
START_SECONDS = 10.0


@dataclass(frozen=True, kw_only=True)
class Mail:
    """One mail as it came; it may hold secrets: what becomes a fact of it is the gatherer's care."""

    to: tuple[str, ...]
    subject: str
    text: str
    at: float


class MailSink:
    """A running mail server. A context manager that stops it.

    Args:
        host: address to listen on, which is also how the stack reaches it.

    Raises:
        OSError: the address cannot be listened on.
    """

    def __init__(self, host: str) -> None:
        self.host = host
        self.port = 0
        self._mails: list[Mail] = []
        self._loop = asyncio.new_event_loop()
        self._problem: OSError | None = None
        self._is_there = threading.Event()
        self._server: asyncio.Server | None = None
        self._thread = threading.Thread(target=self._serve, name="mail sink", daemon=True)
        self._thread.start()
        self._is_there.wait(START_SECONDS)
        if self._problem is not None:
            raise self._problem

    def __enter__(self) -> Self:
        """Use as a context manager to stop it."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop it."""
        self.close()

    def mails(self, *, since: float = 0.0) -> tuple[Mail, ...]:
        """What came from a monotonic time on, oldest first."""
        return tuple(mail for mail in tuple(self._mails) if mail.at >= since)

    def wait_until(self, holds: Callable[[], bool], *, seconds: float) -> bool:
        """Wait until ``holds`` is true, for so many seconds at most; says whether it is."""
        deadline = time.monotonic() + seconds
        while not holds():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)
        return True

    def close(self) -> None:
        """Stop listening; idempotent."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(5)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: ARG002, N802  # aiosmtpd's
        """Keep a mail."""
        content = envelope.original_content or b""
        message = email.message_from_bytes(content, policy=email.policy.default)
        body = message.get_body(("plain", "html"))
        try:
            text = str(body.get_content()).replace("\r\n", "\n") if body is not None else ""
        except (LookupError, ValueError):
            text = content.decode("utf-8", "replace")
        if len(self._mails) < MAX_MAILS:
            to = tuple(str(each) for each in envelope.rcpt_tos)
            subject = str(message.get("subject", ""))
            self._mails.append(Mail(to=to, subject=subject, text=text, at=time.monotonic()))
        return "250 OK"

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._server = self._loop.run_until_complete(
                self._loop.create_server(
                    lambda: SMTP(self, data_size_limit=MAX_BYTES, loop=self._loop, hostname="readiness"), self.host, 0
                )
            )
        except OSError as error:
            self._problem = error
            self._is_there.set()
            self._loop.close()
            return
        self.port = int(self._server.sockets[0].getsockname()[1])
        self._is_there.set()
        try:
            self._loop.run_forever()
        finally:
            self._server.close()
            tasks = asyncio.all_tasks(self._loop)
            for task in tasks:
                task.cancel()
            self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
            self._loop.close()
