"""The log tells that the shutdown began, what it did, and that it is complete."""

from __future__ import annotations

import re

from readiness import Category, Evidence, Finding, Inconclusive, Severity, Verdict, check
from readiness.declared.drain import LOGGED_EXAMPLE, drain_of
from readiness.draining.judging import stop_of
from readiness.facts.drain import DrainRuns
from readiness.target import Target

#: How servers and frameworks tell it; where the owner declares no text.
USUAL = re.compile(
    r"shut(ting)?[ -]?down|gracefully|drain|terminat|sigterm|stopp(ed|ing)|exiting|signal", re.IGNORECASE
)


@check(
    id="drain.completion_logged",
    category=Category.DRAIN,
    severity=Severity.LOW,
    title="The shutdown and its completion are logged",
    why="After an incident the log has to tell a clean end from a crash.",
    source="Claims ledger, drain.completion_logged (brain)",
    remediation="Log a line when the signal comes, one for each step, and one when everything is done.",
    seeds=("brain",),
    defects=("shutdown-silent", "signal-ignored", "signal-kept-by-shell", "exit-at-once"),
)
def check_completion_logged(drain_runs: DrainRuns, target: Target) -> Verdict:
    """Judge what was written between the signal and the end."""
    stop, declared = stop_of(drain_runs), drain_of(target)
    target.require("drain", True, example=LOGGED_EXAMPLE)
    if "log" in drain_runs.not_done:
        raise Inconclusive(f"the log could not be read: {drain_runs.not_done['log']}")
    wanted = [text for text in (declared.start, *declared.steps, declared.complete) if text]
    if not wanted:
        found = [line for line in stop.log if USUAL.search(line)]
        if not found:
            raise Inconclusive(
                "no line of the log after the signal was recognised", supply=LOGGED_EXAMPLE, undeclared="drain.logged"
            )
        return Verdict(summary=f"after the signal the log says: {found[-1][:200]}")
    missing = [text for text in wanted if not any(text in line for line in stop.log)]
    if missing:
        text = "\n".join(line[:200] for line in stop.log[-5:]) or "nothing"
        message = f"the log after {stop.ending.signal} lacks {', '.join(repr(m) for m in missing)}"
        finding = Finding(message=message, evidence=(Evidence(source="last lines", text=text),))
        return Verdict(findings=(finding,), credit=1 - len(missing) / len(wanted))
    return Verdict(summary=f"the log tells {', '.join(wanted)}")
