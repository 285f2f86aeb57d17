"""The service under audit stopped under load, and once more with nothing but idle connections."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from readiness.check import Impact
from readiness.declared.drain import drain_of
from readiness.declared.record import record_of
from readiness.exceptions import GatherError, StackError, UnsupportedError
from readiness.facts.drain import DrainRuns, Fate, Kind, Stop, Tracked, Written
from readiness.gather import gatherer
from readiness.gather.drain_asking import (
    LAST_WORDS_SECONDS,
    LOG_LINES,
    Open,
    SessionCount,
    app_entry,
    asked_quickly,
    back,
    ending_of,
    halves,
    headers_for,
    id_in,
    locked_read,
    manner_of,
    slow_of,
)
from readiness.instruments.client import HttpClient
from readiness.instruments.faults import Faults
from readiness.instruments.held import Held, Reply
from readiness.instruments.identity import filled
from readiness.instruments.locks import hold_tables
from readiness.instruments.poller import run_bounded
from readiness.runtime import Capability, Progress, Stack
from readiness.target import ProbeKind, Request, Role, Target

__all__ = ["DrainPlan", "drain_runs"]


@dataclass(frozen=True, kw_only=True)
class DrainPlan:
    """Times in seconds.

    Attributes:
        before: from opening the requests to the signal.
        locked_before: from locking the tables to the signal.
        hold: from the signal to the moment from which on the requests can be finished. The ledger's advice: about 3.
        interval: between two new connections.
        patience: for an answer after it could be given; ``new`` for that of a new connection.
        write_interval, writes: quick writes go on around the signal, so many at most.
        kept: idle connections that are waited for until the service closes them, if that takes ``kept_at_most`` by its
            declaration; ``kept_slack`` beyond it.
        idle: connections, the ledger's figure.
        idle_watched: so long the end after a bare signal is waited for, at most.
        settled: after the end, until the database's count shows it.
    """

    before: float = 1.0
    locked_before: float = 0.4
    hold: float = 3.0
    interval: float = 0.1
    patience: float = 10.0
    new: float = 4.0
    write_interval: float = 0.2
    writes: int = 20
    kept: int = 5
    kept_at_most: float = 15.0
    kept_slack: float = 4.0
    idle: int = 20
    idle_watched: float = 12.0
    settled: float = 1.0


@gatherer(impact=Impact.DISRUPTS, at_most_seconds=120)
def drain_runs(*, target: Target, stack: Stack, http: HttpClient, faults: Faults, progress: Progress) -> DrainRuns:
    """Both stops, with a control before them: the same requests held as long without any signal."""
    for capability in (Capability.STOP, Capability.SIGNAL):
        if capability not in stack.capabilities:
            raise UnsupportedError(capability, runtime=stack.runtime, hint="audit a throw-away stack")
    runs = _Runs(target=target, stack=stack, http=http, faults=faults, progress=progress, plan=DrainPlan())
    return runs.run()


@dataclass(kw_only=True)
class _Load:
    """What was sent in one run, as it grows."""

    held: list[Held] = field(default_factory=list)
    new: list[Held] = field(default_factory=list)
    quick: list[Held] = field(default_factory=list)
    ready: list[tuple[float, int]] = field(default_factory=list)
    running: list[asyncio.Task[Reply]] = field(default_factory=list)
    problem: str = ""

    def begin(self, held: Held, kept: list[Held], patience: float) -> None:
        """Run a request beside the others."""
        kept.append(held)
        self.running.append(asyncio.create_task(held.run(timeout_seconds=patience)))

    def tracked(self, zero: float) -> tuple[Tracked, ...]:
        every = [held.tracked(zero) for held in (*self.held, *self.new, *self.quick)]
        return tuple(sorted(every, key=lambda request: request.sent_seconds))


class _Runs:
    """The two stops of one stack."""

    def __init__(
        self, *, target: Target, stack: Stack, http: HttpClient, faults: Faults, progress: Progress, plan: DrainPlan
    ) -> None:
        self._target, self._stack, self._http, self._faults = target, stack, http, faults
        self._progress, self._plan = progress, plan
        self._entry = app_entry(target)
        self._manner = manner_of(target, stack)
        self._record = record_of(target)
        self._not_done: dict[str, str] = {}
        self._headers: Mapping[str, str] = {}

    def run(self) -> DrainRuns:
        plan, sessions = self._plan, SessionCount(self._target, self._stack)
        wanted = self._wanted()
        sessions.look()
        self._progress("requests held open without a signal", at_most_seconds=plan.hold + plan.patience)
        control = self._control(wanted)
        wanted = self._sound(wanted, control)
        stopped = self._stopped(wanted, sessions)
        kept = self._kept() if "restart" not in self._not_done else ()
        idle = self._idle() if stopped is not None else None
        return DrainRuns(
            service=self._manner.service,
            entry=self._entry.name,
            control=control,
            stopped=stopped,
            kept=kept,
            idle=idle,
            not_done=self._not_done,
        )

    def _wanted(self) -> list[Open]:
        """What to have in flight."""
        found = halves(self._target)
        slow, read = slow_of(self._target), locked_read(self._target)
        if slow is not None:
            found += [Open(kind=Kind.SLOW, request=slow[0], name=f"{slow[0].method} {slow[0].path}, slow")] * 2
        if read is not None:
            name = f"{read.method} {read.path}, its tables locked"
            found.append(Open(kind=Kind.LOCKED, request=read, name=name))
        requests = [one.request for one in found]
        self._headers, problem = headers_for(
            self._target, self._stack, self._http, self._entry, requests=requests, purpose="drain"
        )
        if problem:
            self._not_done["login"] = problem
            found = [one for one in found if one.request.as_user == "anonymous"]
        if not found:
            self._not_done["in flight"] = "neither a request with a body nor a slow one is declared"
        return found

    def _control(self, wanted: list[Open]) -> tuple[Tracked, ...]:
        """The same requests held as long, and nothing happens to the service."""
        if not wanted:
            return ()
        load = _Load()
        zero = time.monotonic() + self._plan.before
        run_bounded(
            self._loaded(
                load, wanted, zero, quick=False, until=lambda: time.monotonic() >= zero + self._plan.hold + 0.5
            ),
            at_most_seconds=self._plan.before + self._plan.hold + self._plan.patience + 15,
        )
        if load.problem:
            self._not_done["lock"] = load.problem
        return load.tracked(zero)

    def _sound(self, wanted: list[Open], control: tuple[Tracked, ...]) -> list[Open]:
        """Those that finished well without a signal: the others would show nothing of the drain."""
        well = {r.name for r in control if r.kind is not Kind.NEW and _is_success(r)}
        ill = {r.name for r in control if r.kind is not Kind.NEW and not _is_success(r)}
        for request in control:
            if request.name in ill and request.kind is not Kind.NEW:
                self._not_done[request.name] = f"also without a signal: {request.label}"
        new = [r for r in control if r.kind is Kind.NEW]
        hung = [r for r in new if r.fate is not Fate.FINISHED]
        if hung:
            # The service serves fewer at once than were open: one in flight is enough, and what is new can be told.
            self._not_done["several at once"] = (
                f"{len(hung)} of {len(new)} other requests went unanswered while {len(well | ill)} were open"
            )
            return [one for one in wanted if one.name in well - ill][:1]
        return [one for one in wanted if one.name in well - ill]

    async def _loaded(
        self, load: _Load, wanted: list[Open], zero: float, *, quick: bool, until: Callable[[], bool]
    ) -> None:
        """Open everything, finish what is held at its time, and go on asking until it is over."""
        plan, deadline = self._plan, zero + self._plan.hold + self._plan.patience
        for one in wanted:
            if one.kind is not Kind.LOCKED:
                load.begin(self._held(one), load.held, deadline - time.monotonic())
        askers = [self._ask_anew(load, until), self._ask_ready(load, zero, until)]
        if quick:
            half = Open(kind=Kind.HEAD, request=asked_quickly(self._target, self._entry), name="half a head")
            load.begin(self._held(half), load.held, deadline - time.monotonic())
            askers += [self._write(load, until) for _ in range(2)]
        asking = [asyncio.create_task(asker) for asker in askers]
        locked = [one for one in wanted if one.kind is Kind.LOCKED]
        if locked:
            await asyncio.sleep(max(0.0, zero - plan.locked_before - time.monotonic()))
            asking.append(asyncio.create_task(asyncio.to_thread(self._lock, load, plan.locked_before + plan.hold)))
            await asyncio.sleep(plan.locked_before / 2)
            for one in locked:
                load.begin(self._held(one), load.held, deadline - time.monotonic())
        await asyncio.sleep(max(0.0, zero + plan.hold - time.monotonic()))
        for held in load.held:
            held.release()
        await asyncio.gather(*asking)
        await asyncio.gather(*load.running)

    def _held(self, one: Open) -> Held:
        headers = {} if one.request.as_user == "anonymous" else self._headers
        return Held(self._stack, self._entry, one.request, kind=one.kind, headers=headers, name=one.name)

    def _lock(self, load: _Load, seconds: float) -> None:
        databases = self._target.services_of(Role.DB)
        try:
            hold_tables(self._stack, databases[0], seconds=seconds, users=[self._manner.service])
        except (GatherError, StackError, UnsupportedError) as error:
            load.problem = f"the tables could not be locked: {error}"[:300]

    async def _ask_anew(self, load: _Load, until: Callable[[], bool]) -> None:
        request = asked_quickly(self._target, self._entry)
        while not until():
            load.begin(Held(self._stack, self._entry, request, kind=Kind.NEW), load.new, self._plan.new)
            await asyncio.sleep(self._plan.interval)

    async def _ask_ready(self, load: _Load, zero: float, until: Callable[[], bool]) -> None:
        probe = self._target.probes.get(ProbeKind.READY)
        if probe is None or probe.service is not None:
            return
        while not until():
            held = Held(self._stack, self._entry, Request(path=probe.path), kind=Kind.NEW)
            sent = time.monotonic()
            reply = await held.run(timeout_seconds=self._plan.new)
            load.ready.append((round(sent - zero, 3), reply.status or 0))
            await asyncio.sleep(self._plan.interval)

    async def _write(self, load: _Load, until: Callable[[], bool]) -> None:
        """Writes one after the other, until nobody takes them any more."""
        if self._record is None or "login" in self._not_done:
            return
        one = Open(kind=Kind.QUICK, request=self._record.create, name="")
        while not until() and len(load.quick) < self._plan.writes:
            held = self._held(one)
            load.quick.append(held)
            reply = await held.run(timeout_seconds=self._plan.hold + self._plan.patience)
            if reply.fate is not Fate.FINISHED:
                return
            await asyncio.sleep(self._plan.write_interval)

    def _stopped(self, wanted: list[Open], sessions: SessionCount) -> Stop | None:
        """The engine's own stop under load."""
        load, manner, plan = _Load(), self._manner, self._plan
        most = manner.grace_seconds + plan.before + plan.hold + plan.patience
        self._progress(f"{manner.service} to stop with requests in flight", at_most_seconds=most)
        sessions.look()
        ended = threading.Event()
        zero = time.monotonic() + plan.before
        enough = zero + plan.hold + plan.new

        def is_over() -> bool:
            return ended.is_set() or time.monotonic() > enough

        loader = threading.Thread(
            target=self._load_in_thread, args=(load, wanted, zero, is_over), name="readiness-drain", daemon=True
        )
        loader.start()
        time.sleep(max(0.0, zero - time.monotonic()))
        zero, zero_unix = time.monotonic(), time.time()
        try:
            with self._faults.stopped(manner.service, at_most_seconds=most + 60):
                watched = time.monotonic() - zero
                ended.set()
                loader.join(plan.hold + plan.patience + 10)
                time.sleep(plan.settled)
                sessions.look()
                ending = ending_of(self._stack, manner, zero_unix=zero_unix, watched=watched, is_killed_later=True)
                log = self._log(zero_unix)
        finally:
            ended.set()
        requests = load.tracked(zero)
        if load.problem and "lock" not in self._not_done:
            self._not_done["lock"] = load.problem
        is_back = back(self._target, self._http, self._entry)
        if not is_back:
            self._not_done["restart"] = f"{manner.service} did not become ready again"
        return Stop(
            ending=ending,
            requests=requests,
            written=tuple(self._read_back(load, zero, is_back=is_back)),
            ready=tuple(load.ready),
            sessions=sessions.result(),
            log=log,
        )

    def _load_in_thread(self, load: _Load, wanted: list[Open], zero: float, until: Callable[[], bool]) -> None:
        plan = self._plan
        most = plan.before + plan.hold + plan.patience + self._manner.grace_seconds + 10
        with contextlib.suppress(TimeoutError):
            run_bounded(self._loaded(load, wanted, zero, quick=True, until=until), at_most_seconds=most)

    def _log(self, since_unix: float) -> tuple[str, ...]:
        moment = datetime.fromtimestamp(since_unix - 0.2, UTC)
        try:
            return tuple(self._stack.logs(self._manner.service, since=moment, tail=LOG_LINES).splitlines())
        except (StackError, UnsupportedError) as error:
            self._not_done["log"] = str(error)[:300]
            return ()

    def _read_back(self, load: _Load, zero: float, *, is_back: bool) -> Iterator[Written]:
        """Every record whose creation was acknowledged, looked for after the restart."""
        record = self._record
        if record is None:
            return
        for held in (*load.held, *load.quick):
            reply = held.reply
            if held.kind not in {Kind.WRITE, Kind.QUICK} or reply is None or reply.fate is not Fate.FINISHED:
                continue
            if reply.status is None or not 200 <= reply.status < 300:  # noqa: PLR2004  # a success
                continue
            place = id_in(record, reply.body)
            at = round(reply.ended_at - zero, 3)
            if place is None:
                detail = f"the answer has no {record.id}"
                yield Written(id="", name=held.name, acknowledged_seconds=at, detail=detail)
                continue
            is_there, detail = self._is_there(place) if is_back else (None, "the service did not come back")
            yield Written(id=place, name=held.name, acknowledged_seconds=at, is_there=is_there, detail=detail)

    def _is_there(self, place: str) -> tuple[bool | None, str]:
        record = self._record
        request = None if record is None else record.read or record.list
        if record is None or request is None:
            return None, "neither record.read nor record.list is declared"
        headers = {} if request.as_user == "anonymous" else self._headers
        ready = filled(request, {"id": place})
        answer = self._http.send(self._entry, ready, headers={**headers, "accept-encoding": "identity"})
        if answer.status in {404, 410} and record.read is not None:
            return False, answer.label[:200]
        if answer.status is None or not 200 <= answer.status < 300:  # noqa: PLR2004  # a success
            return None, answer.label[:200]
        if record.read is None:
            return (True, "") if place in answer.body else (None, "the list does not hold it, and may be cut")
        return True, ""

    def _kept(self) -> tuple[Tracked, ...]:
        """Idle connections, until the service closes them; nothing is stopped."""
        declared, plan = drain_of(self._target).keepalive_seconds, self._plan
        if declared is None:
            return ()
        if declared > plan.kept_at_most:
            self._not_done["keep-alive"] = f"the declared {declared:g} s are not waited for"
            return ()
        most = declared + plan.kept_slack
        self._progress("idle connections to be closed", at_most_seconds=most)
        one = Open(kind=Kind.IDLE, request=asked_quickly(self._target, self._entry), name="an idle connection")
        kept = [self._held(one) for _ in range(plan.kept)]

        async def wait() -> None:
            await asyncio.gather(*(held.run(timeout_seconds=most) for held in kept))

        zero = time.monotonic()
        run_bounded(wait(), at_most_seconds=most + plan.patience)
        return tuple(held.tracked(zero) for held in kept)

    def _idle(self) -> Stop | None:
        """A bare signal, and idle connections alone."""
        manner, plan = self._manner, self._plan
        if "restart" in self._not_done:
            self._not_done["idle"] = self._not_done["restart"]
            return None
        watched = min(plan.idle_watched, max(manner.grace_seconds, 1.0))
        self._progress(f"{manner.service} to end with idle connections", at_most_seconds=watched)
        load, ended, zeros = _Load(), threading.Event(), list[float]()
        opened = threading.Event()
        keeper = threading.Thread(
            target=self._keep_idle, args=(load, opened, ended, watched), name="readiness-idle", daemon=True
        )
        keeper.start()
        opened.wait(plan.patience)
        zeros += [time.monotonic(), time.time()]
        with self._faults.signalled(manner.service, manner.signal, at_most_seconds=watched + 60):
            deadline = zeros[0] + watched
            while self._stack.state(manner.service).is_running and time.monotonic() < deadline:
                time.sleep(0.02)
            seconds = time.monotonic() - zeros[0]
            ended.set()
            keeper.join(plan.patience)
            ending = ending_of(self._stack, manner, zero_unix=zeros[1], watched=seconds, is_killed_later=False)
            log = self._log(zeros[1])
        back(self._target, self._http, self._entry)
        return Stop(ending=ending, requests=load.tracked(zeros[0]), log=log)

    def _keep_idle(self, load: _Load, opened: threading.Event, ended: threading.Event, watched: float) -> None:
        async def keep() -> None:
            request = asked_quickly(self._target, self._entry)
            load.held += [
                Held(self._stack, self._entry, request, kind=Kind.IDLE, name="an idle connection")
                for _ in range(self._plan.idle)
            ]
            most = self._plan.patience + watched + 1
            tasks = [asyncio.create_task(held.run(timeout_seconds=most)) for held in load.held]
            deadline = time.monotonic() + self._plan.patience
            while time.monotonic() < deadline and any(held.is_pending for held in load.held):  # noqa: ASYNC110  # they are many
                await asyncio.sleep(0.02)
            opened.set()
            while not ended.is_set():  # noqa: ASYNC110  # another thread tells
                await asyncio.sleep(0.02)
            await asyncio.wait(tasks, timeout=LAST_WORDS_SECONDS)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        with contextlib.suppress(TimeoutError):
            run_bounded(keep(), at_most_seconds=2 * self._plan.patience + watched + 5)
        opened.set()


def _is_success(request: Tracked) -> bool:
    return request.fate is Fate.FINISHED and request.status is not None and 200 <= request.status < 400  # noqa: PLR2004
