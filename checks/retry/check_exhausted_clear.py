"""A service whose database never comes says so: it ends with an error, or stays unready, and names what it lacks."""

from __future__ import annotations

from readiness import Category, Finding, Inconclusive, Measurement, Severity, Verdict, check
from readiness.declared.retry import retry_of_database
from readiness.facts.startup import LateDependency
from readiness.starting.lateness import evidence_of_log, observed
from readiness.starting.logged import about, naming
from readiness.target import Target


@check(
    id="retry.exhausted_clear",
    category=Category.RETRY,
    severity=Severity.MEDIUM,
    title="A service that cannot reach its database at the start says what it lacks; it never hangs in silence",
    why="Nobody can help a container that is up, serves nothing and has written nothing.",
    source="Claims ledger, retry.exhausted_clear (aistack): non-zero exit or unready, named operation in the last lines",
    remediation="Log which dependency is missing with every attempt; when giving up, log it at the end and exit non-zero.",
    seeds=("aistack",),
    defects=("retries-silently",),
)
def check_exhausted_clear(late_dependency: LateDependency, target: Target) -> Verdict:
    """Judge the last lines and the end, or the lack of one, of a start without the database."""
    away, _ = observed(late_dependency)
    service, store = late_dependency.service, late_dependency.dependency
    total = retry_of_database(target).total_seconds
    measured = [Measurement(name=f"{service} without {store}", value=away.seconds, unit="s")]
    named = [line for line in about(away.log, late_dependency.names) if naming(line, late_dependency.names)]
    proof = (evidence_of_log(late_dependency, away.log),)
    if away.first_end_seconds is not None:
        measured.append(Measurement(name="end of its program", value=away.first_end_seconds, unit="s"))
        if away.exit_code is not None:
            measured.append(Measurement(name="exit code", value=away.exit_code, unit="count"))
        if away.exit_code == 0:
            message = f"{service} ends with exit code 0 although it could not reach {store}: to its engine all is well"
            return Verdict(findings=(Finding(message=message, evidence=proof),), measured=measured)
        if named:
            code = "an error" if away.exit_code is None else f"exit code {away.exit_code}"
            summary = f"it ends with {code} after {away.first_end_seconds:.0f} s: {named[-1][:160]}"
            return Verdict(measured=measured, summary=summary)
        what = f"ends with exit code {away.exit_code}"
    else:
        if total is not None and total > away.seconds and not named:
            raise Inconclusive(f"it was watched for {away.seconds:.0f} s, and gives up after {total:.0f} s as declared")
        if named:
            unready = next((s for s in away.said if s.kind != "live"), None)
            word = f"{unready.path}: {unready.status or unready.error}" if unready else "not asked"
            summary = f"it goes on trying, is not ready ({word}), and says what it lacks: {named[-1][:160]}"
            return Verdict(measured=measured, summary=summary)
        what = f"runs for {away.seconds:.0f} s, serves nothing"
    if late_dependency.logs_elsewhere and not away.log:
        raise Inconclusive(f"{service} {what}, and prints nothing; it logs to files, which are not read here")
    message = f"{service} {what}, and none of its last lines names {store}"
    return Verdict(findings=(Finding(message=message, evidence=proof),), measured=measured)
