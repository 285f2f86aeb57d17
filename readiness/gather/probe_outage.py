"""A dependency stopped and brought back, then frozen and thawed, while every probe is asked all the time."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from readiness.check import Impact
from readiness.exceptions import StackError, UnsupportedError
from readiness.facts.http import Exchange, StatusClass
from readiness.facts.probe_body import mask
from readiness.facts.probes import BackendOutages, Outage, Phase, ProbeLeak
from readiness.gather import gatherer
from readiness.gather.needing import Needing, needing_of
from readiness.gather.probe_asking import (
    answer_of,
    asks_of,
    exchange_of,
    is_stale_answer,
    known_secrets,
    leaks_of,
    phase_of,
    snapshots,
)
from readiness.instruments.client import HttpClient
from readiness.instruments.faults import Faults
from readiness.instruments.poller import Ask, Poller, Sample
from readiness.probes.standing import Standing, standing
from readiness.runtime import Capability, Progress, Runtime, Stack
from readiness.target import Probe, ProbeKind, Role, Target

__all__ = ["OutageScenario", "Periods"]

#: Probes of these kinds fall with a dependency by declaration; the others are watched for the opposite.
DEPENDENT = frozenset({ProbeKind.READY, ProbeKind.BASIC, ProbeKind.DETAILED})
#: A limiter's usual window: longer than this is not waited for.
LIMITER_SECONDS = 65.0
#: A service whose connections were broken by an earlier scenario notices within a probe or two.
SETTLING_SECONDS = 5.0


@dataclass(frozen=True, kw_only=True)
class Periods:
    """How long each phase is watched, in seconds.

    Attributes:
        before: at rest.
        stopped_at_least: the ledger asks liveness for 15 s without its dependencies.
        stale: as long an answer from before the fault, by its own time stamp, is waited out.
        stopped_at_most: three times the period of 10 s, after which a Kubernetes prober with default settings has
            acted, plus a declared cache time.
        settled: after the last probe has fallen, to see that it stays so.
        recovery: the ledger's 30 s and half as much again, so that *late* can be told from *never*.
        paused_at_least: with a declared cache this long after its expiry.
        paused_at_most: when a probe that has not answered by then is not waited for.
        interval: between two requests to one probe.
        timeout: the client's patience; well above every prober's.
        ready: how long a dependency with a health check may take to become healthy again.
    """

    before: float = 2.0
    stopped_at_least: float = 15.0
    stopped_at_most: float = 30.0
    settled: float = 1.5
    recovery: float = 45.0
    stale: float = 75.0
    paused_at_least: float = 8.0
    paused_at_most: float = 20.0
    interval: float = 0.25
    timeout: float = 15.0
    ready: float = 60.0


@dataclass(kw_only=True)
class OutageScenario:
    """One role taken away from one stack.

    Attributes:
        ordinary: an ordinary request, sent once during the outage.
        needing: asks a request that needs what is taken away, in every phase.
        pause: whether the frozen phase is wanted.
    """

    target: Target
    stack: Stack
    faults: Faults
    progress: Progress
    asks: Mapping[str, Ask]
    role: str
    services: tuple[str, ...]
    periods: Periods = field(default_factory=Periods)
    ordinary: Callable[[], Exchange] | None = None
    needing: Needing | None = None
    pause: bool = True

    def __post_init__(self) -> None:
        """Prepare what is collected on the way."""
        self._secrets = known_secrets(self.stack)
        self._standings_at_rest: dict[str, Standing] = {}
        self._exchanges: list[Exchange] = []
        self._leaks: list[ProbeLeak] = []
        self._not_done: dict[str, str] = {}
        self._longest_cache = max((self._probe(name).cache_seconds for name in self.asks), default=0.0)

    def run(self) -> Outage:
        """Do it.

        Raises:
            UnsupportedError: this stack's services cannot be stopped.
            GatherError, StackError: it could not be done, or not be undone.
        """
        require_stop(self.stack)
        asks = tuple(self.asks.values())
        if self.needing is not None:
            self.needing.ask("before")
        with Poller(asks, resolve=self.stack.endpoint, interval_seconds=self.periods.interval) as poller:
            before = self._at_rest(poller)
            stopped, recovery, dependency_ready = self._stopped(poller)
            paused = resumed = None
            if not self.pause:
                self._not_done["paused"] = "not part of this scenario"
            elif Capability.PAUSE not in self.stack.capabilities:
                self._not_done["paused"] = f"the {self.stack.runtime} runtime cannot pause a service"
            else:
                paused, resumed = self._paused(poller)
        return Outage(
            role=self.role,
            services=self.services,
            stack_services=self.stack.services,
            before=before,
            stopped=stopped,
            recovery=recovery,
            dependency_ready_seconds=dependency_ready,
            paused=paused,
            resumed=resumed,
            exchanges=tuple(self._exchanges),
            leaks=tuple(self._leaks),
            secrets_searched=len(self._secrets),
            needing=tuple(self.needing.answers) if self.needing is not None else (),
            not_done=self._not_done,
        )

    def _at_rest(self, poller: Poller) -> Phase:
        """The control: what the probes say before anything is done to them."""
        self._say("the probes at rest", self.periods.before)
        zero = time.monotonic()
        enough = self.periods.before
        poller.wait(lambda: False, at_most_seconds=enough)
        # A limiter that an earlier scenario has filled says nothing about health; its window is waited out.
        poller.wait(lambda: not self._is_limited(poller, zero), at_most_seconds=LIMITER_SECONDS)
        # What an earlier scenario broke may stand in a cached answer for a while.
        poller.wait(lambda: not self._is_failing(poller, zero), at_most_seconds=self._longest_cache + SETTLING_SECONDS)
        waited = time.monotonic() - zero
        if waited > 2 * enough:
            zero = time.monotonic()
            poller.wait(lambda: False, at_most_seconds=enough)
        return self._phase(poller, zero=zero, since=zero)

    def _stopped(self, poller: Poller) -> tuple[Phase, Phase, float | None]:
        least, most = self.periods.stopped_at_least, self.periods.stopped_at_most + self._longest_cache
        bound = most + self.periods.stale + 2 * self.periods.timeout + 30
        since = time.monotonic()
        with self.faults.stopped_all(*self.services, at_most_seconds=bound) as fault:
            zero = fault.applied_at
            self._say(f"the probes without {' and '.join(self.services)}", most)
            self._wait(poller, lambda: self._has_fallen(poller, zero, must_answer=True), zero, least, most)
            if self.ordinary is not None:
                answer = self.ordinary()
                self._exchanges.append(dataclasses.replace(answer, body=mask(answer.body, self._secrets)))
            if self.needing is not None:
                self.needing.ask("stopped")
            with poller.quiet(at_most_seconds=self.periods.timeout + 1):
                stopped = self._phase(poller, zero=zero, since=since, label="dependency stopped")
                fault.undo()
                zero = since = time.monotonic()
        recovery, ready = self._recover(poller, zero, since, "stopped")
        return stopped, recovery, ready

    def _paused(self, poller: Poller) -> tuple[Phase, Phase]:
        least = max(self.periods.paused_at_least, self._longest_cache + self.periods.settled)
        most = max(least, self.periods.paused_at_most)
        bound = most + self.periods.stale + 2 * self.periods.timeout + 30
        since = time.monotonic()
        with self.faults.paused_all(*self.services, at_most_seconds=bound) as fault:
            zero = fault.applied_at
            self._say(f"the probes while {' and '.join(self.services)} hangs", most)
            if self.needing is not None:
                self.needing.begin("paused")
            self._wait(poller, lambda: self._has_fallen(poller, zero), zero, least, most)
            if self.needing is not None:
                self.needing.end()
            # Whoever is still waiting for an answer gets the client's whole patience while the dependency still hangs.
            with poller.quiet(at_most_seconds=self.periods.timeout + 1):
                paused = self._phase(poller, zero=zero, since=since, label="dependency hanging")
                fault.undo()
                zero = since = time.monotonic()
        resumed, _ = self._recover(poller, zero, since, "paused")
        return paused, resumed

    def _recover(self, poller: Poller, zero: float, since: float, phase: str) -> tuple[Phase, float | None]:
        """Watch until every probe that was well at rest is well again; restart the service where one stays down."""
        self._say("the probes to recover", self.periods.recovery)
        dependency_ready: float | None = None
        # A started dependency may take its own time to be healthy again; the probes' time counts from there. One that
        # was frozen is ready at once, whatever its engine's last health check made of the pause.
        is_timed = phase == "stopped" and self._dependency_has_health()

        def is_settled() -> bool:
            nonlocal dependency_ready
            if is_timed and dependency_ready is None and self._is_dependency_healthy():
                dependency_ready = round(time.monotonic() - zero, 3)
            return self._is_well(poller, zero)

        poller.wait(
            lambda: is_settled() or not is_timed or dependency_ready is not None, at_most_seconds=self.periods.ready
        )
        began = time.monotonic()
        bound = self.periods.recovery + self._longest_cache
        is_well = self._wait(poller, is_settled, began, 0.0, bound, stale_before=zero)
        seen = self._phase(poller, zero=zero, since=since, label=f"after the dependency was {phase}")
        if self.needing is not None:
            # Before a restart that helps: it has to work without.
            self.needing.ask_until_good("recovered" if phase == "stopped" else "resumed")
        if not is_well:
            self._restart_app(poller)
        return seen, dependency_ready

    def _wait(
        self,
        poller: Poller,
        until: Callable[[], bool],
        zero: float,
        at_least: float,
        at_most: float,
        *,
        stale_before: float | None = None,
    ) -> bool:
        """Wait for ``until``; longer while a probe still repeats an answer from before the change.

        Such an answer says nothing about the present, and how long it may be repeated is judged by a check of its own.
        """
        if poller.wait(until, at_least_seconds=at_least, at_most_seconds=at_most):
            return True
        change = zero if stale_before is None else stale_before

        def is_over() -> bool:
            newest = [
                samples[-1] for name in self.asks if (samples := poller.samples(name)) and samples[-1].sent > change
            ]
            return until() or not any(is_stale_answer(sample, zero=change) for sample in newest)

        if is_over():
            return until()
        poller.wait(is_over, at_most_seconds=max(0.0, self.periods.stale - (time.monotonic() - zero)))
        # What follows the old answer needs a moment to show that it lasts.
        return poller.wait(until, at_most_seconds=self.periods.settled + 2 * self.periods.interval)

    def _restart_app(self, poller: Poller) -> None:
        """Leave a sound stack behind: the next phase would otherwise judge the last one's ruins."""
        service = self.target.service
        if service is None or service in self.services:
            return
        self._say(f"{service} to come back after a restart, which it should not need", self.periods.recovery)
        self.faults.restart(service)
        zero = time.monotonic()
        poller.wait(lambda: self._is_well(poller, zero), at_most_seconds=self.periods.recovery)

    def _dependency_has_health(self) -> bool:
        return any(state.health is not None for state in snapshots(self.stack) if state.service in self.services)

    def _is_dependency_healthy(self) -> bool:
        states = [state for state in snapshots(self.stack) if state.service in self.services]
        return all(state.health in {None, "healthy"} for state in states)

    def _probe(self, name: str) -> Probe:
        return self.target.probes[ProbeKind(name)]

    def _says(self, name: str, sample: Sample) -> Standing:
        return standing(self._probe(name), answer_of(sample, zero=sample.sent, secrets={}))

    def _latest(self, poller: Poller, name: str, since: float, count: int) -> list[Standing]:
        samples = [sample for sample in poller.samples(name)[-count:] if sample.sent >= since]
        return [self._says(name, sample) for sample in samples]

    def _is_limited(self, poller: Poller, since: float) -> bool:
        return any(self._latest(poller, name, since, 1) == [Standing.LIMITED] for name in self.asks)

    def _is_failing(self, poller: Poller, since: float) -> bool:
        return any(self._latest(poller, name, since, 1) == [Standing.NO] for name in self.asks)

    def _has_fallen(self, poller: Poller, zero: float, *, must_answer: bool = False) -> bool:
        """Whether every probe that depends on the role has stopped saying yes, and not only just now.

        Args:
            poller: who asks.
            zero: since when.
            must_answer: silence is not enough: the first check after a loss may wait for a name that is gone.
        """
        for name in self.asks:
            if self._depends(name):
                is_silent = must_answer and self._latest(poller, name, zero, 1) == [Standing.SILENT]
                if is_silent or not self._is_settled(poller, name, zero):
                    return False
        return True

    def _depends(self, name: str) -> bool:
        components = set(self._probe(name).components.values())
        return ProbeKind(name) in DEPENDENT and (not components or bool(components & set(self.services)))

    def _is_settled(self, poller: Poller, name: str, zero: float) -> bool:
        samples = [sample for sample in poller.samples(name) if sample.sent >= zero]
        for sample in reversed(samples):
            if self._says(name, sample) is Standing.YES:
                return False
            if samples[-1].sent + samples[-1].seconds - sample.sent >= self.periods.settled:
                return True
        return False

    def _is_well(self, poller: Poller, zero: float) -> bool:
        """Whether every probe that said yes at rest has said so twice in a row again."""
        for name in self.asks:
            if self._standings_at_rest.get(name) is not Standing.YES:
                continue
            if self._latest(poller, name, zero, 2) != [Standing.YES, Standing.YES]:
                return False
        return True

    def _phase(self, poller: Poller, *, zero: float, since: float, label: str = "") -> Phase:
        """What every probe answered to requests sent since ``since``; without a label it is the phase at rest."""
        for name, ask in self.asks.items():
            samples = [sample for sample in poller.samples(name) if sample.sent >= since]
            if label:
                self._leaks += leaks_of(ask, samples, phase=label, secrets=self._secrets)
                self._exchanges += self._changes(ask, samples)
            elif samples:
                self._standings_at_rest[name] = self._says(name, samples[-1])
        return phase_of(poller, self.asks.values(), stack=self.stack, zero=zero, since=since, secrets=self._secrets)

    def _changes(self, ask: Ask, samples: Iterable[Sample]) -> Iterable[Exchange]:
        """The first answer of each other status than *yes*, once per scenario."""
        known = {(exchange.url, exchange.status) for exchange in self._exchanges}
        for sample in samples:
            is_new = sample.status is not None and (ask.url, sample.status) not in known
            if is_new and sample.status not in self._probe(ask.name).expect:
                known.add((ask.url, sample.status))
                yield exchange_of(ask, sample, purpose=StatusClass.UNAVAILABLE, secrets=self._secrets)

    def _say(self, what: str, seconds: float) -> None:
        self.progress(f"watching {what}", at_most_seconds=seconds)


