"""The steps of the shutdown come in their declared order."""

from __future__ import annotations

from readiness import Category, Evidence, Finding, Inconclusive, NotApplicable, Severity, Verdict, check
from readiness.declared.drain import LOGGED_EXAMPLE, drain_of
from readiness.draining.judging import stop_of
from readiness.facts.drain import DrainRuns
from readiness.target import Target


@check(
    id="drain.ordered",
    category=Category.DRAIN,
    severity=Severity.LOW,
    title="The steps of the shutdown come in their declared order",
    why="A step that comes before the last request is done takes away what that request still needs.",
    source="Claims ledger, drain.ordered (brain)",
    remediation="Close in the reverse order of use: requests, background work, database, cache, log.",
    seeds=("brain",),
    defects=("redis-closed-first",),
)
def check_ordered(drain_runs: DrainRuns, target: Target) -> Verdict:
    """Judge the places of the declared lines in the log of one process."""
    stop, declared = stop_of(drain_runs), drain_of(target)
    target.require("drain", True, example=LOGGED_EXAMPLE)
    wanted = [text for text in (declared.start, *declared.steps, declared.complete) if text]
    if len(wanted) < 2:  # noqa: PLR2004  # an order
        raise Inconclusive(
            "which steps the log tells is not declared", supply=LOGGED_EXAMPLE, undeclared="drain.logged"
        )
    places = {text: next((n for n, line in enumerate(stop.log) if text in line), None) for text in wanted}
    found = {text: place for text, place in places.items() if place is not None}
    if len(found) < len(wanted):
        missing = [text for text in wanted if text not in found]
        raise NotApplicable(f"premise failed: the log does not tell {', '.join(missing)}")
    if list(found.values()) != sorted(found.values()):
        order = sorted(found, key=lambda text: found[text])
        message = f"the order was {', '.join(order)}; declared is {', '.join(wanted)}"
        lines = "\n".join(stop.log[place][:200] for place in sorted(found.values()))
        return Verdict(findings=(Finding(message=message, evidence=(Evidence(source="log", text=lines),)),))
    return Verdict(summary=f"in this order: {', '.join(wanted)}")
