"""The service under audit made anew: first while its database is away, then with everything it needs."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from readiness.check import Impact
from readiness.exceptions import StackError, UnsupportedError
from readiness.facts.probes import ColdStart, Phase, Timeline
from readiness.gather import gatherer
from readiness.gather.probe_asking import answer_of, asks_of, known_secrets, phase_of, snapshots, timeline_of
from readiness.gather.probe_outage import stoppable
from readiness.instruments.faults import Faults
from readiness.instruments.poller import Ask, Poller, Sample, burst, run_bounded
from readiness.instruments.this_machine import load_per_cpu
from readiness.probes.standing import Standing, standing
from readiness.runtime import Capability, Progress, Runtime, Stack
from readiness.target import ProbeKind, Role, Target

__all__ = ["ColdPeriods", "ColdScenario"]

#: What a proxy says for a service that does not accept connections yet (RFC 9110, 15.6.3 and 15.6.5).
NOBODY_BEHIND_THE_PROXY = frozenset({502, 504})
#: Requests at once while it loads: enough to be a crowd, and few beside a usual limit of a hundred a minute.
CROWD = 20
#: Asked at a cold start: those whose answer is declared to depend on the start, and liveness beside them.
COLD = (ProbeKind.STARTUP, ProbeKind.READY, ProbeKind.LIVE, ProbeKind.LOADING)


@dataclass(frozen=True, kw_only=True)
class ColdPeriods:
    """How long each part is watched, in seconds.

    Attributes:
        interval: between two requests to a probe; ``proof_interval`` between two proofs, which cost more and may be
            rate limited.
        accepted: how long the probes are watched without the dependency once the new instance has answered.
        without: at most so long when it does not answer at all.
        up: for the service to be ready with everything there; the target's own deadline where it is longer.
        loaded: after the loading probe's first *yes* and the first proof.
        crowd_timeout: one request of the crowd; the ledger's 30 s and some more.
    """

    interval: float = 0.1
    proof_interval: float = 0.25
    accepted: float = 3.0
    without: float = 20.0
    up: float = 90.0
    loaded: float = 1.0
    crowd_timeout: float = 35.0
    timeout: float = 10.0


@dataclass(kw_only=True)
class ColdScenario:
    """One service recreated on one stack."""

    target: Target
    stack: Stack
    faults: Faults
    progress: Progress
    asks: Mapping[str, Ask]
    service: str
    periods: ColdPeriods = dataclasses.field(default_factory=ColdPeriods)

    def __post_init__(self) -> None:
        """Prepare what both parts need.

        The service is asked directly where it has an entry of its own: a proxy in front of it says 502 or, as some do,
        503 for a service that is not there yet, which would be taken for the service's own word.
        """
        own = next((entry for entry in self.target.entries if entry.service == self.service), None)
        self._fronts = sorted({entry.service for entry in self.target.entries} - {self.service})
        if own is not None:
            behind = {*self._fronts}
            self.asks = {
                name: dataclasses.replace(ask, entry=own) if ask.entry.service in behind else ask
                for name, ask in self.asks.items()
            }
        self._is_direct = own is not None
        self._secrets = known_secrets(self.stack)
        self._up = max(self.periods.up, self.target.deadlines.get(self.service, 0.0))

    def run(self) -> ColdStart:
        """Do what the declared probes ask for.

        Raises:
            UnsupportedError: this stack's services cannot be recreated.
        """
        if Capability.RECREATE not in self.stack.capabilities:
            hint = "audit a throw-away stack with --readiness-target"
            raise UnsupportedError(Capability.RECREATE, runtime=self.stack.runtime, hint=hint)
        fact = ColdStart(service=self.service)
        not_done: dict[str, str] = {}
        dependencies = stoppable(self.target, self.stack, self._dependencies())
        if ProbeKind.STARTUP not in self.target.probes:
            not_done["startup"] = "no startup probe is declared"
        elif not dependencies:
            not_done["startup"] = "the stack has no database or cache that could be missing at the start"
        else:
            fact = self._without(dependencies)
        if ProbeKind.LOADING in self.target.probes:
            fact = self._loading(fact, not_done)
        return dataclasses.replace(fact, load_per_cpu=load_per_cpu(), not_done=not_done)

    def _dependencies(self) -> tuple[str, ...]:
        return self.target.services_of(Role.DB) or self.target.services_of(Role.REDIS)

    def _without(self, dependencies: tuple[str, ...]) -> ColdStart:
        asks = tuple(ask for name, ask in self.asks.items() if ProbeKind(name) in COLD)
        bound = self.periods.without + 2 * self._up + 60
        poller = Poller(asks, resolve=self.stack.endpoint, interval_seconds=self.periods.interval)
        away = self.faults.stopped_all(*dependencies, at_most_seconds=bound)
        with away as outage, self._recreated(bound) as start_again, poller:
            zero = time.monotonic()
            self.progress(f"watching {self.service} start without its database", at_most_seconds=self.periods.without)
            self._wait_without(poller, zero)
            with poller.quiet(at_most_seconds=self.periods.timeout):
                without = self._phase(poller, asks, zero)
                outage.undo()
                back = time.monotonic()
            self.progress(f"watching {self.service} after the database's return", at_most_seconds=self._up)
            self._wait_for_dependencies(dependencies)
            exited = self._has_exited()
            if exited:
                start_again()
            names = [kind.value for kind in (ProbeKind.STARTUP, ProbeKind.READY) if kind.value in self.asks]
            poller.wait(lambda: all(self._is_yes(poller, name, back) for name in names), at_most_seconds=self._up)
            with_dependencies = self._phase(poller, asks, back)
        return ColdStart(
            service=self.service,
            dependencies=dependencies,
            without=without,
            exited=exited,
            with_dependencies=with_dependencies,
        )

    @contextmanager
    def _recreated(self, bound: float) -> Iterator[Callable[[], None]]:
        """A new instance; yields how to start it once more, should it end by itself.

        A proxy looks its upstream's address up when it starts, and the new instance may have another one: proxies are
        restarted, at once where the probes are asked through one, else after the observation.
        """
        with self.faults.recreated(self.service, at_most_seconds=bound) as fresh:
            if not self._is_direct:
                self._restart_fronts()
            yield fresh.undo
        if self._is_direct:
            self._restart_fronts()

    def _restart_fronts(self) -> None:
        for name in self._fronts:
            if name in self.stack.services:
                self.faults.restart(name)

    def _wait_without(self, poller: Poller, zero: float) -> None:
        """Until the new instance has answered for a while, has ended by itself, or time is up."""
        accepted: float | None = None
        while time.monotonic() - zero < self.periods.without:
            if accepted is None and self._has_answered(poller, zero):
                accepted = time.monotonic()
            if accepted is not None and time.monotonic() - accepted >= self.periods.accepted:
                return
            if self._has_exited():
                return
            time.sleep(0.1)

    def _has_answered(self, poller: Poller, zero: float) -> bool:
        recent = (poller.samples(name)[-1:] for name in self.asks if ProbeKind(name) in COLD)
        return any(
            sample.sent >= zero and sample.status is not None and sample.status not in NOBODY_BEHIND_THE_PROXY
            for samples in recent
            for sample in samples
        )

    def _has_exited(self) -> bool:
        try:
            return self.stack.state(self.service).status in {"exited", "dead"}
        except StackError:
            return False

    def _wait_for_dependencies(self, dependencies: tuple[str, ...]) -> None:
        """Until their own health checks pass, where they have any."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            states = [state for state in snapshots(self.stack) if state.service in dependencies]
            if all(state.health in {None, "healthy"} for state in states):
                return
            time.sleep(0.2)

    def _is_yes(self, poller: Poller, name: str, since: float) -> bool:
        recent = [sample for sample in poller.samples(name)[-3:] if sample.sent >= since]
        probe = self.target.probes[ProbeKind(name)]
        said = [standing(probe, answer_of(sample, zero=since, secrets={})) for sample in recent]
        return said == [Standing.YES] * 3

    def _phase(self, poller: Poller, asks: tuple[Ask, ...], zero: float) -> Phase:
        return phase_of(poller, asks, stack=self.stack, zero=zero, since=zero, secrets=self._secrets)

    def _timeline(self, poller: Poller, ask: Ask, zero: float) -> Timeline:
        samples = [sample for sample in poller.samples(ask.name) if sample.sent >= zero]
        return timeline_of(ask, samples, zero=zero, secrets=self._secrets)

    def _loading(self, fact: ColdStart, not_done: dict[str, str]) -> ColdStart:
        """A start with everything there: the loading probe beside the request that proves loading to be over."""
        probe = self.target.probes[ProbeKind.LOADING]
        ask = self.asks.get(ProbeKind.LOADING.value)
        if probe.proof is None or ask is None or not self.target.entries:
            not_done["loading"] = "no request is declared that succeeds exactly when loading is over"
            return fact
        # Asked through the same door as the probe, so that both see the same instance start.
        proof = Ask(
            name="proof",
            entry=dataclasses.replace(
                ask.entry, base=ask.entry.base or ("" if self._is_direct else self.target.entries[0].base)
            ),
            request=probe.proof,
            timeout_seconds=self.periods.timeout,
            interval_seconds=self.periods.proof_interval,
        )
        expected = probe.proof.expect or tuple(range(200, 300))
        bound = 2 * self._up + 60
        poller = Poller((ask, proof), resolve=self.stack.endpoint, interval_seconds=self.periods.interval / 2)
        with self._recreated(bound), poller:
            zero = time.monotonic()
            self.progress(f"watching {self.service} load", at_most_seconds=self._up)

            crowd: list[Sample] = []

            def is_loaded() -> bool:
                if not crowd and self._has_word(poller, (ask.name, "proof"), zero):
                    crowd.extend(self._crowd(proof))
                proofs = [sample for sample in poller.samples("proof") if sample.sent >= zero]
                probes = poller.samples(ask.name)[-1:]
                return (
                    any(s.status in expected for s in proofs[-2:])
                    and any(s.sent >= zero and s.status in probe.expect for s in probes)
                    and time.monotonic() - next(s.sent for s in proofs if s.status in expected) >= self.periods.loaded
                )

            poller.wait(is_loaded, at_most_seconds=self._up)
            loading, proved = (self._timeline(poller, each, zero) for each in (ask, proof))
            answers = tuple(answer_of(sample, zero=zero, secrets=self._secrets) for sample in crowd)
        return dataclasses.replace(fact, loading=loading, proof=proved, crowd=answers)

    def _has_word(self, poller: Poller, names: tuple[str, ...], zero: float) -> bool:
        """Whether the new instance has answered one of these questions."""
        recent = [sample for name in names for sample in poller.samples(name)[-2:]]
        return any(s.sent >= zero and s.status is not None and s.status not in NOBODY_BEHIND_THE_PROXY for s in recent)

    def _crowd(self, proof: Ask) -> list[Sample]:
        """Many proofs at once; none where there is no place to send them to any more."""
        patient = dataclasses.replace(proof, name="crowd", timeout_seconds=self.periods.crowd_timeout)
        try:
            where = self.stack.endpoint(proof.entry.service, proof.entry.port)
        except StackError:
            return []
        sending = burst(patient, where, count=CROWD, at_once=CROWD, stop_on=lambda _: False)
        return run_bounded(sending, at_most_seconds=self.periods.crowd_timeout + 10)


@gatherer(impact=Impact.DISRUPTS, at_most_seconds=180)
def cold_start(*, target: Target, stack: Stack, faults: Faults, runtime: Runtime, progress: Progress) -> ColdStart:
    """The startup and loading probes from the first moment of a new instance."""
    wanted = {ProbeKind.STARTUP, ProbeKind.LOADING} & set(target.probes)
    asks = asks_of(target, runtime.model(), timeout_seconds=ColdPeriods().timeout)
    if not wanted or not asks or target.service is None:
        reason = "no startup or loading probe is declared" if not wanted else "nobody says which service is under audit"
        return ColdStart(not_done={"startup": reason, "loading": reason})
    return ColdScenario(
        target=target, stack=stack, faults=faults, progress=progress, asks=asks, service=target.service
    ).run()
