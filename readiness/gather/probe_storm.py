"""Many requests to the cached health probe in a few seconds, while its stores count what they are asked."""

from __future__ import annotations

import time
from collections import Counter as Tally
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus

from readiness.check import Impact
from readiness.exceptions import GatherError, StackError
from readiness.facts.probes import ProbeStorm, StoreCount
from readiness.gather import gatherer
from readiness.gather.probe_asking import ask_of, ports_of
from readiness.instruments.poller import Ask, Resolve, burst, run_bounded
from readiness.instruments.stores import Counter, postgres_counter, redis_counter
from readiness.runtime import Progress, Runtime, Stack
from readiness.target import ProbeKind, Role, Target

__all__ = ["StormPlan", "storm"]


@dataclass(frozen=True, kw_only=True)
class StormPlan:
    """The storm.

    Attributes:
        requests, seconds: the ledger's figures: 500 within 5 s.
        at_once: few: a crowd that finds an expired cache together must not look like no cache, and callers who share
            one check that is under way must not look like a cache.
        quiet_seconds: how long the stores are watched without it, for what other clients ask.
        lag_seconds: PostgreSQL publishes its counters at most once a second (PGSTAT_MIN_INTERVAL).
        loud_ratio: work per request from which a count may hold what somebody asked before the storm.
    """

    requests: int = 500
    seconds: float = 4.5
    at_once: int = 3
    quiet_seconds: float = 3.0
    lag_seconds: float = 1.5
    loud_ratio: float = 0.05


@gatherer(impact=Impact.PERTURBS, at_most_seconds=75)
def probe_storm(target: Target, stack: Stack, runtime: Runtime, progress: Progress) -> ProbeStorm:
    """The stores' work during 500 requests to the probe that declares a cache; empty where none does."""
    probe = target.probes.get(ProbeKind.BASIC)
    model = runtime.model()
    ask = ask_of(target, model, probe, 10.0) if probe is not None and probe.cache_seconds > 0 else None
    if ask is None:
        return ProbeStorm()
    counters: list[Counter] = []
    users = [service for service in {target.service, *target.services_of(Role.APP)} if service is not None]
    makers = ((Role.DB, postgres_counter, 5432), (Role.REDIS, redis_counter, 6379))
    for role, make, port in makers:
        for service in target.services_of(role):
            if service in stack.services:
                own_port = next(iter(ports_of(target, model, service)), port)
                counters.append(make(stack, service, port=own_port, users=sorted(users)))
    progress("a storm on the health probe", at_most_seconds=75)
    return storm(ask, counters, resolve=stack.endpoint, plan=StormPlan())


def storm(ask: Ask, counters: Sequence[Counter], *, resolve: Resolve, plan: StormPlan) -> ProbeStorm:
    """Count quietly, then during the storm; once more where earlier work, published late, may be among it."""
    fact = _counted(ask, counters, resolve, plan)
    held_back = max((counter.held_back_seconds for counter in counters), default=0.0)
    if held_back and any(max(count.quiet, count.storm) > plan.loud_ratio * fact.sent for count in fact.counts):
        time.sleep(held_back + plan.lag_seconds)
        fact = _counted(ask, counters, resolve, plan)
    return fact


def _counted(ask: Ask, counters: Sequence[Counter], resolve: Resolve, plan: StormPlan) -> ProbeStorm:
    not_counted: dict[str, str] = {}
    start = _read(counters, not_counted)
    quiet_began = time.monotonic()
    time.sleep(plan.quiet_seconds)
    quiet = _read(counters, not_counted)
    quiet_seconds = time.monotonic() - quiet_began
    began = time.monotonic()
    samples = run_bounded(
        burst(
            ask,
            resolve(ask.entry.service, ask.entry.port),
            count=plan.requests,
            at_once=plan.at_once,
            over_seconds=plan.seconds,
            stop_on=lambda sample: sample.status == HTTPStatus.TOO_MANY_REQUESTS,
        ),
        at_most_seconds=60,
    )
    seconds = time.monotonic() - began
    time.sleep(plan.lag_seconds)
    after = _read(counters, not_counted)
    storm_seconds = time.monotonic() - began
    counts = tuple(
        StoreCount(
            service=counter.service,
            unit=counter.unit,
            quiet=quiet[counter.service] - start[counter.service],
            quiet_seconds=round(quiet_seconds, 3),
            storm=after[counter.service] - quiet[counter.service],
            storm_seconds=round(storm_seconds, 3),
        )
        for counter in counters
        if counter.service not in not_counted
    )
    return ProbeStorm(
        kind=ask.name,
        url=ask.url,
        sent=len(samples),
        seconds=round(seconds, 3),
        statuses=dict(Tally(str(sample.status or sample.error) for sample in samples)),
        counts=counts,
        not_counted=not_counted,
    )


def _read(counters: Sequence[Counter], not_counted: dict[str, str]) -> dict[str, float]:
    totals = {}
    for counter in counters:
        try:
            totals[counter.service] = counter.read()
        except (GatherError, StackError) as error:
            not_counted.setdefault(counter.service, str(error))
    return totals
