"""Answers that never end: each costs its bound and no more."""

from __future__ import annotations

import itertools
import socketserver
import threading
import time
from collections.abc import Callable, Iterable, Iterator

import pytest

from readiness.facts.http import Exchange
from readiness.instruments.client import MAX_BODY_BYTES, NO_ANSWER, HttpClient
from readiness.runtime import Endpoint
from readiness.target import Entry, Request

BOUND = 0.4
HEAD = b"HTTP/1.1 200 OK\r\nX-Content-Type-Options: nosniff\r\n"
ENTRY = Entry(name="direct", service="web", port=8000)


class _Stack:
    def __init__(self, port: int) -> None:
        self._port = port

    def endpoint(self, service: str, port: int) -> Endpoint:
        return Endpoint(host="127.0.0.1", port=self._port)


Ask = Callable[[Iterable[bytes]], Exchange]


@pytest.fixture
def ask() -> Iterator[Ask]:
    """Ask a server that sends these parts, a pause after each."""
    over = threading.Event()
    parts: list[Iterable[bytes]] = []

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(65536)
            try:
                for part in parts[0]:
                    self.request.sendall(part)
                    if over.wait(0.001):
                        break
            except OSError:
                pass  # the client has had enough

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

        def send(answer: Iterable[bytes]) -> Exchange:
            parts.append(answer)
            with HttpClient(_Stack(server.server_address[1]), timeout_seconds=BOUND) as http:  # type: ignore[arg-type]
                return http.send(ENTRY, Request(path="/"))

        yield send
        over.set()
        server.shutdown()


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(itertools.repeat(b"HTTP/1.1 100 Continue\r\n\r\n"), id="continue without end"),
        pytest.param(itertools.chain([HEAD], itertools.repeat(b"x")), id="headers in drops"),
    ],
)
def test_an_answer_that_never_begins_ends_at_the_bound(ask: Ask, answer: Iterable[bytes]) -> None:
    began = time.monotonic()
    exchange = ask(answer)
    assert time.monotonic() - began < 10 * BOUND
    assert exchange.status is None
    assert exchange.error == f"{NO_ANSWER} {BOUND:g} s"


def test_a_body_in_drops_ends_at_the_bound_and_its_headers_count(ask: Ask) -> None:
    began = time.monotonic()
    exchange = ask(itertools.chain([HEAD + b"\r\n"], itertools.repeat(b"x")))
    assert time.monotonic() - began < 10 * BOUND
    assert exchange.status == 200
    assert exchange.first("x-content-type-options") == "nosniff"
    assert set(exchange.body) == {"x"}


def test_a_body_without_end_is_cut(ask: Ask) -> None:
    exchange = ask(itertools.chain([HEAD + b"\r\n"], itertools.repeat(b"x" * 100_000)))
    assert exchange.status == 200
    assert exchange.error is None
    assert exchange.body_bytes == MAX_BODY_BYTES
