"""The limit with the figures as deployed, met once by a caller whom nothing else of the audit uses."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from http import HTTPStatus

from readiness.check import Impact
from readiness.facts.http import Exchange, StatusClass
from readiness.facts.limiter import DeployedLimit, Figures, Phase
from readiness.gather import gatherer
from readiness.gather._limiting import (
    Caller,
    Exchanges,
    addresses,
    answer_of,
    callers,
    clients,
    figures_of,
    public_entry,
)
from readiness.instruments.client import HttpClient
from readiness.instruments.identity import masked
from readiness.instruments.poller import Sample, run_bounded
from readiness.instruments.variants import Variants
from readiness.limiting.declared import caller_limit
from readiness.runtime import Capability, Stack, Variant
from readiness.target import Entry, Limit, Request, Target
from readiness.verdict import Inconclusive

__all__ = ["deployed_limit", "meet"]

#: The ledger's overshoot.
BEYOND = 20
#: Sent one by one, to see what each answer says of the limit.
ONE_BY_ONE = 10
#: One at a time as long as that is quick: then no race between them spoils the count. Else the limit would refill.
AT_ONCE, QUICK_SECONDS = 8, 0.2
#: A burst of more is a load test.
MAX_CAPACITY = 1000


@gatherer(impact=Impact.PERTURBS, at_most_seconds=60)
def deployed_limit(target: Target, stack: Stack, http: HttpClient, variants: Variants) -> DeployedLimit:
    """Limit + burst + 20 requests of one caller of its own; of a second stack where others would be refused with it."""
    if Capability.WRITE not in stack.capabilities:
        raise Inconclusive(
            "a burst is not sent to a system that somebody else uses", supply="audit a throw-away copy of the stack"
        )
    limit = caller_limit(target)
    figures = figures_of(limit)
    if figures.capacity > MAX_CAPACITY:
        return DeployedLimit(
            figures=figures, reason=f"{figures.words} is too much for a burst; a small variant is judged"
        )
    request = Request(path=limit.path)
    caller = _caller(target, stack, http, limit)
    if caller is not None:
        return meet(target, stack, caller, figures, request)
    with variants(Variant(name="deployedlimit")) as other:
        return meet(target, other, clients(target, other, limit, "deployed", 1)[0], figures, request)


def _caller(target: Target, stack: Stack, http: HttpClient, limit: Limit) -> Caller | None:
    """Somebody whose refusals meet nobody else, or None where there is no such caller."""
    if limit.key == "user" and target.login is not None and target.login.request is not None:
        found = callers(target, stack, http, "deployed", 1)[0]
        return found if found.who not in target.login.users[:1] else None
    own = addresses(stack, public_entry(target), 1) if limit.key == "address" else []
    return own[0] if own else None


def meet(target: Target, stack: Stack, caller: Caller, figures: Figures, request: Request) -> DeployedLimit:
    """The burst, and what is left of it."""

    async def work() -> DeployedLimit:
        exchanges, entry = Exchanges(stack), public_entry(target)
        # As a page of an allowed origin would ask.
        origin = {"Origin": target.origins[0]} if target.origins else {}
        asked = replace(request, headers={**request.headers, **origin})
        loop = asyncio.get_running_loop()
        began = loop.time()
        slow, samples = await exchanges.phase(
            "one after another", entry, asked, caller, figures, count=min(ONE_BY_ONE, figures.capacity)
        )
        fast, rest = await exchanges.phase(
            "deployed",
            entry,
            asked,
            caller,
            figures,
            # The limit refills while a slow service is asked; 20 refusals end it.
            count=figures.capacity + figures.capacity // 2 + BEYOND - len(samples),
            refusals=BEYOND,
            at_once=1 if slow.seconds < QUICK_SECONDS * len(samples) else AT_ONCE,
        )
        shift = fast.began - slow.began
        shots = (*slow.shots, *((round(at + shift, 3), status) for at, status in fast.shots))
        phase = Phase(
            name="deployed",
            caller=caller.name,
            figures=figures,
            began=slow.began,
            seconds=round(shift + fast.seconds, 3),
            shots=shots,
            slowest_seconds=max(slow.slowest_seconds, fast.slowest_seconds),
        )
        refusals = [s for s in (*samples, *rest) if s.status == HTTPStatus.TOO_MANY_REQUESTS]
        told = [*samples, *refusals[:1]] if not any(s in samples for s in refusals[:1]) else samples
        refusal = masked(_exchange(entry, asked, refusals[0]), caller.secrets) if refusals else None
        return DeployedLimit(
            figures=figures, phase=phase, answers=tuple(answer_of(s, began) for s in told), refusal=refusal
        )

    return run_bounded(work(), at_most_seconds=50)


def _exchange(entry: Entry, request: Request, sample: Sample) -> Exchange:
    scheme = "https" if entry.https else "http"
    return Exchange(
        entry=entry.name,
        purpose=StatusClass.TOO_MANY,
        method=request.method,
        url=f"{scheme}://{entry.service}:{entry.port}{entry.base}{request.path}",
        https=entry.https,
        status=sample.status,
        headers=sample.headers,
        request_headers=tuple(request.headers.items()),
        body=sample.body,
        body_bytes=len(sample.body),
        seconds=sample.seconds,
    )
