"""The service under audit stopped under load, and once more with nothing but idle connections."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from readiness.check import Impact
from readiness.declared.drain import drain_of
from readiness.declared.record import record_of
from readiness.exceptions import StackError, UnsupportedError
from readiness.facts.drain import HELD, DrainRuns, Fate, Kind, Stop, Tracked, Written
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
    lived,
    locked_read,
    manner_of,
    slow_of,
)
from readiness.gather.drain_crowd import CROWD, LIMITED, Crowd, crowd_of, level_of, proven
from readiness.gather.drain_load import Load, Loader, LoadPlan
from readiness.instruments.client import HttpClient
from readiness.instruments.faults import Faults
from readiness.instruments.held import Held
from readiness.instruments.identity import filled
from readiness.instruments.poller import run_bounded
from readiness.runtime import Capability, Progress, Stack
from readiness.target import Target

__all__ = ["DrainPlan", "drain_runs"]

#: Exit codes from here on are those of signals.
SIGNALLED = 128


@dataclass(frozen=True, kw_only=True)
class DrainPlan:
    """Times in seconds.

    Attributes:
        load: of what is in flight.
        limited: after a refusal by a limiter, until its window is likely over; a minute is the usual one.
        kept: idle connections that are waited for until the service closes them, if that takes ``kept_at_most`` by its
            declaration; ``kept_slack`` beyond it.
        idle: connections, the ledger's figure.
        idle_watched: so long the end after a bare signal is waited for, at most.
        settled: after the end, until the database's count shows it.
        alone: a service that ended badly within so long after its start is left alone for as long, and ``alone_slack``
            more: it may be one that always ends then. As long as ``compose.no_restart_loop`` watches.
    """

    load: LoadPlan = field(default_factory=LoadPlan)
    limited: float = 60.0
    kept: int = 5
    kept_at_most: float = 15.0
    kept_slack: float = 4.0
    idle: int = 20
    idle_watched: float = 12.0
    settled: float = 1.0
    alone: float = 30.0
    alone_slack: float = 2.0


@gatherer(impact=Impact.DISRUPTS, at_most_seconds=180)
def drain_runs(*, target: Target, stack: Stack, http: HttpClient, faults: Faults, progress: Progress) -> DrainRuns:
    """Both stops, with a control before them: the same requests held as long without any signal."""
    for capability in (Capability.STOP, Capability.SIGNAL):
        if capability not in stack.capabilities:
            raise UnsupportedError(capability, runtime=stack.runtime, hint="audit a throw-away stack")
    runs = _Runs(target=target, stack=stack, http=http, faults=faults, progress=progress, plan=DrainPlan())
    return runs.run()


class _Runs:
    """The two stops of one stack."""

    def __init__(
        self, *, target: Target, stack: Stack, http: HttpClient, faults: Faults, progress: Progress, plan: DrainPlan
    ) -> None:
        self._target, self._stack, self._http, self._faults = target, stack, http, faults
        self._progress = progress
        self._entry = app_entry(target)
        self._manner = manner_of(target, stack)
        self._plan = dataclasses.replace(plan, load=plan.load.within(self._manner.grace_seconds))
        self._record = record_of(target)
        self._not_done: dict[str, str] = {}
        self._headers: Mapping[str, str] = {}
        self._lived_seconds = 0.0

    def run(self) -> DrainRuns:
        sessions = SessionCount(self._target, self._stack)
        few = self._few()
        crowd = crowd_of(self._target, few, beside=self._plan.load.writes)
        sessions.look()
        self._progress("requests held open without a signal", at_most_seconds=self._plan.load.most)
        control, wanted = self._control(crowd.wanted)
        fewer = self._fewer(crowd, wanted)
        stopped = self._stopped(wanted, sessions)
        if stopped is not None and _is_bad(stopped) and (alone := self._ends_alone()):
            return DrainRuns(service=self._manner.service, entry=self._entry.name, not_done={"stop": alone})
        kept = self._kept() if "restart" not in self._not_done else ()
        idle = self._idle() if stopped is not None else None
        return DrainRuns(
            service=self._manner.service,
            entry=self._entry.name,
            control=control,
            fewer=fewer,
            stopped=stopped,
            kept=kept,
            idle=idle,
            not_done=self._not_done,
        )

    def _few(self) -> list[Open]:
        """What can be had in flight: one or two of each."""
        found = halves(self._target)
        slow, read, stream = slow_of(self._target), locked_read(self._target), drain_of(self._target).stream
        if slow is not None:
            found += [Open(kind=Kind.SLOW, request=slow[0], name=f"{slow[0].method} {slow[0].path}, slow")] * 2
        if stream is not None:
            name = f"{stream.method} {stream.path}, its body still coming"
            found.append(Open(kind=Kind.STREAM, request=stream, name=name))
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

    def _control(self, wanted: Sequence[Open]) -> tuple[tuple[Tracked, ...], tuple[Open, ...]]:
        """The same requests held as long while nothing happens to the service, and those that can be counted on then."""
        if not wanted:
            return (), ()
        load, plan = Load(), self._plan.load

        def is_over() -> bool:
            return load.opened.is_set() and time.monotonic() >= load.opened_at + plan.hold + plan.spread

        loader = self._loader(load, writes=False, until=is_over)
        run_bounded(loader.run(wanted), at_most_seconds=plan.most + 15)
        if load.problem:
            self._not_done["lock"] = load.problem
        zero = load.opened_at
        control = load.tracked(zero)
        opened = [h.sent_at - zero for h in load.held if h.sent_at is not None and h.sent_at < load.ramped_at]
        fresh = [held.tracked(zero) for held in load.new]
        level = level_of(opened, fresh, until=load.ramped_at - zero)
        left, why = proven(wanted, control, level=level)
        self._not_done.update(why)
        if any(request.status == LIMITED for request in control):
            self._progress("the limiter's window to pass", at_most_seconds=self._plan.limited)
            time.sleep(self._plan.limited)
        return control, left

    def _fewer(self, crowd: Crowd, wanted: Sequence[Open]) -> str:
        """Why the crowd was smaller than it should be; empty where it was not."""
        if len(wanted) >= CROWD:
            return ""
        names = {"several at once", "login", "lock", *(one.name for one in crowd.wanted)}
        return "; ".join(dict.fromkeys(filter(None, (crowd.why, *(self._not_done.get(n, "") for n in sorted(names))))))

    def _loader(self, load: Load, *, writes: bool, until: Callable[[], bool]) -> Loader:
        return Loader(
            self._target,
            self._stack,
            self._entry,
            headers=self._headers,
            plan=self._plan.load,
            load=load,
            writes=writes,
            until=until,
        )

    def _stopped(self, wanted: Sequence[Open], sessions: SessionCount) -> Stop | None:
        """The engine's own stop under load."""
        load, manner, plan = Load(), self._manner, self._plan.load
        most = manner.grace_seconds + plan.most
        self._progress(f"{manner.service} to stop with requests in flight", at_most_seconds=most)
        sessions.look()
        ended = threading.Event()

        def is_over() -> bool:
            enough = load.opened_at + plan.hold + plan.spread + plan.new
            return ended.is_set() or (load.opened.is_set() and time.monotonic() > enough)

        loader = threading.Thread(
            target=self._load_in_thread, args=(load, wanted, is_over), name="readiness-drain", daemon=True
        )
        loader.start()
        load.opened.wait(plan.opening)
        zero, zero_unix = time.monotonic(), time.time()
        try:
            with self._faults.stopped(manner.service, at_most_seconds=most + 60):
                watched = time.monotonic() - zero
                ended.set()
                loader.join(plan.hold + plan.spread + plan.patience + 10)
                time.sleep(self._plan.settled)
                sessions.look()
                ending = ending_of(self._stack, manner, zero_unix=zero_unix, watched=watched, is_killed_later=True)
                self._lived_seconds = lived(self._stack.state(manner.service))
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
            is_taken_on=load.is_taken_on,
            written=tuple(self._read_back(load, zero, is_back=is_back)),
            ready=load.probed(zero),
            sessions=sessions.result(),
            log=log,
        )

    def _ends_alone(self) -> str:
        """Whether the service, started anew, ends at the same age without any signal: in words, or nothing."""
        plan, service = self._plan, self._manner.service
        if "restart" in self._not_done or not 0 < self._lived_seconds <= plan.alone:
            return ""
        seconds = self._lived_seconds + plan.alone_slack
        self._progress(f"{service} to end without a signal, as it may always do", at_most_seconds=seconds)
        begun, deadline = self._stack.state(service).started_at, time.monotonic() + seconds
        while (state := self._stack.state(service)).is_running and state.started_at == begun:
            if time.monotonic() > deadline:
                return ""
            time.sleep(0.2)
        code = "" if state.is_running else f", with exit code {state.exit_code}"
        age = lived(state) or self._lived_seconds
        self._faults.restart(service)
        return (
            f"{service} ends by itself {age:.0f} s after its start{code}, without any signal: "
            "what it does after one cannot be told from that"
        )

    def _load_in_thread(self, load: Load, wanted: Sequence[Open], until: Callable[[], bool]) -> None:
        most = self._plan.load.most + self._manner.grace_seconds + 10
        loader = self._loader(load, writes="login" not in self._not_done, until=until)
        try:
            with contextlib.suppress(TimeoutError):
                run_bounded(loader.run(wanted), at_most_seconds=most)
        finally:
            load.opened.set()

    def _log(self, since_unix: float) -> tuple[str, ...]:
        moment = datetime.fromtimestamp(since_unix - 0.2, UTC)
        try:
            return tuple(self._stack.logs(self._manner.service, since=moment, tail=LOG_LINES).splitlines())
        except (StackError, UnsupportedError) as error:
            self._not_done["log"] = str(error)[:300]
            return ()

    def _read_back(self, load: Load, zero: float, *, is_back: bool) -> Iterator[Written]:
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
        kept = [self._idling() for _ in range(plan.kept)]

        async def wait() -> None:
            await asyncio.gather(*(held.run(timeout_seconds=most) for held in kept))

        zero = time.monotonic()
        run_bounded(wait(), at_most_seconds=most + plan.load.patience)
        return tuple(held.tracked(zero) for held in kept)

    def _idling(self) -> Held:
        request = asked_quickly(self._target, self._entry)
        return Held(self._stack, self._entry, request, kind=Kind.IDLE, name="an idle connection")

    def _idle(self) -> Stop | None:
        """A bare signal, and idle connections alone."""
        manner, plan = self._manner, self._plan
        if "restart" in self._not_done:
            self._not_done["idle"] = self._not_done["restart"]
            return None
        watched = min(plan.idle_watched, max(manner.grace_seconds, 1.0))
        self._progress(f"{manner.service} to end with idle connections", at_most_seconds=watched)
        load, ended, zeros = Load(), threading.Event(), list[float]()
        opened = threading.Event()
        keeper = threading.Thread(
            target=self._keep_idle, args=(load, opened, ended, watched), name="readiness-idle", daemon=True
        )
        keeper.start()
        opened.wait(plan.load.patience)
        zeros += [time.monotonic(), time.time()]
        with self._faults.signalled(manner.service, manner.signal, at_most_seconds=watched + 60):
            deadline = zeros[0] + watched
            while self._stack.state(manner.service).is_running and time.monotonic() < deadline:
                time.sleep(0.02)
            seconds = time.monotonic() - zeros[0]
            ended.set()
            keeper.join(plan.load.patience)
            ending = ending_of(self._stack, manner, zero_unix=zeros[1], watched=seconds, is_killed_later=False)
            log = self._log(zeros[1])
        back(self._target, self._http, self._entry)
        return Stop(ending=ending, requests=load.tracked(zeros[0]), log=log)

    def _keep_idle(self, load: Load, opened: threading.Event, ended: threading.Event, watched: float) -> None:
        async def keep() -> None:
            load.held += [self._idling() for _ in range(self._plan.idle)]
            patience = self._plan.load.patience
            most = patience + watched + 1
            tasks = [asyncio.create_task(held.run(timeout_seconds=most)) for held in load.held]
            deadline = time.monotonic() + patience
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
            run_bounded(keep(), at_most_seconds=2 * self._plan.load.patience + watched + 5)
        opened.set()


def _is_bad(stop: Stop) -> bool:
    """Whether it looks as if the service had fallen over: an error's exit code, or requests cut, and nobody killed it."""
    ending = stop.ending
    is_error = 0 < (ending.exit_code or 0) < SIGNALLED
    is_cut = any(r.sent_seconds < 0 < r.ended_seconds and r.fate is not Fate.FINISHED for r in stop.of(*HELD))
    return not ending.is_killed and (is_error or is_cut)
