"""How the run without a signal decides what is in flight at the stop, against a small service."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from typing import Any, cast

import pytest

from readiness.facts.drain import Kind
from readiness.gather import drain_runs
from readiness.gather.drain_asking import Manner
from readiness.gather.drain_crowd import crowd_of
from readiness.gather.drain_load import LoadPlan
from readiness.gather.drain_runs import DrainPlan
from readiness.instruments.client import HttpClient
from readiness.instruments.faults import Faults
from readiness.runtime import Endpoint, Stack
from readiness.target import Entry, Probe, ProbeKind, Target

ENTRY = Entry(name="direct", service="api", port=8000)
PLAN = DrainPlan(
    load=LoadPlan(step=0.1, ramped=0.2, queued=0.05, taken=0.05, hold=1.5, spread=0.2, patience=5.0), limited=7.0
)


class Service:
    """Answers 201 to whole requests, the first ``allowed`` of them; serves ``at_once`` connections at a time."""

    def __init__(self, *, allowed: int = 1000, refusal: int = 429, at_once: int = 1000) -> None:
        self.left, self.refusal, self.at_once = allowed, refusal, at_once
        self.port = 0

    def endpoint(self, _service: str, _port: int) -> Endpoint:
        return Endpoint(host="127.0.0.1", port=self.port)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with self.workers:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
                length = next((line for line in head.splitlines() if line.startswith("content-length")), ":0")
                await reader.readexactly(int(length.partition(":")[2]))
                status = 200
                if head.startswith("post"):
                    status, self.left = (201 if self.left > 0 else self.refusal), self.left - 1
                writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
                await writer.drain()
        writer.close()

    @contextlib.contextmanager
    def serving(self) -> Iterator[None]:
        loop = asyncio.new_event_loop()
        self.workers = asyncio.Semaphore(self.at_once)
        server = loop.run_until_complete(asyncio.start_server(self.serve, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        thread = threading.Thread(target=loop.run_forever, daemon=True)
        thread.start()
        yield
        server.close()
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)
        loop.close()


class Control:
    """What the run found: how many are left, why no more, and how long a limiter was waited for."""

    def __init__(self, service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
        waits: list[float] = []
        monkeypatch.setattr(drain_runs, "manner_of", lambda *_: Manner(service="api"))
        monkeypatch.setattr(drain_runs.time, "sleep", waits.append)
        target = Target(
            name="shop",
            folder="shop",
            service="api",
            entries=(ENTRY,),
            probes={ProbeKind.LIVE: Probe(kind=ProbeKind.LIVE, path="/live")},
            extra={"record": {"create": {"method": "POST", "path": "/items", "json": {"name": "Kettle"}}}},
        )
        runs = drain_runs._Runs(
            target=target,
            stack=cast("Stack", service),
            http=cast("HttpClient", None),
            faults=cast("Faults", None),
            progress=cast("Any", lambda *_, **__: None),
            plan=PLAN,
        )
        with service.serving():
            crowd = crowd_of(target, runs._few(), beside=20)
            self.control, self.left = runs._control(crowd.wanted)
        self.fewer, self.waits = runs._fewer(crowd, self.left), waits


def test_who_takes_fifty_is_stopped_with_fifty(monkeypatch: pytest.MonkeyPatch) -> None:
    found = Control(Service(), monkeypatch)
    assert (len(found.left), found.fewer, found.waits) == (50, "", [])
    assert sum(r.kind is Kind.WRITE for r in found.control) == 50


def test_a_limiter_makes_it_half_of_what_it_let_through_and_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    found = Control(Service(allowed=20), monkeypatch)
    assert (len(found.left), found.waits) == (10, [7.0])
    assert "30 of 50 not answered well" in found.fewer
    assert "429" in found.fewer


def test_who_takes_a_record_only_once_is_not_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    found = Control(Service(allowed=1, refusal=409), monkeypatch)
    assert found.left == ()
    assert found.waits == []


@pytest.mark.parametrize(("at_once", "most"), [(1, 1), (8, 4)])
def test_who_serves_few_at_once_is_stopped_with_fewer(monkeypatch: pytest.MonkeyPatch, at_once: int, most: int) -> None:
    found = Control(Service(at_once=at_once), monkeypatch)
    assert 1 <= len(found.left) <= most
    assert "new connections had to wait" in found.fewer
