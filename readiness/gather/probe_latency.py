"""How long the fast probes take: alone on the host, because whatever else is going on would be measured too."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus

from readiness.check import Impact
from readiness.facts.probes import Latency, ProbeLatencies
from readiness.gather import gatherer
from readiness.gather.probe_asking import asks_of
from readiness.instruments.poller import Ask, Resolve, Sample, ask_once, burst, loopback_server, run_bounded, where_is
from readiness.instruments.this_machine import load_per_cpu
from readiness.runtime import Endpoint, Progress, Runtime, Stack
from readiness.target import Entry, ProbeKind, Target

__all__ = ["TIMED", "Rounds", "measure"]

#: The ledger asks liveness and basic health to be fast; a shallow one that is kept for old callers is the same thing.
TIMED = (ProbeKind.LIVE, ProbeKind.BASIC, ProbeKind.LEGACY, ProbeKind.HEALTH)


@dataclass(frozen=True, kw_only=True)
class Rounds:
    """How often each probe is asked; the ledger's figures."""

    sequential: int = 200
    concurrent: int = 50
    timeout_seconds: float = 10.0


@gatherer(impact=Impact.PERTURBS, at_most_seconds=60)
def probe_latencies(target: Target, stack: Stack, runtime: Runtime, progress: Progress) -> ProbeLatencies:
    """Ask the fast probes one request after the other, then many at once."""
    rounds = Rounds()
    asks = asks_of(target, runtime.model(), timeout_seconds=rounds.timeout_seconds)
    progress("timing the health probes", at_most_seconds=60)
    return run_bounded(
        measure(asks, resolve=stack.endpoint, rounds=rounds, load_per_cpu=load_per_cpu), at_most_seconds=240
    )


async def measure(
    asks: Mapping[str, Ask], *, resolve: Resolve, rounds: Rounds, load_per_cpu: Callable[[], float]
) -> ProbeLatencies:
    """Time every fast probe that there is, one after the other."""
    load = load_per_cpu()
    timed = []
    for kind in TIMED:
        ask = asks.get(kind.value)
        where = await where_is(resolve, ask) if ask is not None else None
        if ask is not None and where is not None:
            timed.append(await _latency(ask, where, rounds))
    return ProbeLatencies(timed=tuple(timed), load_per_cpu=load)


async def _latency(ask: Ask, where: Endpoint, rounds: Rounds) -> Latency:
    control_ask = Ask(name="control", entry=Entry(name="control", service="localhost", port=1), request=ask.request)
    sequential: list[Sample] = []
    control: list[Sample] = []
    stopped_early = ""
    async with loopback_server() as own:
        for number in range(rounds.sequential):
            sample = await ask_once(ask, where)
            if sample.status == HTTPStatus.TOO_MANY_REQUESTS:
                stopped_early = f"a rate limiter refused request {number + 1}"
                break
            sequential.append(sample)
            # In between, so that whatever slows this machine slows both.
            if number % 4 == 0:
                control.append(await ask_once(control_ask, own))
    concurrent: list[Sample] = []
    if not stopped_early:
        count = rounds.concurrent
        concurrent = await burst(
            ask, where, count=count, at_once=count, stop_on=lambda s: s.status == HTTPStatus.TOO_MANY_REQUESTS
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
