from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import cast

import pytest

from readiness.facts.drain import Fate, Kind
from readiness.instruments.held import Held, Reply, shape_of
from readiness.runtime import Endpoint, Stack
from readiness.target import Entry, Request

ENTRY = Entry(name="direct", service="api", port=8000, base="/v1")
POST = Request(method="POST", path="/items", json={"name": "Kettle"})
BODY = b'{"name": "Kettle"}'
FINE = b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: 8\r\n\r\n" + b'{"id":1}'


class Place:
    """As much of a stack as is asked."""

    def __init__(self, where: Endpoint) -> None:
        self.where = where

    def endpoint(self, _service: str, _port: int) -> Endpoint:
        return self.where


@contextlib.contextmanager
def serving(serve: Callable[[socket.socket], None]) -> Iterator[Stack]:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def run() -> None:
            connection, _ = server.accept()
            with connection, contextlib.suppress(OSError):
                connection.settimeout(5)
                serve(connection)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        host, port = server.getsockname()[:2]
        yield cast("Stack", Place(Endpoint(host=host, port=port)))
        thread.join(5)


def read_until(connection: socket.socket, end: bytes) -> bytes:
    received = b""
    while not received.endswith(end):
        received += connection.recv(4096)
    return received


def run(held: Held, *, release: bool = True, timeout: float = 3.0) -> Reply:
    async def both() -> Reply:
        task = asyncio.create_task(held.run(timeout_seconds=timeout))
        await held.sent()
        await asyncio.sleep(0.05)
        if release:
            held.release()
        return await task

    return asyncio.run(both())


def test_half_a_body_waits_for_its_release() -> None:
    seen: list[bytes] = []

    def serve(connection: socket.socket) -> None:
        seen.append(read_until(connection, b"\r\n\r\n" + BODY[:9]))
        seen.append(read_until(connection, BODY[9:]))
        connection.sendall(FINE)

    with serving(serve) as stack:
        held = Held(stack, ENTRY, POST, kind=Kind.WRITE, headers={"Authorization": "Bearer x"})
        reply = run(held)
    assert (reply.fate, reply.status, shape_of(reply)) == (Fate.FINISHED, 201, "id")
    assert seen[0].startswith(b"POST /v1/items HTTP/1.1\r\n")
    assert b"content-length: 18" in seen[0].lower()
    assert b"Authorization: Bearer x" in seen[0]
    assert seen[1] == BODY[9:]


def test_an_answer_cut_short_is_a_reset_with_its_status() -> None:
    def serve(connection: socket.socket) -> None:
        read_until(connection, BODY)
        connection.sendall(FINE[:-3])

    with serving(serve) as stack:
        reply = run(Held(stack, ENTRY, POST, kind=Kind.QUICK))
    assert (reply.fate, reply.status) == (Fate.RESET, 201)
    assert "middle of the answer" in reply.detail


def test_a_connection_closed_without_a_word_is_a_reset() -> None:
    with serving(lambda connection: connection.close()) as stack:
        reply = run(Held(stack, ENTRY, POST, kind=Kind.UPLOAD))
    assert (reply.fate, reply.status) == (Fate.RESET, None)


def test_silence_is_unanswered() -> None:
    with serving(lambda connection: time.sleep(1)) as stack:
        reply = run(Held(stack, ENTRY, POST, kind=Kind.UPLOAD), timeout=0.4)
    assert reply.fate is Fate.UNANSWERED


def test_nobody_there_is_a_refusal() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    stack = cast("Stack", Place(Endpoint(host="127.0.0.1", port=port)))
    reply = run(Held(stack, ENTRY, Request(path="/"), kind=Kind.NEW))
    assert (reply.fate, reply.status) == (Fate.REFUSED, None)


