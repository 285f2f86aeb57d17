"""Several server processes and one store of counts: do they share a limit, and what holds while the store is away."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from readiness.check import Impact
from readiness.exceptions import GatherError, StackError
from readiness.facts.limiter import Figures, Phase, SharedLimit, StoreAway
from readiness.gather import gatherer
from readiness.gather._limiting import Caller, Exchanges, clients, lowered, public_entry
from readiness.gather.probe_asking import ports_of
from readiness.instruments.poller import run_bounded
from readiness.instruments.stores import Counter, redis_counter
from readiness.instruments.variants import Variants
from readiness.limiting.declared import caller_limit, limiting_service
from readiness.runtime import Capability, Runtime, Stack, Variant
from readiness.target import Request, Role, Target
from readiness.verdict import NotApplicable

__all__ = ["SharedPlan", "is_warning", "shared_limit", "watch"]

#: From here on a limit that cannot be lowered is not met in a reasonable number of requests.
MAX_CAPACITY = 300
#: How servers announce their processes: uvicorn's "Started server process [12]", gunicorn's "Booting worker with pid: 12".
PROCESS = re.compile(r"(?:server process|worker)[^0-9\n]{0,20}(\d+)", re.IGNORECASE)
#: What a line about a limiter without its store speaks of, and the levels that somebody reads.
OF_LIMITER = re.compile(r"rate.?limit|limiter|throttl|fall(?:s|ing|en)?.?back", re.IGNORECASE)
OF_STORE = re.compile(r"redis|valkey|store|memory|backend|unreachable|unavailable|connect", re.IGNORECASE)
#: In words, short (zerolog's console), as glog's first letter, or as the numbers of Node's loggers (pino, bunyan: 40 to 60).
OF_LEVEL = re.compile(
    r"warn|error|critical|fatal|\b(?:WRN|ERR|CRT|FTL)\b|^[WEF]\d{4} |\"level\":\s*[456]0\b", re.IGNORECASE
)
#: Levels that nobody is woken by.
OF_LOWER_LEVEL = re.compile(
    r"\b(?:info|inf|debug|dbg|trace|trc|notice)\b|^I\d{4} |\"level\":\s*[123]0\b", re.IGNORECASE
)
#: Of a line without a level, as Python's last-resort handler and ``print`` write it: that something is wrong at all.
OF_TROUBLE = re.compile(
    r"fail|fall(?:s|ing|en)?.?back|fell.back|unreachable|unavailable|cannot|could not|unable|\bdown\b|\blost\b|\baway\b"
    r"|timed?.?out|ECONN|connection refused",
    re.IGNORECASE,
)
MAX_LINES, MAX_LINE = 5, 300


@dataclass(frozen=True, kw_only=True)
class SharedPlan:
    """What is sent, and how long things are watched.

    Attributes:
        requests: a small figure, and still above what logging four users in costs an address.
        processes: two tell as much as four.
        most_processes: for so many a burst is long enough at most; of more, what each counts in memory is not reached.
        at_once: connections while the store is away, because a request may wait for it.
        counted: requests over which the store's commands are counted.
        quiet_seconds: how long the store is watched without them, for what other clients ask.
        recovery_seconds: the ledger's bound.
        poll_seconds: between two looks whether the limiter asks the store again.
        window_seconds: the longest window that is waited out where nobody else can send the second burst.
        phase_seconds: what is not sent by then would be no burst; with the last one's timeout it is within the bound.
        unanswered: for each connection; a store whose clients hang shows in these, and in more of them only longer.
    """

    requests: int = 20
    processes: int = 2
    most_processes: int = 8
    at_once: int = 8
    counted: int = 12
    quiet_seconds: float = 0.7
    recovery_seconds: float = 60.0
    poll_seconds: float = 0.5
    window_seconds: float = 60.0
    phase_seconds: float = 40.0
    unanswered: int = 2


@gatherer(impact=Impact.DISRUPTS, at_most_seconds=220)
def shared_limit(target: Target, variants: Variants, runtime: Runtime) -> SharedLimit:
    """Bursts against two processes, then with the store stopped, given back, paused and given back."""
    plan, limit = SharedPlan(), caller_limit(target)
    limiter = limiting_service(target, limit)
    if limiter != target.service:
        raise NotApplicable(f"{limiter} limits and counts by itself, before any process of {target.service} is asked")
    small = lowered(target, limit, requests=plan.requests)
    if small.figures.capacity > MAX_CAPACITY:
        return SharedLimit(
            reason=f"{small.figures.words} is too much to reach, and no variable lowers it: limit.env.requests"
        )
    environment, variable = dict(small.environment), limit.env.get("processes")
    if variable is not None:
        environment[variable] = str(plan.processes)
    with variants(Variant(name="sharedlimit", environment={limiter: environment})) as stack:
        store = next((s for s in target.services_of(Role.REDIS) if s in stack.services), None)
        counter = None
        if store is not None:
            port = next(iter(ports_of(target, runtime.model(), store)), 6379)
            users = sorted({limiter, *target.services_of(Role.APP)})
            counter = redis_counter(stack, store, port=port, users=users)
        wanted = plan.processes if variable is not None else 1
        return watch(target, stack, small.figures, counter, processes=wanted, plan=plan)


def watch(
    target: Target,
    stack: Stack,
    figures: Figures,
    counter: Counter | None,
    *,
    processes: int,
    plan: SharedPlan,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> SharedLimit:
    """Everything that is done to this stack."""
    limit = caller_limit(target)
    people = clients(target, stack, limit, "shared", 4)
    bench = _Bench(target, stack, figures, plan, clock=clock, sleep=sleep)
    # A service may run several processes without being told to.
    least = max(processes, _processes_in(stack, target.service or ""))
    attempts = [bench.burst("shared", people[0], least)]
    if attempts[0].let_through > figures.most(attempts[0].span_seconds):
        # A window may have turned in the middle; not twice.
        if len(people) > 1:
            attempts.append(bench.burst("shared, again", people[1], least))
        elif figures.window_seconds <= plan.window_seconds:
            # Whoever was refused is forgotten a window later, and the next turn is then as far away as a window is long.
            sleep(figures.window_seconds)
            attempts.append(bench.burst("shared, a window later", people[0], least))
    fact = SharedLimit(
        figures=figures,
        processes_wanted=processes,
        processes_seen=_processes_in(stack, target.service or ""),
        attempts=tuple(attempts),
    )
    if counter is None:
        return _with(fact, not_counted="no service of the role redis: roles: {redis: SERVICE}")
    fact = _with(fact, store=counter.service)
    try:
        per_request = bench.commands_per_request(counter, people[0])
    except (GatherError, StackError) as error:
        return _with(fact, not_counted=str(error)[:300])
    fact = _with(fact, commands_per_request=round(per_request, 2))
    if per_request * plan.counted < plan.counted / 2 or len(people) < 4:  # noqa: PLR2004  # two are spent, two to go
        return fact
    outages = []
    for how, caller in (("stopped", people[2]), ("paused", people[3])):
        needed = Capability.STOP if how == "stopped" else Capability.PAUSE
        if needed in stack.capabilities:
            outages.append(bench.outage(how, counter, caller, max(least, fact.processes_seen), per_request))
    return _with(fact, outages=tuple(outages))


def is_warning(line: str) -> bool:
    """Whether a log line tells of a limiter without its store; that somebody was refused is another matter."""
    if OF_LIMITER.search(line) is None or OF_STORE.search(line) is None:
        return False
    if OF_LEVEL.search(line) is not None:
        return True
    return OF_LOWER_LEVEL.search(line) is None and OF_TROUBLE.search(line) is not None


def _with(fact: SharedLimit, **changes: object) -> SharedLimit:
    return SharedLimit(**{**vars(fact), **changes})


def _processes_in(stack: Stack, service: str) -> int:
    try:
        text = stack.logs(service, tail=2000)
    except StackError:
        return 0
    return len(set(PROCESS.findall(text)))


class _Bench:
    """One stack, and what is done with it."""

    def __init__(
        self,
        target: Target,
        stack: Stack,
        figures: Figures,
        plan: SharedPlan,
        *,
        clock: Callable[[], float],
        sleep: Callable[[float], None],
    ) -> None:
        self._target, self._stack, self._figures, self._plan = target, stack, figures, plan
        self._entry, self._request = public_entry(target), Request(path=caller_limit(target).path)
        self._exchanges = Exchanges(stack)
        self._clock, self._sleep = clock, sleep

    def burst(self, name: str, caller: Caller, processes: int) -> Phase:
        """Enough for every process to be met beyond its own limit."""
        # One at a time: requests that race each other are another matter. Each comes over a connection of its own, which
        # the processes share out among them.
        count = (min(processes, self._plan.most_processes) + 1) * self._figures.capacity
        return self._phase(name, caller, count=count, at_once=1)

    def commands_per_request(self, counter: Counter, caller: Caller) -> float:
        """What the store is asked for one request; negative noise is none."""
        start, began = counter.read(), self._clock()
        self._sleep(self._plan.quiet_seconds)
        quiet = counter.read()
        background = (quiet - start) / max(self._clock() - began, 0.1)
        return self._asked(counter, caller, background)

    def outage(self, how: str, counter: Counter, caller: Caller, processes: int, per_request: float) -> StoreAway:
        """Take the store away, send a rested caller's requests, give it back, and wait until it is asked again."""
        since = datetime.now(UTC)
        take = self._stack.stop if how == "stopped" else self._stack.pause
        give = self._stack.start if how == "stopped" else self._stack.unpause
        take(counter.service)
        try:
            # Each process may count in a window of its own, which may turn in the middle.
            count = (2 * min(processes, self._plan.most_processes) + 1) * self._figures.capacity
            phase = self._phase(how, caller, count=count)
        finally:
            give(counter.service)
        back = self._clock()
        recovered, problem = self._recovered(counter, caller, per_request, back)
        warnings, log_problem = self._warnings(since)
        return StoreAway(
            how=how,
            phase=phase,
            warnings=warnings,
            log_problem=log_problem,
            recovered_seconds=recovered,
            watched_seconds=round(self._clock() - back, 2),
            problem=problem,
        )

    def _recovered(self, counter: Counter, caller: Caller, per_request: float, back: float) -> tuple[float | None, str]:
        problem = ""
        while self._clock() - back < self._plan.recovery_seconds:
            try:
                # Other clients come back too, and ask much at first: half of what the limiter used to ask is no noise.
                if self._asked(counter, caller, 0.0) >= per_request / 2:
                    return round(self._clock() - back, 2), ""
                problem = ""
            except (GatherError, StackError) as error:
                problem = str(error)[:300]
            self._sleep(self._plan.poll_seconds)
        return None, problem

    def _asked(self, counter: Counter, caller: Caller, background: float) -> float:
        before, began = counter.read(), self._clock()
        self._phase("counted", caller, count=self._plan.counted)
        after = counter.read()
        return max(0.0, after - before - background * (self._clock() - began)) / self._plan.counted

    def _phase(self, name: str, caller: Caller, *, count: int, at_once: int | None = None) -> Phase:
        async def work() -> Phase:
            phase, _ = await self._exchanges.phase(
                name,
                self._entry,
                self._request,
                caller,
                self._figures,
                count=count,
                at_once=at_once or self._plan.at_once,
                unanswered=self._plan.unanswered * self._plan.at_once,
                at_most_seconds=self._plan.phase_seconds,
            )
            return phase

        return run_bounded(work(), at_most_seconds=60)

    def _warnings(self, since: datetime) -> tuple[tuple[str, ...], str]:
        try:
            lines = self._stack.logs(self._target.service or "", since=since, tail=2000).splitlines()
        except StackError as error:
            return (), str(error)[:200]
        found = [line[:MAX_LINE] for line in lines if is_warning(line)]
        return tuple(found[:MAX_LINES]), ""