def require_stop(stack: Stack) -> None:
    """Stop where nothing can be taken away; such a stack may not even tell which services it has.

    Raises:
        UnsupportedError: it cannot.
    """
    if Capability.STOP not in stack.capabilities:
        hint = "audit a throw-away stack with --readiness-target"
        raise UnsupportedError(Capability.STOP, runtime=stack.runtime, hint=hint)


def stoppable(target: Target, stack: Stack, services: Iterable[str]) -> tuple[str, ...]:
    """Those of ``services`` that exist here and are not themselves under audit (peers are each other's dependency)."""
    return tuple(name for name in services if name in stack.services and name != target.service)


def _outage_of(
    role: Role, *, target: Target, stack: Stack, http: HttpClient, faults: Faults, runtime: Runtime, progress: Progress
) -> Outage:
    is_declined = any(key in target.declined for key in ("roles", f"roles.{role}"))
    if not is_declined:
        require_stop(stack)
    services = stoppable(target, stack, target.services_of(role))
    asks = asks_of(target, runtime.model())
    if not services or not asks:
        return Outage(role=role.value, services=services if asks else (), stack_services=stack.services)
    return OutageScenario(
        target=target,
        stack=stack,
        faults=faults,
        progress=progress,
        asks=asks,
        role=role.value,
        services=services,
        ordinary=_ordinary(target, http),
        needing=needing_of(target, stack, http, role=role, services=services),
    ).run()


