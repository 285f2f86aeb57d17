from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from readiness.exceptions import StackError
from readiness.instruments import poller as module
from readiness.instruments.poller import (
    NO_ANSWER,
    Ask,
    Poller,
    Sample,
    ask_once,
    burst,
    host_header,
    loopback_server,
    run_bounded,
)
from readiness.runtime import Endpoint
from readiness.target import Entry, Request

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
ENTRY = Entry(name="direct", service="api", port=8000)
Handler = Callable[[socket.socket, bytes], None]


@contextlib.contextmanager
def serving(handle: Handler) -> Iterator[Endpoint]:
    """A server that hands every connection and its first bytes to ``handle``."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(5)
        is_open = True

        def one(connection: socket.socket) -> None:
            with connection, contextlib.suppress(OSError):
                connection.settimeout(5)
                handle(connection, connection.recv(65536))

        def loop() -> None:
            while is_open:
                with contextlib.suppress(OSError):
                    connection, _ = server.accept()
                    threading.Thread(target=one, args=(connection,), daemon=True).start()

        threading.Thread(target=loop, daemon=True).start()
        yield Endpoint(host="127.0.0.1", port=server.getsockname()[1])
        is_open = False


def fixed(answer: bytes) -> Handler:
    return lambda connection, _: connection.sendall(answer)


def ask(name: str = "live", path: str = "/health", **values: object) -> Ask:
    return Ask(name=name, entry=ENTRY, request=Request(path=path), **{"timeout_seconds": 2.0, **values})  # type: ignore[arg-type]  # values of tests


def once(question: Ask, where: Endpoint | None) -> Sample:
    return run_bounded(ask_once(question, where), at_most_seconds=10)


def unused_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def test_an_answer_is_recorded_whole() -> None:
    with serving(fixed(b"HTTP/1.1 503 No\r\nX-Seen: 1\r\nX-Seen: 2\r\nContent-Length: 4\r\n\r\ndown")) as where:
        sample = once(ask(), where)
    assert (sample.status, sample.body, sample.error) == (503, "down", None)
    assert sample.headers[:2] == (("X-Seen", "1"), ("X-Seen", "2"))
    assert 0 < sample.seconds < 2


def test_the_request_is_a_probers() -> None:
    seen: list[bytes] = []

    def handle(connection: socket.socket, data: bytes) -> None:
        seen.append(data)
        connection.sendall(OK)

    with serving(handle) as where:
        once(ask(path="/health?a=b c"), where)
        once(Ask(name="proof", entry=ENTRY, request=Request(method="POST", path="/embed", json={"a": 1})), where)
    head = seen[0].decode()
    assert head.startswith("GET /health?a=b%20c HTTP/1.1\r\n")
    assert "Host: localhost:8000\r\n" in head
    assert "connection: close" in head.lower()
    assert seen[1].endswith(b'{"a": 1}')
    assert b"application/json" in seen[1]


def test_the_host_is_the_declared_server_name() -> None:
    assert host_header(Entry(name="proxy", service="web", port=443, https=True, server_name="shop.test")) == "shop.test"
    assert host_header(Entry(name="proxy", service="web", port=443, https=True)) == "localhost"


def test_chunks_are_joined() -> None:
    with serving(
        fixed(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n")
    ) as where:
        assert once(ask(), where).body == "abc"


def test_a_body_is_bounded() -> None:
    with serving(fixed(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 300_000)) as where:
        assert len(once(ask(), where).body) == module.MAX_BODY_BYTES


def test_a_refusal_is_recorded() -> None:
    sample = once(ask(), Endpoint(host="127.0.0.1", port=unused_port()))
    assert sample.status is None
    assert "refused" in (sample.error or "").lower()


@pytest.mark.parametrize(
    "answer", [b"", b"SSH-2.0-OpenSSH\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort"]
)
def test_garbage_is_recorded(answer: bytes) -> None:
    with serving(fixed(answer)) as where:
        sample = once(ask(), where)
    assert sample.status is None
    assert sample.error


def test_silence_ends_after_the_patience() -> None:
    release = threading.Event()
    with serving(lambda *_: release.wait(5) and None) as where:
        sample = once(ask(timeout_seconds=0.1), where)
    release.set()
    assert (sample.error or "").startswith(NO_ANSWER)
    assert sample.seconds < 2


def test_a_slow_drip_does_not_outlast_the_patience() -> None:
    stop = threading.Event()

    def drip(connection: socket.socket, _: bytes) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        while not stop.wait(0.02):
            connection.sendall(b"a")

    with serving(drip) as where:
        sample = once(ask(timeout_seconds=0.2), where)
    stop.set()
    assert (sample.error or "").startswith(NO_ANSWER)


def test_no_address_is_an_answer_too() -> None:
    assert "no address" in (once(ask(), None).error or "")


def test_a_hanging_probe_delays_no_other() -> None:
    release = threading.Event()

    def handle(connection: socket.socket, data: bytes) -> None:
        if b"/hang" in data:
            release.wait(5)
        connection.sendall(OK)

    with serving(handle) as where:
        questions = (ask("live"), ask("ready", "/hang", timeout_seconds=5.0))
        with Poller(questions, resolve=lambda *_: where, interval_seconds=0.01) as poller:
            assert poller.wait(lambda: len(poller.samples("live")) >= 5, at_most_seconds=5)
            assert poller.samples("ready") == ()
        release.set()


def test_nothing_is_sent_in_the_quiet() -> None:
    arrived: list[float] = []

    def handle(connection: socket.socket, _: bytes) -> None:
        arrived.append(time.monotonic())
        connection.sendall(OK)

    with serving(handle) as where, Poller((ask(),), resolve=lambda *_: where, interval_seconds=0.005) as poller:
        poller.wait(lambda: len(poller.samples("live")) >= 3, at_most_seconds=5)
        with poller.quiet(at_most_seconds=2):
            known, before = len(arrived), len(poller.samples("live"))
            assert known == before
            poller.wait(lambda: False, at_most_seconds=0.1)
            assert len(arrived) == known
        assert poller.wait(lambda: len(poller.samples("live")) > before, at_most_seconds=5)


def test_the_quiet_waits_for_a_request_under_way() -> None:
    started, release = threading.Event(), threading.Event()

    def handle(connection: socket.socket, _: bytes) -> None:
        started.set()
        release.wait(5)
        connection.sendall(OK)

    with serving(handle) as where, Poller((ask(),), resolve=lambda *_: where, interval_seconds=0.01) as poller:
        started.wait(5)
        threading.Timer(0.1, release.set).start()
        with poller.quiet(at_most_seconds=5):
            assert [sample.status for sample in poller.samples("live")] == [200]


def test_a_moved_port_is_found_again() -> None:
    with serving(fixed(OK)) as where:
        places = [Endpoint(host="127.0.0.1", port=unused_port()), where]

        def resolve(service: str, port: int) -> Endpoint:
            assert (service, port) == ("api", 8000)
            return places.pop(0) if len(places) > 1 else places[0]

        with Poller((ask(),), resolve=resolve, interval_seconds=0.01) as poller:
            assert poller.wait(lambda: any(s.status == 200 for s in poller.samples("live")), at_most_seconds=5)
            assert poller.samples("live")[0].status is None


def test_a_service_without_a_port_is_asked_for_again() -> None:
    def resolve(*_: object) -> Endpoint:
        raise StackError("exited")

    with Poller((ask(),), resolve=resolve, interval_seconds=0.01) as poller:
        assert poller.wait(lambda: len(poller.samples("live")) >= 2, at_most_seconds=5)
    assert "no address" in (poller.samples("live")[0].error or "")


def test_a_limiter_is_not_asked_at_full_speed() -> None:
    refused = b"HTTP/1.1 429 Slow\r\nContent-Length: 0\r\n\r\n"
    with serving(fixed(refused)) as where, Poller((ask(),), resolve=lambda *_: where, interval_seconds=0.005) as poller:
        poller.wait(lambda: len(poller.samples("live")) > 1, at_most_seconds=0.3)
        assert len(poller.samples("live")) == 1


def test_our_own_failure_is_not_silence() -> None:
    def resolve(*_: object) -> Endpoint:
        raise ZeroDivisionError

    with Poller((ask(),), resolve=resolve) as poller, pytest.raises(RuntimeError, match="poller died"):
        poller.wait(lambda: bool(poller.samples("live")), at_most_seconds=2)


def test_a_burst_sends_what_is_asked_a_few_at_a_time() -> None:
    now, most, lock = 0, 0, threading.Lock()

    def handle(connection: socket.socket, _: bytes) -> None:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        connection.sendall(OK)
        with lock:
            now -= 1

    with serving(handle) as where:
        samples = run_bounded(burst(ask(), where, count=40, at_once=4, stop_on=lambda _: False), at_most_seconds=10)
    assert [sample.status for sample in samples] == [200] * 40
    assert most <= 4


def test_a_burst_ends_with_the_first_refusal() -> None:
    with serving(fixed(b"HTTP/1.1 429 Slow\r\nContent-Length: 0\r\n\r\n")) as where:
        work = burst(ask(), where, count=500, at_once=2, stop_on=lambda sample: sample.status == 429)
        assert len(run_bounded(work, at_most_seconds=10)) <= 4


def test_the_loopback_server_answers() -> None:
    async def work() -> Sample:
        async with loopback_server() as where:
            return await ask_once(ask(), where)

    assert run_bounded(work(), at_most_seconds=5).status == 200


def test_an_error_of_the_work_reaches_the_caller() -> None:
    async def work() -> None:
        raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        run_bounded(work(), at_most_seconds=5)
