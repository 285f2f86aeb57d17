"""The limits that no caller meets in a minute, lowered in a stack of their own: per hour, and over all callers together."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from readiness.check import Impact
from readiness.facts.limiter import TOO_MANY, Figures, Phase, Reached, SwitchedOff, WideLimit
from readiness.gather import gatherer
from readiness.gather._limiting import Caller, Exchanges, answer_of, clients, figures_of, public_entry
from readiness.instruments.poller import run_bounded
from readiness.instruments.variants import Variants
from readiness.limiting.declared import HOUR_SECONDS, caller_limit, limiting_service
from readiness.runtime import Stack, Variant
from readiness.target import Entry, Limit, Request, Target
from readiness.verdict import NotApplicable

__all__ = ["reach", "switched_off_limit", "wide_limit"]

#: Well below a minute's figure, so that the hourly one is met first; and what is sent to find it, beyond two windows' worth.
HOURLY, HOURLY_SENT = 20, 45
#: Above what the hourly limit's caller uses, and below what the others send together, each less than the hourly figure.
#: Twice as many callers send more than two windows let through.
TOGETHER, EACH, CALLERS = 60, 16, 4
#: So many a shorter limit must let through, or it is met before the hourly one.
HOURLY_LEAST = HOURLY + 2
#: A registration and a login: a limit over all callers counts them too.
REQUESTS_OF_A_LOGIN = 2
#: Of one caller's requests; more time is no burst, and a request may still be under way then.
PHASE_SECONDS = 10.0
#: Small, so that a limiter that is not switched off shows at once; and what is sent beyond it.
OFF_REQUESTS, OFF_BEYOND = 12, 12


@gatherer(impact=Impact.DISRUPTS, at_most_seconds=200)
def wide_limit(target: Target, variants: Variants) -> WideLimit:
    """A caller beyond the lowered hourly figure, then several who together are beyond the lowered global one."""
    hourly = next((x for x in target.limits if x.window_seconds >= HOUR_SECONDS and x.key != "global"), None)
    together = next((x for x in target.limits if x.key == "global"), None)
    if hourly is None and together is None:
        raise NotApplicable("neither an hourly limit nor one over all callers is declared")
    limiter = limiting_service(target, caller_limit(target))
    environment, not_done = dict[str, str](), dict[str, str]()
    for part, limit, figure, sent in (
        ("hourly", hourly, HOURLY, HOURLY_LEAST),
        ("together", together, TOGETHER, EACH),
    ):
        if limit is None:
            continue
        shorter = _in_the_way(target, limit, sent)
        if limit.requests <= figure:
            not_done[part] = f"{limit.requests} requests are too few to tell this limit from the others"
        elif shorter is not None:
            not_done[part] = f"{figures_of(shorter).words} refuse a caller before this limit is met"
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


def _in_the_way(target: Target, limit: Limit, sent: int) -> Limit | None:
    """A shorter limit of the same caller that is met by ``sent`` requests."""
    key = caller_limit(target).key if limit.key == "global" else limit.key
    for other in target.limits:
        is_shorter = other.window_seconds < HOUR_SECONDS and other.key == key
        if other is not limit and is_shorter and other.requests + other.burst < sent:
            return other
    return None


def reach(
    target: Target, stack: Stack, *, hourly: Limit | None, together: Limit | None, not_done: dict[str, str]
) -> WideLimit:
    """Look for both limits in one stack."""
    limit, exchanges = caller_limit(target), Exchanges(stack)
    people = clients(target, stack, limit, "wide", CALLERS + 1)
    request, entry = Request(path=limit.path), public_entry(target)
    first, *others = people
    used = REQUESTS_OF_A_LOGIN * len(people) if limit.key == "user" else 0
    of_hour = of_all = told = None

    async def for_an_hour(figures: Figures) -> tuple[Phase, str | None]:
        began = asyncio.get_running_loop().time()
        phase, samples = await exchanges.phase(
            "beyond an hour's",
            entry,
            request,
            first,
            figures,
            count=HOURLY_SENT,
            refusals=2,
            unanswered=1,
            at_most_seconds=PHASE_SECONDS,
        )
        refusals = [answer for answer in (answer_of(s, began) for s in samples) if answer.status == TOO_MANY]
        return phase, refusals[0].first("retry-after") if refusals else None

    if hourly is not None:
        figures = replace(figures_of(hourly), requests=HOURLY)
        phase, told = run_bounded(for_an_hour(figures), at_most_seconds=2 * PHASE_SECONDS)
        of_hour = Reached(figures=figures, phases=(phase,))
        used += len(phase.shots)
    if together is not None and others:
        figures = replace(figures_of(together), requests=TOGETHER)
        phases = _sent_by(exchanges, entry, request, figures, others)
        if not any(phase.refused for phase in phases) and _may_be_another(target, limit):
            # A window may have turned in the middle: as many again are beyond two of them.
            more = clients(target, stack, limit, "wider", CALLERS)
            phases += _sent_by(exchanges, entry, request, figures, more)
        of_all = Reached(figures=figures, phases=tuple(phases), used_before=used)
    elif together is not None:
        not_done["together"] = "more callers are needed: login.register, or more in login.users"
    return WideLimit(hourly=of_hour, together=of_all, retry_after=told, not_done=not_done)


def _may_be_another(target: Target, limit: Limit) -> bool:
    """Whether others can be asked for than those who were: users who register."""
    return limit.key == "user" and target.login is not None and target.login.register is not None


def _sent_by(
    exchanges: Exchanges, entry: Entry, request: Request, figures: Figures, callers: Sequence[Caller]
) -> list[Phase]:
    """Each caller's requests, until somebody is refused earlier than somebody else was: then it was not their own limit."""

    async def work() -> list[Phase]:
        phases: list[Phase] = []
        for caller in callers:
            phase, _ = await exchanges.phase(
                "together",
                entry,
                request,
                caller,
                figures,
                count=EACH,
                refusals=1,
                unanswered=1,
                at_most_seconds=PHASE_SECONDS,
            )
            phases.append(phase)
            if phase.refused and phase.let_through < max(p.let_through for p in phases):
                break
        return phases

    return run_bounded(work(), at_most_seconds=2 * CALLERS * PHASE_SECONDS)


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