def test_an_answer_to_half_a_request_counts_before_its_release() -> None:
    busy = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"

    def serve(connection: socket.socket) -> None:
        read_until(connection, BODY[:9])
        connection.sendall(busy)

    with serving(serve) as stack:
        reply = run(Held(stack, ENTRY, POST, kind=Kind.WRITE), release=False)
    assert (reply.fate, reply.status) == (Fate.FINISHED, 503)


def test_an_idle_connection_ends_when_the_service_closes_it() -> None:
    def serve(connection: socket.socket) -> None:
        assert b"keep-alive" in read_until(connection, b"\r\n\r\n")
        connection.sendall(FINE)
        time.sleep(0.3)

    with serving(serve) as stack:
        held = Held(stack, ENTRY, Request(path="/"), kind=Kind.IDLE)
        reply = run(held, release=False)
    assert (reply.fate, reply.detail) == (Fate.FINISHED, "closed by the service")
    assert held.released_at is not None
    assert reply.ended_at - held.released_at >= 0.2


STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


def test_a_stream_has_its_head_before_its_end() -> None:
    def serve(connection: socket.socket) -> None:
        read_until(connection, b"\r\n\r\n")
        connection.sendall(STREAM + b"Transfer-Encoding: chunked\r\n\r\n")
        time.sleep(0.2)
        connection.sendall(b"2\r\n[]\r\n0\r\n\r\n")

    with serving(serve) as stack:
        held = Held(stack, ENTRY, Request(path="/export"), kind=Kind.STREAM)
        reply = run(held, release=False)
    tracked = held.tracked(0.0)
    assert (reply.fate, tracked.shape, tracked.detail) == (Fate.FINISHED, "application/json", "")
    assert tracked.ended_seconds - (tracked.head_seconds or 0.0) >= 0.15


def test_a_stream_that_ends_with_its_connection_cannot_be_told_from_one_that_is_cut() -> None:
    def serve(connection: socket.socket) -> None:
        read_until(connection, b"\r\n\r\n")
        connection.sendall(STREAM + b"Connection: close\r\n\r\n[]")

    with serving(serve) as stack:
        reply = run(Held(stack, ENTRY, Request(path="/export"), kind=Kind.STREAM), release=False)
    assert (reply.fate, reply.detail) == (Fate.FINISHED, "the answer tells neither its length nor its end")


def test_half_a_head_is_half_a_head() -> None:
    seen: list[bytes] = []

    def serve(connection: socket.socket) -> None:
        seen.append(connection.recv(4096))
        read_until(connection, b"\r\n\r\n")
        connection.sendall(FINE)

    with serving(serve) as stack:
        reply = run(Held(stack, ENTRY, Request(path="/"), kind=Kind.HEAD))
    assert b"\r\n\r\n" not in seen[0]
    assert reply.fate is Fate.FINISHED


@pytest.mark.parametrize(
    ("content_type", "body", "shape"),
    [
        ("application/json; charset=utf-8", b'{"b": 1, "a": 2}', "a,b"),
        ("application/json", b"[1]", "application/json list"),
        ("application/json", b'{"b"', "application/json that cannot be read"),
        ("application/problem+json", b'{"title": "x"}', "title"),
        ("application/x-ndjson", b'{"a": 1}\n', "application/x-ndjson"),
        ("text/html", b"<p>", "text/html"),
    ],
)
def test_a_shape_is_what_a_full_answer_has(content_type: str, body: bytes, shape: str) -> None:
    reply = Reply(fate=Fate.FINISHED, ended_at=0.0, status=200, content_type=content_type, body=body)
    assert shape_of(reply) == shape


def test_times_are_counted_from_the_signal() -> None:
    held = Held(cast("Stack", None), ENTRY, POST, kind=Kind.WRITE)
    held.sent_at, held.reply = 99.0, Reply(fate=Fate.FINISHED, ended_at=103.25, status=201)
    held.release(at=103.0)
    tracked = held.tracked(100.0)
    assert (tracked.sent_seconds, tracked.released_seconds, tracked.ended_seconds) == (-1.0, 3.0, 3.25)
