"""The limit with the figures as deployed, met once by a caller whom nothing else of the audit uses."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
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
#: One at a time where all of them are so quick: then no race between them spoils the count. Else the limit would refill.
AT_ONCE, QUICK_SECONDS = 8, 10.0
#: A service that leaves so many unanswered, of each that is under way, is not met by more.
SILENT = 2
#: What a slow service has not answered by then is no burst any more.
BURST_SECONDS = 25.0
#: The longest window that is waited out where nobody else can send a second burst, and what is waited beyond it.
WINDOW_SECONDS, MARGIN_SECONDS = 60.0, 1.0
#: A burst of more is a load test.
MAX_CAPACITY = 1000


@gatherer(impact=Impact.PERTURBS, at_most_seconds=160)
def deployed_limit(target: Target, stack: Stack, http: HttpClient, variants: Variants) -> DeployedLimit:
    """Requests of one caller of its own until 20 are refused; of a second stack where others would be refused with it."""
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
    own = _callers(target, stack, http, limit, 1)
    if own:

        def another() -> Caller | None:
            # Logged in where it is needed only: a login costs a hash, and counts.
            return next(iter(_callers(target, stack, http, limit, 2)[1:]), None)

        return meet(target, stack, own[0], figures, request, another=another)
    with variants(Variant(name="deployedlimit")) as other:
        return meet(target, other, clients(target, other, limit, "deployed", 1)[0], figures, request)


def _callers(target: Target, stack: Stack, http: HttpClient, limit: Limit, count: int) -> list[Caller]:
    """Those whose refusals meet nobody else; none where there is no such caller."""
    if limit.key == "user" and target.login is not None and target.login.request is not None:
        found = callers(target, stack, http, "deployed", count)
        return [caller for caller in found if caller.who not in target.login.users[:1]]
    return addresses(stack, public_entry(target), count) if limit.key == "address" else []


def meet(
    target: Target,
    stack: Stack,
    caller: Caller,
    figures: Figures,
    request: Request,
    *,
    another: Callable[[], Caller | None] = lambda: None,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> DeployedLimit:
    """The burst, and what is left of it; a second one where more was let through than the figures say.

    Args:
        target: whose public entry is asked.
        stack: where it runs.
        caller: sends the burst.
        figures: as declared.
        request: the limited one.
        another: somebody else who can send the second burst; without one, ``caller`` does after a window in silence.
        sleep: waits for that window.
    """
    fact = _burst(target, stack, caller, figures, request)
    phase = fact.phase
    if phase is None or not phase.refused or not _is_in_doubt(phase):
        return fact
    second = another()
    if second is None and figures.window_seconds > WINDOW_SECONDS:
        return fact
    if second is None:
        run_bounded(_wait(sleep, figures.window_seconds + MARGIN_SECONDS), at_most_seconds=2 * WINDOW_SECONDS)
    return replace(fact, again=_burst(target, stack, second or caller, figures, request).phase)


def _is_in_doubt(phase: Phase) -> bool:
    """Whether a window may have turned in the middle, or the limit is another than declared."""
    most, at_a_turn = phase.figures.most(phase.span_seconds), phase.figures.most_at_a_turn(phase.span_seconds)
    return most < phase.let_through <= at_a_turn


async def _wait(sleep: Callable[[float], Awaitable[None]], seconds: float) -> None:
    await sleep(seconds)


def _burst(target: Target, stack: Stack, caller: Caller, figures: Figures, request: Request) -> DeployedLimit:
    async def work() -> DeployedLimit:
        exchanges, entry = Exchanges(stack), public_entry(target)
        # As a page of an allowed origin would ask.
        origin = {"Origin": target.origins[0]} if target.origins else {}
        asked = replace(request, headers={**request.headers, **origin})
        loop = asyncio.get_running_loop()
        began = loop.time()
        slow, samples = await exchanges.phase(
            "one after another",
            entry,
            asked,
            caller,
            figures,
            count=min(ONE_BY_ONE, figures.capacity),
            unanswered=SILENT,
            at_most_seconds=QUICK_SECONDS,
        )
        # A window that turns in the middle lets twice its figure through; 20 refusals end it before that.
        count = 2 * figures.capacity + BEYOND - len(samples)
        fast, rest = await exchanges.phase(
            "deployed",
            entry,
            asked,
            caller,
            figures,
            count=count,
            refusals=BEYOND,
            at_once=1 if slow.seconds / len(samples) * count < QUICK_SECONDS else AT_ONCE,
            unanswered=SILENT * AT_ONCE,
            at_most_seconds=BURST_SECONDS,
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

    return run_bounded(work(), at_most_seconds=60)


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
