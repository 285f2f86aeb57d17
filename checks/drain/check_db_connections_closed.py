"""Database connections are closed at shutdown, not dropped."""

from __future__ import annotations

from readiness import Category, Evidence, Finding, Inconclusive, NotApplicable, Severity, Verdict, check
from readiness.draining.judging import stop_of
from readiness.facts.drain import DrainRuns
from readiness.target import Role, Target


@check(
    id="drain.db_connections_closed",
    category=Category.DRAIN,
    severity=Severity.MEDIUM,
    title="Database connections are closed at shutdown",
    why="A connection that is dropped keeps its transaction and its slot until the server notices.",
    source="PostgreSQL documentation, pg_stat_database.sessions_abandoned; claims ledger, drain.db_connections_closed",
    remediation="Dispose of the connection pool when the last request is done, before the process ends.",
    seeds=("brainda", "memorai", "brain"),
    defects=("connections-left-open", "exit-at-once", "signal-ignored", "signal-kept-by-shell"),
)
def check_db_connections_closed(drain_runs: DrainRuns, target: Target) -> Verdict:
    """Judge the server's own count of sessions whose client went away without a word."""
    if not target.services_of(Role.DB):
        target.require("roles.db", True, example="")  # where it is declined, the owner's reason is told
        raise NotApplicable("no service of the stack has the role db")
    sessions = stop_of(drain_runs).sessions
    if sessions is None:
        raise NotApplicable("there is no database")
    if sessions.problem:
        raise Inconclusive(f"the sessions of {sessions.service} could not be counted: {sessions.problem}")
    closed = sessions.before - sessions.after
    if sessions.abandoned > 0 and sessions.at_rest > 0:
        raise Inconclusive(
            f"somebody else drops connections too: {sessions.at_rest} before the stop, {sessions.abandoned} during it"
        )
    if sessions.abandoned > 0:
        message = f"{sessions.abandoned} sessions ended because the connection was dropped, not closed"
        text = f"sessions before {sessions.before}, after {sessions.after}; sessions_abandoned grew by {sessions.abandoned}"
        return Verdict(findings=(Finding(message=message, evidence=(Evidence(source=sessions.service, text=text),)),))
    if closed <= 0:
        raise NotApplicable("the service held no session when it was stopped")
    return Verdict(summary=f"{closed} sessions of {sessions.service} were closed, none dropped")
