"""The limits that no caller meets in a minute, lowered in a stack of their own: per hour, and over all callers together."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from readiness.check import Impact
from readiness.facts.limiter import Phase, Reached, SwitchedOff, WideLimit
from readiness.gather import gatherer
from readiness.gather._limiting import Caller, Exchanges, answer_of, clients, figures_of, public_entry
from readiness.instruments.poller import run_bounded
from readiness.instruments.variants import Variants
from readiness.limiting.declared import HOUR_SECONDS, caller_limit, limiting_service
from readiness.runtime import Stack, Variant
from readiness.target import Limit, Request, Target
from readiness.verdict import NotApplicable

__all__ = ["reach", "switched_off_limit", "wide_limit"]

#: Well below a minute's figure, so that the hourly one is met first; and what is sent to find it.
HOURLY, HOURLY_SENT = 20, 30
#: Above what the hourly limit's caller uses, and below what the others send together, each less than the hourly figure.
TOGETHER, EACH, CALLERS = 50, 15, 4
#: Small, so that a limiter that is not switched off shows at once; and what is sent beyond it.
OFF_REQUESTS, OFF_BEYOND = 12, 12


@gatherer(impact=Impact.DISRUPTS, at_most_seconds=120)
def wide_limit(target: Target, variants: Variants) -> WideLimit:
    """A caller beyond the lowered hourly figure, then several who together are beyond the lowered global one."""
    hourly = next((x for x in target.limits if x.window_seconds >= HOUR_SECONDS and x.key != "global"), None)
    together = next((x for x in target.limits if x.key == "global"), None)
    if hourly is None and together is None:
        raise NotApplicable("neither an hourly limit nor one over all callers is declared")
    limiter = limiting_service(target, caller_limit(target))
    environment, not_done = dict[str, str](), dict[str, str]()
    for part, limit, figure in (("hourly", hourly, HOURLY), ("together", together, TOGETHER)):
        if limit is None:
            continue
        if limit.requests <= figure:
            not_done[part] = f"{limit.requests} requests are too few to tell this limit from the others"
        elif (variable := limit.env.get("requests")) is None:
            not_done[part] = f"no variable lowers {figures_of(limit).words}: limit.env.requests"
        else:
            environment[variable] = str(figure)
    if not environment:
        return WideLimit(not_done=not_done)
    with variants(Variant(name="widelimit", environment={limiter: environment})) as stack:
        return reach(
            target,
            stack,
            hourly=hourly if "hourly" not in not_done else None,
            together=together if "together" not in not_done else None,
            not_done=not_done,
        )


def reach(
    target: Target, stack: Stack, *, hourly: Limit | None, together: Limit | None, not_done: dict[str, str]
) -> WideLimit:
    """Look for both limits in one stack."""
    limit = caller_limit(target)
    people = clients(target, stack, limit, "wide", CALLERS + 1)
    request, entry = Request(path=limit.path), public_entry(target)

    async def work() -> WideLimit:
        exchanges, told = Exchanges(stack), None
        of_hour = of_all = None
        first, *others = people
        if hourly is not None:
            figures = replace(figures_of(hourly), requests=HOURLY)
            began = asyncio.get_running_loop().time()
            phase, samples = await exchanges.phase(
                "beyond an hour's", entry, request, first, figures, count=HOURLY_SENT, refusals=2
            )
            of_hour = Reached(figures=figures, phases=(phase,))
            refusals = [answer for answer in (answer_of(s, began) for s in samples) if answer.status == 429]  # noqa: PLR2004
            told = refusals[0].first("retry-after") if refusals else None
        if together is not None:
            if others:
                of_all = await _together(exchanges, target, together, others)
            else:
                not_done["together"] = "more callers are needed: login.register, or more in login.users"
        return WideLimit(hourly=of_hour, together=of_all, retry_after=told, not_done=not_done)

    return run_bounded(work(), at_most_seconds=100)


async def _together(exchanges: Exchanges, target: Target, limit: Limit, others: Sequence[Caller]) -> Reached:
    figures = replace(figures_of(limit), requests=TOGETHER)
    request = Request(path=caller_limit(target).path)
    phases: list[Phase] = []
    for caller in others:
        phase, _ = await exchanges.phase(
            "together", public_entry(target), request, caller, figures, count=EACH, refusals=1
        )
        phases.append(phase)
        if phase.refused:
            break
    return Reached(figures=figures, phases=tuple(phases))


@gatherer(impact=Impact.DISRUPTS, at_most_seconds=90)
def switched_off_limit(target: Target, variants: Variants) -> SwitchedOff:
    """More than the small limit of one caller, with the limiter switched off."""
    limit = caller_limit(target)
    switch, figure = limit.env.get("enabled"), limit.env.get("requests")
    if switch is None:
        return SwitchedOff(reason="no variable switches the limiter off: limit.env.enabled")
    figures = figures_of(limit)
    environment = {switch: "false"}
    if figure is not None and limit.requests > OFF_REQUESTS:
        environment[figure] = str(OFF_REQUESTS)
        figures = replace(figures, requests=OFF_REQUESTS)
    with variants(Variant(name="nolimit", environment={limiting_service(target, limit): environment})) as stack:
        caller = clients(target, stack, limit, "off", 1)[0]

        async def work() -> SwitchedOff:
            phase, _ = await Exchanges(stack).phase(
                "switched off",
                public_entry(target),
                Request(path=limit.path),
                caller,
                figures,
                count=figures.capacity + OFF_BEYOND,
                at_once=4,
            )
            return SwitchedOff(phase=phase)

        return run_bounded(work(), at_most_seconds=60)
