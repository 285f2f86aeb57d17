"""Two replicas behind the owner's proxy: each asked by itself, both replaced one after the other, and one of them lost."""

from __future__ import annotations

import dataclasses
import itertools
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import cast

from readiness.check import Impact
from readiness.declared.record import record_of
from readiness.declared.scaling import replicas_of, swarm_of
from readiness.exceptions import ReadinessError, StackError
from readiness.facts.http import Exchange
from readiness.facts.scaled import Failure, LoadPhase, ReplicaStep, ScaledStack, SharedAnswer
from readiness.gather import gatherer
from readiness.gather.job_asking import place_in
from readiness.gather.own_user import own_user
from readiness.gather.stopping import inner_entry, limits_off
from readiness.instruments.client import HttpClient
from readiness.instruments.identity import PLAIN, Identity, filled, masked
from readiness.instruments.poller import Ask, Sample
from readiness.instruments.steady_load import SteadyLoad
from readiness.instruments.this_machine import load_per_cpu
from readiness.instruments.variants import Variants
from readiness.runtime import Capability, Endpoint, Progress, Stack, Variant
from readiness.target import Entry, ProbeKind, Request, Role, Target
from readiness.verdict import Inconclusive

__all__ = ["ScalePlan", "disturb", "phases_of", "proxied_entry", "scaled_stack"]

#: What is kept of failures, for evidence.
SHOWN = 20
#: Who has been asking for longer when a replica is killed was held up by what came before.
UNDER_WAY_SECONDS = 1.0
NAMES = ("at rest", "while the replicas are replaced", "after one is killed")
FIRST_SERVER_ERROR = 500
#: Between two looks at an update.
LOOK_SECONDS = 0.2
_SUCCESSES = range(200, 300)


@dataclass(frozen=True, kw_only=True)
class ScalePlan:
    """How it is done.

    Attributes:
        per_second: the load: enough that a gap of half a second holds ten requests, and far below any capacity.
        patience_seconds: of a caller.
        rest_seconds: the load before anything is done; longer, ``rest_most_seconds`` at most, where a busy machine has not
            answered ``rest_requests`` by then, which is more than a second of the load.
        between_seconds: from a new replica being ready to the next one being told to stop: as the delay of an update has
            it (Compose Deploy Specification, ``update_config.delay``; its example is 10 s).
        ready_seconds: what a new replica gets to become ready: as much as services that prepare a database take on a busy
            machine.
        after_seconds: the load after the last change, until names and health checks have caught up.
    """

    per_second: float = 20.0
    patience_seconds: float = 15.0
    rest_seconds: float = 3.0
    rest_most_seconds: float = 20.0
    rest_requests: int = 30
    between_seconds: float = 5.0
    ready_seconds: float = 180.0
    after_seconds: float = 5.0


@gatherer(impact=Impact.PERTURBS, at_most_seconds=480)
def scaled_stack(target: Target, stack: Stack, variants: Variants, progress: Progress) -> ScaledStack:
    """In a stack of its own with two replicas of the service under audit, or as many as are declared."""
    service, entry = target.service, proxied_entry(target)
    if service is None:
        return ScaledStack(problem="it is not known which service is under audit")
    count = replicas_of(target)
    if count == 0:
        return ScaledStack(service=service, problem=target.declined["scaling"])
    del stack  # asked for, so that what does not come up with one replica is not tried with two
    mode = swarm_of(target)
    variant = Variant(
        name="scaled",
        environment=limits_off(target),
        replicas={service: count},
        swarm={} if mode is None else {service: mode},
    )
    with variants(variant) as scaled:
        fact = ScaledStack(service=service, replicas=count, engine="compose" if mode is None else "swarm")
        shared, why = _shared(target, scaled, service)
        fact = replace(fact, shared=shared, not_shared=why)
        if entry is None:
            return replace(fact, problem="no entry leads through a proxy: roles: {proxy: SERVICE}, and its entry")
        progress(f"{count} replicas are replaced under load", at_most_seconds=400)
        return disturb(target, scaled, fact, entry)


