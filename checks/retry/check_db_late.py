"""A service that is started before its database becomes ready by itself when the database is there."""

from __future__ import annotations

from readiness import Category, Finding, Inconclusive, Measurement, Severity, Verdict, check
from readiness.facts.startup import LateDependency
from readiness.starting.lateness import evidence_of_log, observed


@check(
    id="retry.db_late",
    category=Category.RETRY,
    severity=Severity.HIGH,
    title="A service started before its database gets ready by itself, without being started again",
    why="After a power cut or a move everything starts at once; whoever gives up first stays down until somebody looks.",
    source="Claims ledger, retry.db_late (aistack): ready without restart, RestartCount 0",
    remediation="Try the database again with growing pauses, in the background, and let readiness say no meanwhile.",
    seeds=("aistack",),
    defects=("exits-when-database-late", "starts-before-database"),
)
def check_db_late(late_dependency: LateDependency) -> Verdict:
    """Judge one start whose database came late. An engine that starts it again helps, and is told apart."""
    away, back = observed(late_dependency)
    service, store = late_dependency.service, late_dependency.dependency
    measured = [Measurement(name=f"{service} without {store}", value=away.seconds, unit="s")]
    if back.dependency_seconds is not None:
        measured.append(Measurement(name=f"{store} healthy", value=back.dependency_seconds, unit="s"))
    if back.ready_seconds is not None:
        name = f"{service} ready after the start of {store}"
        measured.append(Measurement(name=name, value=back.ready_seconds, unit="s"))
        measured.append(Measurement(name=f"restarts of {service}", value=back.restarts, unit="count"))
        if back.restarts == 0:
            summary = f"{back.how} said yes {back.ready_seconds:.1f} s after {store} was started; no restart"
            return Verdict(measured=measured, summary=summary)
        message = (
            f"{service} ends while {store} is not there, and came back only because its engine started it again: "
            f"{back.restarts} restarts until {back.how} said yes"
        )
        finding = Finding(message=message, evidence=(evidence_of_log(late_dependency, away.log),))
        # It does come back, as long as the engine is patient.
        return Verdict(findings=(finding,), measured=measured, credit=0.5)
    if late_dependency.also_missing and back.state == "running":
        others = ", ".join(late_dependency.also_missing)
        raise Inconclusive(f"{service} was not ready in {back.seconds:.0f} s, but {others} came late, too")
    ended = back.state in {"exited", "dead"}
    what = (
        f"ended with exit code {away.exit_code} and is not started again"
        if ended
        else f"is {back.state}, and not ready {back.seconds:.0f} s after {store} was started"
    )
    message = f"{service}, started {away.seconds:.0f} s before {store}, {what}"
    lines = back.log or away.log
    return Verdict(
        findings=(Finding(message=message, evidence=(evidence_of_log(late_dependency, lines),)),), measured=measured
    )
