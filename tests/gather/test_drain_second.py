"""The second stop signal, sent to a service that is a server of this test."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest

from readiness.exceptions import StackError
from readiness.facts.drain import Fate, Kind, SecondSignal
from readiness.gather import drain_bound
from readiness.gather.drain_asking import Manner, Open
from readiness.instruments.client import HttpClient
from readiness.runtime import Endpoint, ServiceState, Stack
from readiness.target import Entry, Request, Target
from readiness.verdict import Inconclusive
from tests.gather.asked import FakeHttp

ENTRY = Entry(name="direct", service="api", port=8000)
HALF = Open(kind=Kind.UPLOAD, request=Request(method="POST", path="/embed", json={"text": "tea"}), name="half")
#: The drain of this service takes so long.
TIMEOUT = 1.0


class Service:
    """Keeps what is open until its drain is over, or until the second signal where that forces it."""

    def __init__(self, *, forces: bool = False, cuts_at_once: bool = False) -> None:
        self.forces, self.cuts_at_once = forces, cuts_at_once
        self.signals: list[str] = []
        self.started = 0
        self.ended_unix: float | None = None
        self.port = 0
        self._end = asyncio.Event()
        self._loop = asyncio.new_event_loop()

    def endpoint(self, _service: str, _port: int) -> Endpoint:
        return Endpoint(host="127.0.0.1", port=self.port)

    def start(self, service: str) -> None:
        self.started += 1

    def signal(self, service: str, signal: str) -> None:
        if self.ended_unix is not None:
            raise StackError("it does not run")
        self.signals.append(signal)
        if self.cuts_at_once or (self.forces and len(self.signals) > 1):
            self.end()
        elif len(self.signals) == 1:
            threading.Timer(TIMEOUT, self.end).start()

    def end(self) -> None:
        if self.ended_unix is None:
            self.ended_unix = time.time()
            self._loop.call_soon_threadsafe(self._end.set)

    def state(self, service: str) -> ServiceState:
        if self.ended_unix is None:
            return ServiceState(service=service, status="running", instance="1", started_at="")
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(self.ended_unix))
        at = f"{moment}.{round(1e6 * (self.ended_unix % 1)):06d}Z"
        return ServiceState(service=service, status="exited", instance="1", started_at="", exit_code=0, finished_at=at)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._end.wait()
        writer.close()

    @contextlib.contextmanager
    def serving(self) -> Iterator[None]:
        server = self._loop.run_until_complete(asyncio.start_server(self.serve, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        thread.start()
        yield
        server.close()
        self._loop.call_soon_threadsafe(self._loop.stop)
        thread.join(5)
        self._loop.close()


@pytest.fixture
def twice(monkeypatch: pytest.MonkeyPatch) -> Callable[..., SecondSignal]:
    monkeypatch.setattr(drain_bound, "OPENING_SECONDS", 0.1)
    monkeypatch.setattr(drain_bound, "SECOND_SECONDS", 0.3)
    monkeypatch.setattr(drain_bound, "LOWERED_SECONDS", 1)
    monkeypatch.setattr(drain_bound, "WATCHED_SECONDS", 0.5)
    monkeypatch.setattr(drain_bound, "manner_of", lambda *_: Manner(service="api", signal="SIGQUIT"))

    def run(service: Service, *, is_back: bool = True) -> SecondSignal:
        monkeypatch.setattr(drain_bound, "back", lambda *_: is_back)
        target = Target(name="shop", folder="shop", service="api", entries=(ENTRY,))
        http = cast("HttpClient", FakeHttp(cast("Any", None)))
        with service.serving():
            return drain_bound._second(target, cast("Stack", service), http, ENTRY, HALF)

    return run


def test_one_that_goes_on_is_cut_at_its_timeout(twice: Callable[..., SecondSignal]) -> None:
    service = Service()
    second = twice(service)
    assert (service.started, service.signals) == (1, ["SIGQUIT", "SIGQUIT"])
    assert second.held.fate is Fate.RESET
    assert second.cut_seconds == pytest.approx(TIMEOUT, abs=0.25)
    assert second.sent_seconds == pytest.approx(0.3, abs=0.2)
    assert second.timeout_seconds == 1.0
    assert second.ending.grace_seconds is None


def test_one_that_is_forced_is_cut_by_the_second(twice: Callable[..., SecondSignal]) -> None:
    second = twice(Service(forces=True))
    assert second.sent_seconds <= second.cut_seconds < second.sent_seconds + 0.4


def test_one_that_is_gone_is_not_asked_again(twice: Callable[..., SecondSignal]) -> None:
    service = Service(cuts_at_once=True)
    second = twice(service)
    assert service.signals == ["SIGQUIT"]
    assert second.cut_seconds < second.sent_seconds


def test_one_that_does_not_come_back_is_told(twice: Callable[..., SecondSignal]) -> None:
    with pytest.raises(Inconclusive, match="did not become ready again"):
        twice(Service(), is_back=False)