def proxied_entry(target: Target) -> Entry | None:
    """The first entry of a service with the role of a proxy."""
    proxies = target.services_of(Role.PROXY)
    return next((entry for entry in target.entries if entry.service in proxies), None)


def disturb(
    target: Target,
    stack: Stack,
    fact: ScaledStack,
    entry: Entry,
    *,
    plan: ScalePlan | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> ScaledStack:
    """Replace both replicas one after the other, then kill one, while requests go through ``entry``."""
    plan = plan or ScalePlan()
    request = _request(target)
    ask = Ask(name="load", entry=entry, request=request, timeout_seconds=plan.patience_seconds)
    fact = replace(fact, request=f"{request.method} {ask.url}", per_second=plan.per_second)
    steps: list[ReplicaStep] = []
    killed: ReplicaStep | None = None
    problem = ""
    marks = [0.0]
    with SteadyLoad(ask, resolve=stack.endpoint, per_second=plan.per_second) as load:

        def now() -> float:
            return time.monotonic() - load.began

        replicas = _Replicas(target, stack, fact.service, plan, sleep)
        try:
            sleep(plan.rest_seconds)
            while len(load.samples()) < plan.rest_requests and now() < plan.rest_most_seconds:
                sleep(LOOK_SECONDS)
            marks.append(now())
            replacing = replicas.updated if fact.engine == "swarm" else replicas.replaced
            for step in replacing(fact.replicas, now):
                steps.append(step)
                if step.ready_seconds is None:
                    problem = f"a new replica was not ready after {plan.ready_seconds:g} s: {replicas.told()}"
                    break
            marks.append(now())
            if not problem:
                at = round(now(), 2)
                stack.kill(fact.service, replicas.containers()[0])
                killed = ReplicaStep(replica=1, at_seconds=at, gone_seconds=round(now(), 2))
                sleep(plan.after_seconds)
        except StackError as error:
            problem = str(error)[:300]
        marks.append(now())
    samples = [replace(sample, sent=sample.sent - load.began) for sample in load.samples()]
    phases = phases_of(samples, marks, has_kill=killed is not None)
    return replace(
        fact,
        rest=phases[0] if phases else None,
        roll=phases[1] if len(phases) > 1 else None,
        crash=phases[2] if len(phases) > 2 and killed is not None else None,  # noqa: PLR2004  # the third
        steps=tuple(steps),
        killed=killed,
        late_seconds=round(load.late_seconds, 2),
        load_per_cpu=load_per_cpu(),
        problem=problem,
    )


def phases_of(samples: Sequence[Sample], marks: Sequence[float], *, has_kill: bool) -> list[LoadPhase]:
    """The requests of each phase; a phase lasts from one mark to the next.

    What is under way when the first replica is told to stop belongs to the replacements: just that must not be lost.
    What is under way when one is killed belongs to nothing: it may be lost with the replica.
    """
    phases = []
    for number, (began, ended) in enumerate(itertools.pairwise(marks)):
        mine = [s for s in samples if began <= s.sent < ended]
        if number == 0 and len(marks) > 2:  # noqa: PLR2004  # something follows
            mine = [s for s in mine if s.sent + s.seconds < ended]
        if number == 1:
            mine = [s for s in samples if s.sent < began <= s.sent + s.seconds] + mine
        if number == 1 and has_kill:
            mine = [s for s in mine if not ended - UNDER_WAY_SECONDS <= s.sent < ended <= s.sent + s.seconds]
        phases.append(phase_of(NAMES[number], mine, began, ended))
    return phases


def phase_of(name: str, mine: Sequence[Sample], began: float, ended: float) -> LoadPhase:
    """A phase of these requests; times are seconds as the samples count them."""
    failed = [s for s in mine if s.status is None or s.status >= FIRST_SERVER_ERROR]
    limited = sum(sample.status == HTTPStatus.TOO_MANY_REQUESTS for sample in mine)
    return LoadPhase(
        name=name,
        began_seconds=round(began, 2),
        ended_seconds=round(ended, 2),
        sent=len(mine),
        served=len(mine) - len(failed) - limited,
        limited=limited,
        failed=len(failed),
        failures=tuple(
            Failure(
                sent_seconds=round(s.sent, 2), seconds=round(s.seconds, 2), what=(s.error or f"status {s.status}")[:200]
            )
            for s in failed[:SHOWN]
        ),
        slowest_seconds=round(max((sample.seconds for sample in mine), default=0.0), 2),
        beside_seconds=round(_beside(mine, failed), 2),
    )


def _beside(mine: Sequence[Sample], failed: Sequence[Sample]) -> float:
    """The median time of all requests between the first failure and the last."""
    if not failed:
        return 0.0
    first, last = min(s.sent for s in failed), max(s.sent for s in failed)
    return statistics.median(s.seconds for s in mine if first <= s.sent <= last)


def _request(target: Target) -> Request:
    """What everybody may ask: the ordinary request where it needs no login, else a probe."""
    ordinary = target.steady_request
    probe = target.probes.get(ProbeKind.READY)
    if ordinary.as_user == "anonymous" and ordinary.method == "GET":
        return ordinary
    return Request(path=probe.path) if probe is not None and probe.service is None else Request(path="/")


class _Replicas:
    """The replicas: replaced, and whether they may receive traffic, by their own health checks, else by what they answer."""

    def __init__(
        self, target: Target, stack: Stack, service: str, plan: ScalePlan, sleep: Callable[[float], None]
    ) -> None:
        self._target, self._stack, self._service = target, stack, service
        self._plan, self._sleep = plan, sleep

    def containers(self) -> list[str]:
        """The running replicas' ids."""
        return [each.id for each in self._stack.containers(self._service) if each.status == "running"]

    def _ready_ones(self) -> list[str]:
        """The ids of those whose own health checks pass, or that have none."""
        seen = self._stack.containers(self._service)
        return [each.id for each in seen if each.status == "running" and each.health in {None, "healthy"}]

    def told(self) -> str:
        """How the replicas are, in words."""
        seen = self._stack.containers(self._service)
        return ", ".join(f"replica {each.number} is {each.status} and {each.health or 'not checked'}" for each in seen)

    def wait(self, *, of: int) -> bool:
        """Wait until so many are ready; whether they were in time."""
        deadline = time.monotonic() + self._plan.ready_seconds
        while time.monotonic() < deadline:
            running = [each for each in self._stack.containers(self._service) if each.status == "running"]
            if len(running) >= of and all(each.health == "healthy" for each in running if each.health is not None):
                if any(each.health is not None for each in running):
                    return True
                if self._answer():
                    return True
            self._sleep(0.2)
        return False

    def replaced(self, of: int, now: Callable[[], float]) -> Iterator[ReplicaStep]:
        """One replica after the other, each when the one before it was ready; the last step may be one that never was."""
        for number, container in enumerate(self.containers()):
            step = ReplicaStep(replica=number + 1, at_seconds=round(now(), 2), gone_seconds=0.0)
            self._stack.replace(self._service, container)
            step = replace(step, gone_seconds=round(now(), 2))
            is_ready = self.wait(of=of)
            yield replace(step, ready_seconds=round(now(), 2) if is_ready else None)
            if is_ready:
                self._sleep(self._plan.between_seconds)

    def updated(self, of: int, now: Callable[[], float]) -> Iterator[ReplicaStep]:
        """The engine's own rolling update, watched; its order and pace are the owner's."""
        old = self.containers()
        gone: dict[str, float] = {}
        came: dict[str, float] = {}
        self._stack.update(self._service)
        deadline = time.monotonic() + self._plan.ready_seconds * len(old)
        while (is_under_way := not self._stack.is_updated(self._service)) and time.monotonic() < deadline:
            there = self.containers()
            gone |= {one: round(now(), 2) for one in old if one not in there and one not in gone}
            came |= {one: round(now(), 2) for one in self._ready_ones() if one not in old and one not in came}
            self._sleep(LOOK_SECONDS)
        is_ready = not is_under_way and self.wait(of=of)
        ended = round(now(), 2)
        arrivals = [*sorted(came.values()), *[ended] * len(old)]
        for number, container in enumerate(sorted(old, key=lambda one: gone.get(one, ended))):
            at = gone.get(container, ended)
            ready = arrivals[number] if is_ready else None
            yield ReplicaStep(replica=number + 1, at_seconds=at, gone_seconds=at, ready_seconds=ready)
        if is_ready:
            self._sleep(self._plan.between_seconds)

    def _answer(self) -> bool:
        entry = next((entry for entry in self._target.entries if entry.service == self._service), None)
        if entry is None:
            return True  # there is nothing to ask; the proxy has to know
        probe = self._target.probes.get(ProbeKind.READY)
        request = Request(path=probe.path) if probe is not None else self._target.steady_request
        for place in self._stack.replica_endpoints(self._service, entry.port).values():
            with HttpClient(_only(self._stack, place), timeout_seconds=3.0) as http:
                answer = http.send(entry, request)
            if answer.status is None or answer.status >= FIRST_SERVER_ERROR:
                return False
        return True


@dataclass(frozen=True)
class _One:
    """A stack of which one replica alone can be asked."""

    stack: Stack
    place: Endpoint

    @property
    def runtime(self) -> str:
        return self.stack.runtime

    @property
    def capabilities(self) -> frozenset[Capability]:
        return self.stack.capabilities

    def endpoint(self, service: str, port: int) -> Endpoint:
        del service, port
        return self.place

    def environment(self, service: str) -> Mapping[str, str]:
        return self.stack.environment(service)


def _only(stack: Stack, place: Endpoint) -> Stack:
    return cast("Stack", _One(stack, place))


def _shared(target: Target, stack: Stack, service: str) -> tuple[tuple[SharedAnswer, ...], str]:
    """Log in and write at one replica, ask the other one; and why that could not be tried."""
    entry = inner_entry(target)
    if entry is None or entry.service != service:
        return (), f"no entry leads to {service} itself: entry: {{name: direct, service: {service}, port: …}}"
    try:
        places = list(stack.replica_endpoints(service, entry.port).values())
        if len(places) < 2:  # noqa: PLR2004  # one and another one
            return (), f"{len(places)} replicas run, and two are needed"
        here, there = _only(stack, places[0]), _only(stack, places[1])
        with HttpClient(here) as first, HttpClient(there) as second:
            return _asked(target, here, entry, first, second)
    except ReadinessError as error:
        return (), str(error)[:300]
    except Inconclusive as reason:
        return (), reason.reason


def _asked(
    target: Target, here: Stack, entry: Entry, first: HttpClient, second: HttpClient
) -> tuple[tuple[SharedAnswer, ...], str]:
    record, private = record_of(target), target.paths.private
    identity = Identity(name="nobody")
    if target.login is not None:
        identity = own_user(target, here, first, "replica", entry=entry)
    found: list[SharedAnswer] = []

    def compare(name: str, request: Request) -> None:
        headers = {**PLAIN, **(identity.headers if request.as_user != "anonymous" else {})}
        answers: list[Exchange] = [http.send(entry, request, headers=headers) for http in (first, second)]
        found.append(
            SharedAnswer(
                name=name,
                request=f"{request.method} {request.path}",
                here=answers[0].status,
                there=answers[1].status,
                answer=f"{masked(answers[1], identity.secrets).label} {answers[1].body}"[:300],
            )
        )

    if private is not None and identity.headers:
        compare("what needs a login", dataclasses.replace(private, as_user="user"))
    if record is not None and record.read is not None:
        headers = {**PLAIN, **(identity.headers if record.create.as_user != "anonymous" else {})}
        created = first.send(entry, record.create, headers=headers)
        place = place_in(created.body, record.id)
        if created.status in (record.create.expect or _SUCCESSES) and place is not None:
            compare("a record created at the other one", filled(record.read, {"id": str(place)}))
    return tuple(found), "" if found else "neither paths.private with a login, nor record, is declared"
