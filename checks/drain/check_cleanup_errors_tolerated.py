"""A step of the shutdown that fails does not keep the others from being done."""

from __future__ import annotations

from readiness import Category, Evidence, Finding, Inconclusive, NotApplicable, Severity, Verdict, check
from readiness.draining.judging import stop_of
from readiness.facts.drain import DrainCleanup, DrainRuns


@check(
    id="drain.cleanup_errors_tolerated",
    category=Category.DRAIN,
    severity=Severity.LOW,
    title="A failing step of the shutdown does not block the others",
    why="Services are often stopped because something they use is down.",
    source="Claims ledger, drain.cleanup_errors_tolerated (memorai, brain)",
    remediation="Guard and bound every step of the shutdown by itself, and log the one that fails.",
    seeds=("memorai", "brain"),
    defects=("failed-step-ends-shutdown",),
)
def check_cleanup_errors_tolerated(drain_cleanup: DrainCleanup, drain_runs: DrainRuns) -> Verdict:
    """Judge a stop without Redis against the one with it."""
    if not drain_cleanup.store:
        raise NotApplicable("there is no store whose end could fail beside the database")
    ending, plain = drain_cleanup.ending, stop_of(drain_runs)
    if ending is None:
        raise Inconclusive(drain_cleanup.problem)
    if plain.ending.is_killed:
        raise NotApplicable(f"premise failed: the service has to be killed also while {drain_cleanup.store} is there")
    store = drain_cleanup.store
    if ending.is_killed:
        message = f"while {store} is down the service does not end by itself"
        return Verdict(findings=(Finding(message=message, evidence=(Evidence(source="state", text=ending.words),)),))
    sessions, usual = drain_cleanup.sessions, plain.sessions
    if sessions is not None and not sessions.problem and sessions.abandoned > 0:
        if sessions.at_rest > 0 or usual is None or usual.problem or usual.abandoned > 0:
            raise NotApplicable(f"premise failed: connections are dropped also while {store} is there")
        message = f"while {store} is down {sessions.abandoned} sessions of {sessions.service} are dropped, not closed"
        text = "\n".join(line[:200] for line in drain_cleanup.log[-5:])
        return Verdict(findings=(Finding(message=message, evidence=(Evidence(source="last lines", text=text),)),))
    return Verdict(summary=f"while {store} is down: {ending.words}")
