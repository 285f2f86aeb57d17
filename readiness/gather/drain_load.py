"""What is in flight around a stop: opened step by step, held for a while, then made whole one after the other.

Beside it new connections, the readiness probe and ordinary writes are tried all the time.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from readiness.declared.record import record_of
from readiness.exceptions import GatherError, StackError, UnsupportedError
from readiness.facts.drain import Fate, Kind, Tracked
from readiness.gather.drain_asking import Open, asked_quickly
from readiness.gather.drain_crowd import groups
from readiness.instruments.held import Held, Reply
from readiness.instruments.table_lock import tables_locked
from readiness.runtime import Stack
from readiness.target import Entry, ProbeKind, Request, Role, Target

__all__ = ["Load", "LoadPlan", "Loader"]

LOOK_SECONDS = 0.02


@dataclass(frozen=True, kw_only=True)
class LoadPlan:
    """Times in seconds.

    Attributes:
        step: between two steps of the opening, each larger than the one before. ``ramped`` after the last.
        hold: from the moment when everything is open to the one from which on it can be finished. The ledger's advice:
            about 3.
        spread: over so long the requests are made whole: how many a service works on at the same moment is no question
            of its drain.
        acquire, locked_more: until the tables are locked at most, and how long beyond ``hold`` they can stay so.
        queued: from the last step on, at least, before anything else is opened: a connection that found the queue of the
            port full is offered again by this machine's kernel after 0.2 s, and after twice as long each time.
        taken: from the last request to the moment when everything counts as open, at least; ``answered`` at most, while a
            new connection, which comes after all others in the queue of the port, has no answer.
        head: until a streamed answer has begun, at most.
        interval: between two new connections.
        patience: for an answer after it could be given; ``new`` for that of a new connection.
        write_interval, writes: quick writes go on around the signal, so many at most.
    """

    step: float = 0.1
    ramped: float = 0.2
    hold: float = 3.0
    spread: float = 0.6
    acquire: float = 1.5
    locked_more: float = 1.0
    queued: float = 0.8
    taken: float = 0.2
    answered: float = 2.0
    head: float = 1.0
    interval: float = 0.1
    patience: float = 10.0
    new: float = 4.0
    write_interval: float = 0.2
    writes: int = 20

    def within(self, grace_seconds: float) -> LoadPlan:
        """The plan for a service that is killed after so long: what is held back leaves most of that time for finishing."""
        hold, spread = min(self.hold, grace_seconds / 3), min(self.spread, grace_seconds / 10)
        return dataclasses.replace(self, hold=hold, spread=spread)

    @property
    def opening(self) -> float:
        """Until everything is open, at most."""
        return (
            15 * self.step
            + self.ramped
            + self.acquire
            + 5
            + 2 * self.head
            + self.queued
            + self.taken
            + 2 * self.answered
        )

    @property
    def most(self) -> float:
        """From the first request to the last answer, at most."""
        return self.opening + self.hold + self.spread + self.patience


@dataclass(kw_only=True)
class Load:
    """What was sent in one run, as it grows; times are of the monotonic clock."""

    held: list[Held] = field(default_factory=list)
    new: list[Held] = field(default_factory=list)
    quick: list[Held] = field(default_factory=list)
    ready: list[tuple[float, int]] = field(default_factory=list)
    running: list[asyncio.Task[Reply]] = field(default_factory=list)
    #: When the last step of the opening was over; from then on the tables may be locked.
    ramped_at: float = 0.0
    #: When everything was open.
    opened_at: float = 0.0
    #: Nobody waited to be taken on by then: a new connection had its answer.
    is_taken_on: bool = False
    opened: threading.Event = field(default_factory=threading.Event)
    locked: threading.Event = field(default_factory=threading.Event)
    unlock: threading.Event = field(default_factory=threading.Event)
    problem: str = ""

    def begin(self, held: Held, kept: list[Held], patience: float) -> None:
        """Run a request beside the others."""
        kept.append(held)
        self.running.append(asyncio.create_task(held.run(timeout_seconds=patience)))

    def tracked(self, zero: float) -> tuple[Tracked, ...]:
        """Everything, in order of sending."""
        every = [held.tracked(zero) for held in (*self.held, *self.new, *self.quick)]
        return tuple(sorted(every, key=lambda request: request.sent_seconds))

    def probed(self, zero: float) -> tuple[tuple[float, int], ...]:
        """The readiness probe's answers."""
        return tuple((round(at - zero, 3), status) for at, status in self.ready)


