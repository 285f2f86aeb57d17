from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from readiness.instruments.upload import Upload, upload
from readiness.runtime import Endpoint
from readiness.target import Entry

ENTRY = Entry(name="direct", service="api", port=8000)
REFUSAL = b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno"
FINE = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
MIB = 1024 * 1024


@contextlib.contextmanager
def serving(serve: Callable[[socket.socket], None]) -> Iterator[Endpoint]:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def run() -> None:
            connection, _ = server.accept()
            with connection, contextlib.suppress(OSError):
                serve(connection)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        host, port = server.getsockname()[:2]
        yield Endpoint(host=host, port=port)
        thread.join(5)


def head_of(connection: socket.socket) -> bytes:
    received = b""
    while b"\r\n\r\n" not in received:
        received += connection.recv(4096)
    return received


def sent(where: Endpoint, **changes: Any) -> Upload:
    values: dict[str, Any] = {
        "method": "POST",
        "path": "/embed",
        "headers": {"Content-Type": "application/json"},
        "size": 8 * MIB,
        "tail": b'{"a": 1}',
        "is_announced": True,
        "timeout_seconds": 10.0,
    }
    return upload(where, ENTRY, **{**values, **changes})


def test_an_answer_before_the_body_is_seen_and_nothing_is_sent() -> None:
    def serve(connection: socket.socket) -> None:
        head = head_of(connection)
        assert b"Content-Length: 8388608" in head
        connection.sendall(REFUSAL)

    with serving(serve) as where:
        found = sent(where, pauses=(0,))
    assert (found.status, found.sent_bytes, found.body, found.error) == (413, 0, "no", None)


def test_an_answer_in_the_middle_of_a_stream_is_no_broken_pipe() -> None:
    def serve(connection: socket.socket) -> None:
        head = head_of(connection)
        assert b"chunked" in head
        read = 0
        while read < 100_000:
            read += len(connection.recv(65536))
        connection.sendall(REFUSAL)
        # Closed with bytes unread: the kernel resets the connection.

    with serving(serve) as where:
        found = sent(where, is_announced=False, pauses=(256 * 1024,))
    assert found.status == 413
    assert found.sent_bytes <= 512 * 1024


def test_a_body_that_is_taken_is_complete_json_at_its_end_only() -> None:
    got = bytearray()

    def serve(connection: socket.socket) -> None:
        got.extend(head_of(connection).partition(b"\r\n\r\n")[2])
        while len(got) < MIB:
            got.extend(connection.recv(65536))
        connection.sendall(FINE)

    looks: list[int] = []
    with serving(serve) as where:
        found = sent(where, size=MIB, at_pause=lambda: looks.append(1), pauses=(1000,), pause_seconds=0.01)
    assert (found.status, found.sent_bytes) == (200, MIB)
    assert json.loads(bytes(got)) == {"a": 1}
    assert looks


def test_silence_is_an_error_and_ends() -> None:
    release = threading.Event()

    def serve(connection: socket.socket) -> None:
        head_of(connection)
        release.wait(5)

    with serving(serve) as where:
        found = sent(where, size=10, timeout_seconds=0.2)
        release.set()
    assert found.status is None
    assert found.error == "no answer within 0.2 s"


def test_closing_without_a_word_is_an_error() -> None:
    with serving(lambda connection: connection.close()) as where:
        found = sent(where, size=10)
    assert found.status is None
    assert found.error is not None


def test_nobody_there_is_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    found = sent(Endpoint(host="127.0.0.1", port=port), size=10)
    assert "Refused" in (found.error or "")


@pytest.mark.parametrize("size", [8, 40_000, 65_536])
def test_every_size_is_sent_exactly(size: int) -> None:
    total = []

    def serve(connection: socket.socket) -> None:
        body = head_of(connection).partition(b"\r\n\r\n")[2]
        while len(body) < size:
            body += connection.recv(65536)
        total.append(len(body))
        connection.sendall(FINE)

    with serving(serve) as where:
        assert sent(where, size=size).sent_bytes == size
    assert total == [size]