def _ordinary(target: Target, http: HttpClient) -> Callable[[], Exchange] | None:
    request = target.paths.ok
    if request is None or not target.entries or request.as_user != "anonymous":
        return None
    entry = target.entries[0]
    return lambda: http.send(entry, request, purpose=StatusClass.UNAVAILABLE, timeout_seconds=10.0)


@gatherer(impact=Impact.DISRUPTS, at_most_seconds=180)
def database_outage(
    *, target: Target, stack: Stack, http: HttpClient, faults: Faults, runtime: Runtime, progress: Progress
) -> Outage:
    """The probes while the database is stopped, started again, frozen, thawed."""
    return _outage_of(Role.DB, target=target, stack=stack, http=http, faults=faults, runtime=runtime, progress=progress)


@gatherer(impact=Impact.DISRUPTS, at_most_seconds=180)
def cache_outage(
    *, target: Target, stack: Stack, http: HttpClient, faults: Faults, runtime: Runtime, progress: Progress
) -> Outage:
    """The probes while Redis is stopped, started again, frozen, thawed."""
    return _outage_of(
        Role.REDIS, target=target, stack=stack, http=http, faults=faults, runtime=runtime, progress=progress
    )


@gatherer(impact=Impact.DISRUPTS, at_most_seconds=240)
def backend_outages(
    *, target: Target, stack: Stack, http: HttpClient, faults: Faults, runtime: Runtime, progress: Progress
) -> BackendOutages:
    """The probes while each declared component that is neither database nor cache is stopped, one after the other."""
    require_stop(stack)
    components, not_stoppable = other_components(target, stack)
    asks = asks_of(target, runtime.model())
    outages = []
    for service in dict.fromkeys(components.values()):
        scenario = OutageScenario(
            target=target,
            stack=stack,
            faults=faults,
            progress=progress,
            asks=asks,
            role=Role.OTHER.value,
            services=(service,),
            needing=needing_of(target, stack, http, role=None, services=(service,)),
            pause=False,
        )
        try:
            outages.append(scenario.run())
        except UnsupportedError:
            raise
        except StackError as error:
            reason = f"{service} could not be stopped and started again: {error}"
            not_stoppable |= {name: reason for name, behind in components.items() if behind == service}
    return BackendOutages(outages=tuple(outages), not_stoppable=not_stoppable)


def other_components(target: Target, stack: Stack) -> tuple[dict[str, str], dict[str, str]]:
    """Declared components that are neither database nor cache: those with a service to stop, and those without."""
    served = {*target.services_of(Role.DB), *target.services_of(Role.REDIS)}
    here: dict[str, str] = {}
    elsewhere: dict[str, str] = {}
    for probe in target.probes.values():
        for component, service in probe.components.items():
            if service in served:
                continue
            if stoppable(target, stack, [service]):
                here[component] = service
            else:
                elsewhere[component] = f"{service} is not a service of this stack that can be stopped"
    return here, elsewhere
