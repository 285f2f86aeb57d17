"""What health probes answered: at rest, while a dependency was away, at a cold start, under a storm, under pressure.

All times are seconds of one monotonic clock, counted from the zero that the fact names; before the zero they are
negative. Bodies are bounded, and known secrets in them are masked before they get here.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from readiness.facts.errors import NeedingAnswer
from readiness.facts.http import Exchange
from readiness.facts.probe_body import Leak

__all__ = [
    "Answer",
    "BackendOutages",
    "ColdStart",
    "Latency",
    "Outage",
    "Phase",
    "Pressure",
    "ProbeAnswers",
    "ProbeBaseline",
    "ProbeLatencies",
    "ProbeLeak",
    "ProbeStorm",
    "ResourcePressure",
    "ServiceSnapshot",
    "Span",
    "StoreCount",
    "Timeline",
]


@dataclass(frozen=True, kw_only=True)
class Span:
    """A run of equal answers of one probe: same status or error, same body apart from figures.

    Attributes:
        first_seconds, last_seconds: when its first and its last request were *sent*.
        count: how many answers it stands for.
        status: None where no HTTP answer came; ``error`` then says why, for example ``"timeout"``.
        slowest_seconds: how long the slowest of the answers took.
        body: the first one's, at most 4 KiB; ``last_body`` the last one's where it is another.
    """

    first_seconds: float
    last_seconds: float
    count: int = 1
    status: int | None = None
    error: str | None = None
    slowest_seconds: float = 0.0
    body: str = ""
    last_body: str = ""


@dataclass(frozen=True, kw_only=True)
class Timeline:
    """The answers of one probe during one phase, in order.

    Attributes:
        kind: the probe's declared kind.
        url: as the owner would write it.
        entry: the entry's name; ``service`` the one that was connected to, which may be a proxy.
    """

    kind: str
    url: str
    entry: str
    service: str
    spans: tuple[Span, ...] = ()

    @property
    def count(self) -> int:
        """How many requests were sent."""
        return sum(span.count for span in self.spans)

    @property
    def slowest_seconds(self) -> float:
        """The longest wait for an answer; 0 without requests."""
        return max((span.slowest_seconds for span in self.spans), default=0.0)


@dataclass(frozen=True, kw_only=True)
class ServiceSnapshot:
    """A service's state as its engine saw it. ``instance`` changes when recreated, ``started_at`` when restarted."""

    service: str
    status: str
    instance: str
    started_at: str
    restarts: int = 0
    health: str | None = None

    @property
    def identity(self) -> tuple[str, str, int]:
        """What stays the same as long as nobody restarts or recreates it."""
        return (self.instance, self.started_at, self.restarts)


@dataclass(frozen=True, kw_only=True)
class Phase:
    """All probes during one phase of a scenario.

    Attributes:
        seconds: how long after its zero the phase was watched.
        zero_unix_seconds: the zero by this machine's clock, to compare with time stamps in bodies.
        states: every service of the stack at the phase's end.
    """

    seconds: float
    zero_unix_seconds: float = 0.0
    timelines: tuple[Timeline, ...] = ()
    states: tuple[ServiceSnapshot, ...] = ()

    def of(self, kind: str) -> Timeline | None:
        """The timeline of a probe, or None where it was not asked."""
        return next((timeline for timeline in self.timelines if timeline.kind == kind), None)

    def state(self, service: str) -> ServiceSnapshot | None:
        """The state of a service, or None where the stack has none of this name."""
        return next((state for state in self.states if state.service == service), None)


@dataclass(frozen=True, kw_only=True)
class ProbeLeak:
    """Something that a probe's answer showed and must not; ``where`` names probe and phase."""

    where: str
    leak: Leak


