"""Every declared probe at rest: what it answers without a login, several times."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus

from readiness.check import Impact
from readiness.exceptions import StackError
from readiness.facts.http import StatusClass
from readiness.facts.probe_body import read_body
from readiness.facts.probes import ProbeAnswers, ProbeBaseline
from readiness.gather import gatherer
from readiness.gather.probe_asking import answer_of, asks_of, exchange_of, known_secrets
from readiness.gather.probe_latency import TIMED
from readiness.instruments.poller import Ask, Resolve, Sample, ask_once, burst, run_bounded, where_is
from readiness.runtime import Endpoint, Progress, Runtime, Stack
from readiness.target import Probe, ProbeKind, Target

__all__ = ["Plan", "observe"]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How often each probe is asked.

    Attributes:
        times, apart_seconds: five answers over more than a second: a clock that moves in whole seconds has moved.
        concurrent, at_once: cheap requests that keep the stack busy for a moment; far below what would slow others.
        into_the_load_seconds: when, after their start, the detailed probe is asked.
        cache_margin_seconds: a cached answer is asked for again this long after its declared expiry.
        longest_cache_seconds: a longer cache is not waited for.
    """

    times: int = 5
    apart_seconds: float = 0.35
    concurrent: int = 50
    at_once: int = 5
    into_the_load_seconds: float = 0.1
    cache_margin_seconds: float = 1.0
    longest_cache_seconds: float = 30.0
    timeout_seconds: float = 10.0


@gatherer(impact=Impact.OBSERVES, at_most_seconds=90)
def probe_baseline(target: Target, stack: Stack, runtime: Runtime, progress: Progress) -> ProbeBaseline:
    """The answers of every declared probe at rest."""
    plan = Plan()
    asks = asks_of(target, runtime.model(), timeout_seconds=plan.timeout_seconds)
    progress("asking the health probes at rest", at_most_seconds=90)
    ages = {ask.entry.service: age_of(stack, _instance(target, ask)) for ask in asks.values()}
    work = observe(target.probes, asks, resolve=stack.endpoint, plan=plan, secrets=known_secrets(stack), ages=ages)
    return run_bounded(work, at_most_seconds=240)


def _instance(target: Target, ask: Ask) -> str:
    """Whose age counts: behind a proxy it is the service under audit that answers."""
    return ask.entry.service if target.service is None else target.service


def age_of(stack: Stack, service: str) -> float | None:
    """Seconds since the engine started a service, by this machine's clock, which is the engine's too."""
    try:
        started = datetime.fromisoformat(stack.state(service).started_at)
    except (StackError, ValueError):
        return None
    if started.tzinfo is None:
        started = started.replace(tzinfo=UTC)
    return round((datetime.now(UTC) - started).total_seconds(), 3)


async def observe(
    probes: Mapping[ProbeKind, Probe],
    asks: Mapping[str, Ask],
    *,
    resolve: Resolve,
    plan: Plan,
    secrets: Mapping[str, str],
    ages: Mapping[str, float | None],
) -> ProbeBaseline:
    """Ask every probe quietly, then those that measure again under a little load and after their cache."""
    where = {name: await where_is(resolve, ask) for name, ask in asks.items()}
    zero = time.monotonic()
    quiet: dict[str, list[Sample]] = {name: [] for name in asks}
    for number in range(plan.times):
        await asyncio.sleep(max(0.0, zero + number * plan.apart_seconds - time.monotonic()))
        answers = await asyncio.gather(*(ask_once(ask, where[name]) for name, ask in asks.items()))
        for name, answer in zip(asks, answers, strict=True):
            quiet[name].append(answer)
    busy: dict[str, list[Sample]] = {name: [] for name in asks}
    await _under_load(asks, where, busy, plan=plan)
    measuring = {name: ask for name, ask in asks.items() if read_body(quiet[name][-1].body).metrics}
    await _after_the_cache(probes, measuring, where, busy, plan=plan, zero=zero)
    asked = tuple(
        ProbeAnswers(
            kind=name,
            exchange=exchange_of(ask, quiet[name][0], purpose=StatusClass.PROBE, secrets=secrets),
            answers=tuple(answer_of(sample, zero=zero, secrets=secrets) for sample in quiet[name]),
            busy=tuple(answer_of(sample, zero=zero, secrets=secrets) for sample in busy[name]),
            service_age_seconds=ages.get(ask.entry.service),
        )
        for name, ask in asks.items()
    )
    return ProbeBaseline(asked=asked)


async def _under_load(
    asks: Mapping[str, Ask],
    where: Mapping[str, Endpoint | None],
    busy: Mapping[str, list[Sample]],
    *,
    plan: Plan,
) -> None:
    """Ask the detailed probe while the stack is busy with a cheap one, and once after: its figures should move."""
    name = ProbeKind.DETAILED.value
    cheap = next((k.value for k in TIMED if k.value in asks and where[k.value] is not None), None)
    if name not in asks:
        return
    place = where[cheap] if cheap is not None else None
    if cheap is not None and place is not None:
        work = burst(asks[cheap], place, count=plan.concurrent, at_once=plan.at_once, stop_on=_is_refused)
        load = asyncio.create_task(work)
        await asyncio.sleep(plan.into_the_load_seconds)
        busy[name].append(await ask_once(asks[name], where[name]))
        await load
    busy[name].append(await ask_once(asks[name], where[name]))


def _is_refused(sample: Sample) -> bool:
    return sample.status == HTTPStatus.TOO_MANY_REQUESTS


async def _after_the_cache(
    probes: Mapping[ProbeKind, Probe],
    asks: Mapping[str, Ask],
    where: Mapping[str, Endpoint | None],
    busy: Mapping[str, list[Sample]],
    *,
    plan: Plan,
    zero: float,
) -> None:
    """Ask for metrics again when the answer that was given first must have expired: a repeated one cannot move."""
    caches = {name: probes[ProbeKind(name)].cache_seconds for name in asks}
    for name in sorted(
        (n for n, cache in caches.items() if 0 < cache <= plan.longest_cache_seconds), key=caches.__getitem__
    ):
        due = zero + plan.times * plan.apart_seconds + caches[name] + plan.cache_margin_seconds
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        busy[name].append(await ask_once(asks[name], where[name]))
