"""What a drain's load sends to a small service, and in which order."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import threading
import time
from collections.abc import Iterator
from typing import Any, cast

import pytest

from readiness.exceptions import GatherError
from readiness.facts.drain import Fate, Kind
from readiness.gather import drain_load
from readiness.gather.drain_asking import Open
from readiness.gather.drain_load import Load, Loader, LoadPlan
from readiness.runtime import Endpoint, Stack
from readiness.target import Entry, Paths, Probe, ProbeKind, Request, Role, Target

ENTRY = Entry(name="direct", service="api", port=8000)
PLAN = LoadPlan(
    step=0.01,
    ramped=0.02,
    queued=0.05,
    taken=0.05,
    hold=0.3,
    spread=0.05,
    patience=3.0,
    write_interval=0.05,
    interval=0.05,
)
POST = Request(method="POST", path="/items", json={"name": "Kettle"})
WRITE = Open(kind=Kind.WRITE, request=POST, name="write")
STREAM = Open(kind=Kind.STREAM, request=Request(path="/export"), name="stream")
LOCKED = Open(kind=Kind.LOCKED, request=Request(path="/items"), name="locked")
JSON = b"Content-Type: application/json\r\nConnection: close\r\n"


class Service:
    """Answers when a request is whole and its table is free; a stream sends its head before it waits for the table."""

    def __init__(self) -> None:
        self.free = threading.Event()
        self.free.set()
        self.port = 0
        self.seen: list[str] = []

    def endpoint(self, _service: str, _port: int) -> Endpoint:
        return Endpoint(host="127.0.0.1", port=self.port)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            method, path, _ = head.split(" ", 2)
            self.seen.append(f"{method} {path}")
            length = next(
                (int(line.split(":")[1]) for line in head.splitlines() if line.startswith("content-length")), 0
            )
            await reader.readexactly(length)
            if path == "/export":
                writer.write(
                    b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n"
                )
                await writer.drain()
            if path != "/live":
                while not self.free.is_set():  # noqa: ASYNC110  # another thread tells
                    await asyncio.sleep(0.01)
            if path == "/export":
                writer.write(b"3\r\n{}\n\r\n0\r\n\r\n")
            else:
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n" + JSON + b'\r\n{"id":1}')
            await writer.drain()
        writer.close()


@pytest.fixture
def service() -> Iterator[Service]:
    found, loop = Service(), asyncio.new_event_loop()

    server = loop.run_until_complete(asyncio.start_server(found.serve, "127.0.0.1", 0))
    found.port = server.sockets[0].getsockname()[1]
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    yield found
    server.close()
    loop.call_soon_threadsafe(loop.stop)
    thread.join(5)
    loop.close()


@pytest.fixture
def locking(service: Service, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    asked: dict[str, Any] = {}

    @contextlib.contextmanager
    def locked(_stack: Stack, name: str, **told: Any) -> Iterator[None]:
        asked.update(told, service=name)
        service.free.clear()
        yield
        service.free.set()

    monkeypatch.setattr(drain_load, "tables_locked", locked)
    return asked


def target(**roles: Any) -> Target:
    return Target(
        name="shop",
        folder="shop",
        service="api",
        entries=(ENTRY,),
        roles={Role.DB: ("db",)} if not roles else roles["roles"],
        probes={
            ProbeKind.LIVE: Probe(kind=ProbeKind.LIVE, path="/live"),
            ProbeKind.READY: Probe(kind=ProbeKind.READY, path="/live"),
        },
        extra={"record": {"create": {"method": "POST", "path": "/items", "json": {}}}},
    )


def run(service: Service, wanted: list[Open], *, writes: bool = False, declared: Target | None = None) -> Load:
    load = Load()

    def is_over() -> bool:
        return load.opened.is_set() and time.monotonic() > load.opened_at + PLAN.hold

    stack = cast("Stack", service)
    loader = Loader(declared or target(), stack, ENTRY, headers={}, plan=PLAN, load=load, writes=writes, until=is_over)
    asyncio.run(loader.run(wanted))
    return load


def test_a_new_connection_that_is_answered_shows_that_nobody_waits_in_the_queue(service: Service) -> None:
    assert run(service, [WRITE]).is_taken_on


def test_an_answer_from_before_the_lock_stands(service: Service, locking: dict[str, Any]) -> None:
    """Where nothing is known that needs no table, new connections wait for the lock as everybody does."""
    declared = dataclasses.replace(target(), probes={}, paths=Paths(ok=Request(path="/items")))
    read = Open(kind=Kind.LOCKED, request=Request(path="/items"), name="read")
    load = run(service, [WRITE, read], declared=declared)
    assert locking["service"] == "db"
    assert load.is_taken_on


def test_new_connections_that_have_no_answer_are_told(service: Service) -> None:
    service.free.clear()
    declared = dataclasses.replace(target(), probes={}, paths=Paths(ok=Request(path="/items")))
    assert not run(service, [WRITE], declared=declared).is_taken_on
    service.free.set()
    assert run(service, [WRITE], declared=declared).is_taken_on


def test_halves_are_open_when_the_signal_can_come_and_finish_when_it_is_time(service: Service) -> None:
    load = run(service, [WRITE] * 12)
    held = [r for r in load.tracked(load.opened_at) if r.name == "write"]
    assert len(held) == 12
    assert all(r.sent_seconds < 0 < PLAN.hold <= r.ended_seconds and r.fate is Fate.FINISHED for r in held)
    released = sorted(r.released_seconds or 0.0 for r in held)
    assert released[-1] - released[0] >= PLAN.spread / 2  # one after the other
    assert {status for _, status in load.probed(load.opened_at)} == {200}
    assert load.new
    assert load.quick == []


def test_a_short_stream_is_opened_again_under_the_lock(service: Service, locking: dict[str, Any]) -> None:
    load = run(service, [STREAM, LOCKED])
    streams = [held.tracked(load.opened_at) for held in load.held if held.kind is Kind.STREAM]
    assert len(streams) == 1
    assert (streams[0].head_seconds or 0.0) < 0 < PLAN.hold <= streams[0].ended_seconds
    assert (streams[0].status, streams[0].shape) == (200, "application/x-ndjson")
    assert service.seen.count("get /export") == 2
    locked = next(held.tracked(load.opened_at) for held in load.held if held.kind is Kind.LOCKED)
    assert locked.sent_seconds < 0 < PLAN.hold <= locked.ended_seconds
    assert locking["service"] == "db"
    assert locking["users"] == ("api",)
    assert locking["at_most_seconds"] == PLAN.hold + PLAN.locked_more


def test_tables_that_cannot_be_locked_are_told(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    @contextlib.contextmanager
    def refused(*_: Any, **__: Any) -> Iterator[None]:
        raise GatherError("permission denied")
        yield

    monkeypatch.setattr(drain_load, "tables_locked", refused)
    load = run(service, [WRITE, STREAM, LOCKED])
    assert load.problem == "the tables could not be locked: permission denied"
    assert all(held.reply is not None and held.reply.fate is Fate.FINISHED for held in load.held)


def test_without_a_database_a_short_stream_is_over(service: Service) -> None:
    load = run(service, [STREAM], declared=target(roles={}))
    assert load.problem == ""
    assert [held.tracked(load.opened_at).ended_seconds < 0 for held in load.held] == [True]


def test_beside_a_stop_records_are_written_and_half_a_head_is_sent(service: Service) -> None:
    load = run(service, [WRITE], writes=True)
    assert {held.kind for held in load.held} == {Kind.HEAD, Kind.WRITE}
    assert 2 <= len(load.quick) <= PLAN.writes + 1
    assert {held.reply.status for held in load.quick if held.reply is not None} == {200}


def test_a_short_grace_period_shortens_what_is_held_back_and_a_long_one_changes_nothing() -> None:
    assert LoadPlan().within(10.0) == LoadPlan()
    short = LoadPlan().within(4.0)
    assert short.hold + short.spread < 4.0 / 2
    assert LoadPlan().within(0.0).hold == 0
