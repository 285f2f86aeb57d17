"""Every declared probe at rest: what it answers without a login, several times, and how long it takes."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from readiness.check import Impact
from readiness.exceptions import StackError
from readiness.facts.http import StatusClass
from readiness.facts.probe_body import read_body
from readiness.facts.probes import Latency, ProbeAnswers, ProbeBaseline
from readiness.gather import gatherer
from readiness.gather.probe_asking import answer_of, asks_of, exchange_of, known_secrets
from readiness.instruments.poller import Ask, Resolve, Sample, ask_once, burst, loopback_server, run_bounded
from readiness.runtime import Endpoint, Progress, Runtime, Stack
from readiness.target import Entry, Probe, ProbeKind, Target

__all__ = ["Plan", "observe"]

#: The ledger asks liveness and basic health to be fast; a shallow one that is kept for old callers is the same thing.
TIMED = (ProbeKind.LIVE, ProbeKind.BASIC, ProbeKind.LEGACY, ProbeKind.HEALTH)
TOO_MANY_REQUESTS = 429


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How often each probe is asked.

    Attributes:
        times, apart_seconds: five answers over more than a second: a clock that moves in whole seconds has moved.
        sequential, concurrent: the ledger's figures for latency.
        cache_margin_seconds: a cached answer is asked for again this long after its declared expiry.
        longest_cache_seconds: a longer cache is not waited for.
    """

    times: int = 5
    apart_seconds: float = 0.35
    sequential: int = 200
    concurrent: int = 50
    cache_margin_seconds: float = 1.0
    longest_cache_seconds: float = 30.0
    timeout_seconds: float = 10.0


@gatherer(impact=Impact.OBSERVES, at_most_seconds=90)
def probe_baseline(target: Target, stack: Stack, runtime: Runtime, progress: Progress) -> ProbeBaseline:
    """The answers of every declared probe at rest, and how long the fast ones take."""
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
    """Ask every probe; first quietly, then the fast ones often, then all of them again."""
    where = {name: await _where(resolve, ask) for name, ask in asks.items()}
    zero = time.monotonic()
    quiet: dict[str, list[Sample]] = {name: [] for name in asks}
    for number in range(plan.times):
        await asyncio.sleep(max(0.0, zero + number * plan.apart_seconds - time.monotonic()))
        answers = await asyncio.gather(*(ask_once(ask, where[name]) for name, ask in asks.items()))
        for name, answer in zip(asks, answers, strict=True):
            quiet[name].append(answer)
    busy: dict[str, list[Sample]] = {name: [] for name in asks}
    latency = []
    for kind in TIMED:
        place = where.get(kind.value)
        if place is not None:
            work = _latency(asks[kind.value], place, plan)
            latency.append(await _meanwhile(work, asks, where, busy))
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
    return ProbeBaseline(asked=asked, latency=tuple(latency))


async def _where(resolve: Resolve, ask: Ask) -> Endpoint | None:
    with contextlib.suppress(StackError, OSError):
        return await asyncio.to_thread(resolve, ask.entry.service, ask.entry.port)
    return None


async def _latency(ask: Ask, where: Endpoint, plan: Plan) -> Latency:
    control_ask = Ask(name="control", entry=Entry(name="control", service="localhost", port=1), request=ask.request)
    sequential: list[Sample] = []
    control: list[Sample] = []
    stopped_early = ""
    async with loopback_server() as own:
        for number in range(plan.sequential):
            sample = await ask_once(ask, where)
            if sample.status == TOO_MANY_REQUESTS:
                stopped_early = f"a rate limiter refused request {number + 1}"
                break
            sequential.append(sample)
            # In between, so that whatever slows this machine slows both.
            if number % 4 == 0:
                control.append(await ask_once(control_ask, own))
    concurrent: list[Sample] = []
    if not stopped_early:
        count = plan.concurrent
        concurrent = await burst(
            ask, where, count=count, at_once=count, stop_on=lambda s: s.status == TOO_MANY_REQUESTS
        )
    return Latency(
        kind=ask.name,
        url=ask.url,
        sequential_seconds=_times(sequential),
        concurrent_seconds=_times(concurrent),
        control_seconds=_times(control),
        statuses=dict(Counter(str(s.status or s.error) for s in (*sequential, *concurrent))),
        stopped_early=stopped_early,
    )


def _times(samples: Sequence[Sample]) -> tuple[float, ...]:
    return tuple(round(sample.seconds, 5) for sample in samples)


async def _meanwhile(
    work: Coroutine[Any, Any, Latency],
    asks: Mapping[str, Ask],
    where: Mapping[str, Endpoint | None],
    busy: Mapping[str, list[Sample]],
) -> Latency:
    """Ask the detailed probe once while the stack is busy with the other requests, and once after."""
    name = ProbeKind.DETAILED.value
    task = asyncio.create_task(work)
    if name in asks:
        await asyncio.sleep(0.3)
        busy[name].append(await ask_once(asks[name], where[name]))
    result = await task
    if name in asks:
        busy[name].append(await ask_once(asks[name], where[name]))
    return result


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