class Loader:
    """Fills one :class:`Load`.

    Args:
        target, stack, entry: who is asked, and where.
        headers: of requests that need a login.
        writes: whether records are written beside what is in flight, and half a head is sent.
        until: whether asking anew can end.
    """

    def __init__(
        self,
        target: Target,
        stack: Stack,
        entry: Entry,
        *,
        headers: Mapping[str, str],
        plan: LoadPlan,
        load: Load,
        writes: bool,
        until: Callable[[], bool],
    ) -> None:
        self._target, self._stack, self._entry, self._headers = target, stack, entry, headers
        self._plan, self._load, self._writes, self._until = plan, load, writes, until

    async def run(self, wanted: Sequence[Open]) -> None:
        """Open everything, finish what is held at its time, and go on asking until it is over."""
        plan, load = self._plan, self._load
        askers = [self._ask_anew(), self._ask_ready()]
        if self._writes:
            half = Open(kind=Kind.HEAD, request=asked_quickly(self._target, self._entry), name="half a head")
            self._begin(half)
            askers += [self._write() for _ in range(2)]
        asking = [asyncio.create_task(asker) for asker in askers]
        await self._ramp([one for one in wanted if one.kind not in {Kind.STREAM, Kind.LOCKED}])
        await self._taken_on(plan.queued)
        lock = await self._last([one for one in wanted if one.kind in {Kind.STREAM, Kind.LOCKED}])
        await self._taken_on(plan.taken)
        load.opened_at = time.monotonic()
        load.opened.set()
        await asyncio.sleep(plan.hold)
        load.unlock.set()
        if lock is not None:
            await lock
        for held in list(load.held):
            held.release()
            await asyncio.sleep(plan.spread / len(load.held))
        await asyncio.gather(*asking)
        await asyncio.gather(*load.running)

    async def _ramp(self, wanted: Sequence[Open]) -> None:
        """Open what needs nothing but a connection, step by step."""
        for group in groups(wanted):
            for one in group:
                self._begin(one)
                # Some servers have a queue of five for connections that they have not taken on yet.
                await asyncio.sleep(self._plan.step / len(group))
        await asyncio.sleep(self._plan.ramped)
        self._load.ramped_at = time.monotonic()

    async def _last(self, wanted: Sequence[Open]) -> asyncio.Task[None] | None:
        """Open what keeps a table or waits for one; returns the lock, if there is one."""
        load = self._load
        streams = [(one, await self._stream(one)) for one in wanted if one.kind is Kind.STREAM]
        locked = [one for one in wanted if one.kind is Kind.LOCKED]
        if not wanted:
            return None
        lock = asyncio.create_task(asyncio.to_thread(self._lock))
        while not load.locked.is_set() and not lock.done():  # noqa: ASYNC110  # another thread tells
            await asyncio.sleep(LOOK_SECONDS)
        for one, held in streams if load.locked.is_set() else ():
            if held.reply is not None:
                # It was over before anything could happen to it; now it has to wait for the tables.
                load.held.remove(held)
                await self._stream(one)
        for one in locked:
            await self._begin(one).sent()
        return lock

    async def _taken_on(self, at_least_seconds: float) -> None:
        """Wait until what was sent has left the queue of the port: a server that closes it cuts whom it never saw."""
        load, plan = self._load, self._plan
        held = Held(self._stack, self._entry, asked_quickly(self._target, self._entry), kind=Kind.NEW)
        load.begin(held, load.new, plan.new)
        last = load.running[-1]
        await asyncio.sleep(at_least_seconds)
        await asyncio.wait([last], timeout=plan.answered)
        # Where the tables are locked by now, an answer may have to wait for them: the one from before stands.
        load.is_taken_on |= held.reply is not None and held.reply.fate is Fate.FINISHED

    def _held(self, one: Open) -> Held:
        """Not sent yet."""
        headers = {} if one.request.as_user == "anonymous" else self._headers
        return Held(self._stack, self._entry, one.request, kind=one.kind, headers=headers, name=one.name)

    def _begin(self, one: Open) -> Held:
        held = self._held(one)
        self._load.begin(held, self._load.held, self._plan.most)
        return held

    async def _stream(self, one: Open) -> Held:
        """Opened, and its answer begun, if it begins in time."""
        held = self._begin(one)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(held.begun(), self._plan.head)
        return held

    def _lock(self) -> None:
        load, plan = self._load, self._plan
        databases = self._target.services_of(Role.DB)
        if not databases:
            return
        users = (self._target.service or "",)
        most = plan.hold + plan.locked_more
        try:
            with tables_locked(
                self._stack, databases[0], users=users, at_most_seconds=most, acquire_seconds=plan.acquire
            ):
                load.locked.set()
                load.unlock.wait(most)
        except (GatherError, StackError, UnsupportedError) as error:
            load.problem = f"the tables could not be locked: {error}"[:300]

    async def _ask_anew(self) -> None:
        request = asked_quickly(self._target, self._entry)
        while not self._until():
            held = Held(self._stack, self._entry, request, kind=Kind.NEW)
            self._load.begin(held, self._load.new, self._plan.new)
            await asyncio.sleep(self._plan.interval)

    async def _ask_ready(self) -> None:
        probe = self._target.probes.get(ProbeKind.READY)
        if probe is None or probe.service is not None:
            return
        while not self._until():
            held = Held(self._stack, self._entry, Request(path=probe.path), kind=Kind.NEW)
            sent = time.monotonic()
            reply = await held.run(timeout_seconds=self._plan.new)
            self._load.ready.append((sent, reply.status or 0))
            await asyncio.sleep(self._plan.interval)

    async def _write(self) -> None:
        """Writes one after the other, until nobody takes them any more."""
        record, load, plan = record_of(self._target), self._load, self._plan
        if record is None:
            return
        one = Open(kind=Kind.QUICK, request=record.create, name="")
        while not self._until() and len(load.quick) < plan.writes:
            held = self._held(one)
            load.quick.append(held)
            reply = await held.run(timeout_seconds=plan.hold + plan.patience)
            if reply.fate is not Fate.FINISHED:
                return
            await asyncio.sleep(plan.write_interval)