@dataclass(frozen=True, kw_only=True)
class Outage:
    """One dependency stopped and started again, then frozen and thawed, all probes asked throughout.

    Attributes:
        role: the role that was taken away; ``services`` all services of it, taken away together. Empty: the stack has
            none, and nothing was done.
        stack_services: every service of the stack, for the reader of *no such dependency*.
        before: at rest; the zero is the phase's beginning.
        stopped: the zero is when the last service of the role had stopped.
        recovery: the zero is when it ran again; ``dependency_ready_seconds`` after that its own health check passed
            (None without a health check).
        paused: the zero is when the last service of the role was frozen.
        resumed: the zero is when it was thawed.
        exchanges: the first answer after each change of status, with headers, and one ordinary request.
        leaks: what the probes' answers showed and must not.
        secrets_searched: how many secret values were known and searched for.
        needing: the answers to one request that needs the dependency, in every phase.
        not_done: phase -> why it could not be had.
    """

    role: str
    services: tuple[str, ...]
    stack_services: tuple[str, ...] = ()
    before: Phase | None = None
    stopped: Phase | None = None
    recovery: Phase | None = None
    dependency_ready_seconds: float | None = None
    paused: Phase | None = None
    resumed: Phase | None = None
    exchanges: tuple[Exchange, ...] = ()
    leaks: tuple[ProbeLeak, ...] = ()
    secrets_searched: int = 0
    needing: tuple[NeedingAnswer, ...] = ()
    not_done: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class BackendOutages:
    """The declared components that are neither the database nor the cache, each stopped in turn.

    Attributes:
        outages: one per service; without the paused phase.
        not_stoppable: component -> why what it stands for could not be stopped.
    """

    outages: tuple[Outage, ...] = ()
    not_stoppable: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One answer of a probe at rest.

    Attributes:
        at_seconds: when it was sent, from the first one.
        unix_seconds: this machine's clock when the answer had come.
    """

    at_seconds: float
    unix_seconds: float
    status: int | None
    seconds: float
    body: str = ""
    error: str | None = None


@dataclass(frozen=True, kw_only=True)
class ProbeAnswers:
    """A probe asked several times at rest, anonymously; ``exchange`` is the first answer whole.

    Attributes:
        answers: the quiet ones, at least five over more than a second; a cached answer is asked for again later.
        busy: answers while the stack had other requests to serve, and after.
        service_age_seconds: since the engine started the service, at the first answer; None where unknown.
    """

    kind: str
    exchange: Exchange
    answers: tuple[Answer, ...]
    busy: tuple[Answer, ...] = ()
    service_age_seconds: float | None = None


@dataclass(frozen=True, kw_only=True)
class Latency:
    """How long a probe takes at rest, a new connection each time as probers do.

    Attributes:
        sequential_seconds: one request after the other; ``concurrent_seconds`` all at once.
        control_seconds: the same client against a server of its own on this machine, in between: what the machine and
            the client cost.
        statuses: status (or error) -> how often.
        stopped_early: why fewer requests than intended were sent.
    """

    kind: str
    url: str
    sequential_seconds: tuple[float, ...]
    concurrent_seconds: tuple[float, ...]
    control_seconds: tuple[float, ...]
    statuses: dict[str, int]
    stopped_early: str = ""


@dataclass(frozen=True, kw_only=True)
class ProbeLatencies:
    """The fast probes' times, measured while nothing else of the audit was going on.

    Attributes:
        load_per_cpu: runnable processes per processor in the minute before; above one, work waited for a processor.
    """

    timed: tuple[Latency, ...]
    load_per_cpu: float = 0.0


@dataclass(frozen=True, kw_only=True)
class ProbeBaseline:
    """Every declared probe at rest."""

    asked: tuple[ProbeAnswers, ...]

    def of(self, kind: str) -> ProbeAnswers | None:
        """The answers of a probe, or None where it was not asked."""
        return next((answers for answers in self.asked if answers.kind == kind), None)


@dataclass(frozen=True, kw_only=True)
class ColdStart:
    """The service under audit made anew, first without its database, then with everything.

    Attributes:
        service: what was recreated.
        dependencies: what was stopped for the first part; empty: there was nothing to stop.
        without: the probes while the dependencies were stopped; the zero is when the new instance ran.
        exited: the service ended by itself without its dependency, and was started again after its return.
        with_dependencies: the probes after the return; the zero is when the dependencies ran.
        loading: the loading probe after a start with everything there; ``proof`` the request that succeeds exactly
            when loading is over, asked side by side. The zero is when the new instance ran.
        load_per_cpu: how many programs wanted each of this machine's processors, on average of the last minute.
        not_done: part -> why it could not be had.
    """

    service: str = ""
    dependencies: tuple[str, ...] = ()
    without: Phase | None = None
    exited: bool = False
    with_dependencies: Phase | None = None
    loading: Timeline | None = None
    proof: Timeline | None = None
    crowd: tuple[Answer, ...] = ()
    load_per_cpu: float = 0.0
    not_done: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class StoreCount:
    """What a store counted, seen from outside the service.

    Attributes:
        unit: what one is: a command, a transaction.
        quiet: counted while nobody asked the probe, ``quiet_seconds`` long.
        storm: counted during the storm and the wait after it, ``storm_seconds`` long.
    """

    service: str
    unit: str
    quiet: float
    quiet_seconds: float
    storm: float
    storm_seconds: float


@dataclass(frozen=True, kw_only=True)
class ProbeStorm:
    """Many requests to the cached probe in a few seconds, while the stores count.

    Attributes:
        sent: requests sent within ``seconds``; ``statuses`` how they ended.
        not_counted: store -> why its work could not be counted.
    """

    kind: str = ""
    url: str = ""
    sent: int = 0
    seconds: float = 0.0
    statuses: dict[str, int] = field(default_factory=dict)
    counts: tuple[StoreCount, ...] = ()
    not_counted: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Pressure:
    """One resource used up and freed again, the probe asked throughout.

    Attributes:
        resource: ``disk`` or ``memory``.
        used_ratio: how full it was at the height; None where it could not be measured.
        under: the zero is when the resource was used up; ``freed`` when it was free again.
        problem: why it could not be used up.
    """

    resource: str
    service: str
    before: Phase | None = None
    used_ratio: float | None = None
    under: Phase | None = None
    freed: Phase | None = None
    problem: str = ""


@dataclass(frozen=True, kw_only=True)
class ResourcePressure:
    """Low disk space and high memory usage, in a stack of its own."""

    pressures: tuple[Pressure, ...] = ()

    def of(self, resource: str) -> Pressure | None:
        """The pressure on a resource, or None where it is not declared."""
        return next((pressure for pressure in self.pressures if pressure.resource == resource), None)
