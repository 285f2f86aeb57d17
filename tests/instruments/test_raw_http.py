"""Requests as no library sends them."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from readiness.exceptions import UnsupportedError
from readiness.instruments.raw_http import RawAnswer, send_raw
from readiness.runtime import Capability, Endpoint
from readiness.target import Entry

ENTRY = Entry(name="direct", service="api", port=8000, base="/v1", headers={"X-Tenant": "a"})
ANSWER = b"HTTP/1.1 404 Not Found\r\nX-Request-ID: one\r\nx-request-id: two\r\n\r\n{}"


class Seen:
    def __init__(self) -> None:
        self.received = b""
        self.client = ""
        self.answer = ANSWER
        self.over = threading.Event()


class Stack:
    runtime = "process"

    def __init__(self, port: int, capabilities: frozenset[Capability] = frozenset(Capability)) -> None:
        self._port, self.capabilities = port, capabilities

    def endpoint(self, service: str, port: int) -> Endpoint:
        return Endpoint(host="127.0.0.1", port=self._port)


Send = Callable[..., RawAnswer]


@pytest.fixture
def seen() -> Seen:
    return Seen()


@pytest.fixture
def send(seen: Seen) -> Iterator[Send]:
    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            seen.client = self.client_address[0]
            while b"\r\n\r\n" not in seen.received or (b"Content-Length: 6" in seen.received and not _whole(seen)):
                chunk = self.request.recv(65536)
                if not chunk:
                    return
                seen.received += chunk
            self.request.sendall(seen.answer)
            if not seen.answer:
                seen.over.wait(5)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

        def ask(**values: Any) -> RawAnswer:
            stack: Any = Stack(server.server_address[1], values.pop("capabilities", frozenset(Capability)))
            return send_raw(stack, ENTRY, **{"method": "GET", "path": "/x", **values})

        yield ask
        seen.over.set()
        server.shutdown()


def _whole(seen: Seen) -> bool:
    return seen.received.partition(b"\r\n\r\n")[2] == b"abcdef"


def test_a_header_goes_out_as_it_was_written(send: Send, seen: Seen) -> None:
    answer = send(headers=[("X-Request-ID", 'x\x1b\x01"}{')])
    assert b'X-Request-ID: x\x1b\x01"}{\r\n' in seen.received
    assert seen.received.startswith(b"GET /v1/x HTTP/1.1\r\n")
    assert b"X-Tenant: a\r\n" in seen.received
    assert (answer.status, answer.all("X-Request-Id")) == (404, ("one", "two"))


def test_the_second_half_of_the_body_comes_after_the_wait(send: Send) -> None:
    answer = send(method="POST", body=b"abcdef", body_wait_seconds=0.05)
    assert answer.status == 404
    assert answer.seconds >= 0.05


def test_the_request_comes_from_the_chosen_address(send: Send, seen: Seen) -> None:
    if send(source="127.0.0.77").error:
        pytest.skip("this system has one loopback address only")
    assert seen.client == "127.0.0.77"


@pytest.mark.parametrize("answer", [b"SSH-2.0-x\r\n", b"HTTP/1.1 abc\r\n\r\n", b"\r\n"])
def test_what_is_no_http_is_told(send: Send, seen: Seen, answer: bytes) -> None:
    seen.answer = answer
    assert send().status is None
    assert send().error == "no HTTP answer"


def test_silence_costs_its_bound(send: Send, seen: Seen) -> None:
    seen.answer = b""
    answer = send(timeout_seconds=0.1)
    assert answer.status is None
    assert "timed out" in (answer.error or "")


def test_a_refused_connection_is_told_and_not_raised() -> None:
    stack: Any = Stack(1)
    assert "refused" in (send_raw(stack, ENTRY, method="GET", path="/").error or "").lower()


def test_a_running_system_gets_no_request_that_may_change_it(send: Send, seen: Seen) -> None:
    with pytest.raises(UnsupportedError):
        send(method="POST", capabilities=frozenset())
    assert seen.received == b""
