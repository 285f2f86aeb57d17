"""Everything that is not public asks for a login."""

from __future__ import annotations

from readiness import Category, Evidence, Finding, Inconclusive, Severity, Verdict, check
from readiness.auth.operations import Standing, public_lines, standing_of
from readiness.declared.access import ACCESS_EXAMPLE
from readiness.facts.auth import AuthTrials
from readiness.target import Target

#: RFC 9110, 15.5.1.
BAD_REQUEST = 400


@check(
    id="auth.required",
    category=Category.AUTH,
    severity=Severity.CRITICAL,
    title="Every operation that is not public refuses callers without a valid login",
    why="One forgotten guard among a hundred operations is enough, and it is found by trying them all.",
    source="OWASP API Security Top 10 2023, API2 and API5; Claims ledger, auth.required",
    remediation="Guard by default, at the router or in a middleware, and list what is public; answer 401.",
    seeds=("myragdb", "memorai", "brain"),
    defects=("jobs-without-login",),
)
def check_required(auth_trials: AuthTrials, target: Target) -> Verdict:
    """Judge every operation without credentials, with empty ones, and with wrong ones."""
    operations = auth_trials.operations
    if operations.problem:
        target.require("access", None if operations.undeclared else "declared", example=ACCESS_EXAMPLE)
        raise Inconclusive(operations.problem)
    findings, doubts = [], [f"{operations.left_out} operations were not asked"] if operations.left_out else []
    for trial in operations.tried:
        for credential, status in trial.anonymous.items():
            standing = standing_of(trial, status)
            words = "without credentials" if credential == "none" else f"with {credential}"
            proof = Evidence(source=f"{trial.request}: {status or 'no answer'}", text=words)
            if standing is Standing.LET_IN:
                findings.append(Finding(message=f"{trial.operation} answers {status} {words}", evidence=(proof,)))
            elif standing is Standing.BROKEN:
                message = f"{trial.operation} is a server error ({status}) {words}"
                findings.append(Finding(message=message, evidence=(proof,)))
            # What is no credential at all may be a bad request before it is a refused one.
            elif standing is Standing.UNTOLD and (credential == "none" or status != BAD_REQUEST):
                doubts.append(f"{trial.operation} {words}: {status or 'no answer'}")
    if not findings and operations.unmarked:
        raise Inconclusive(
            f"{len(operations.unmarked)} operations are not marked as secured, which they may lack together with their "
            f"guard: {', '.join(operations.unmarked)[:400]}",
            supply=public_lines(operations.unmarked),
        )
    if not findings and doubts:
        raise Inconclusive(
            f"answers that do not tell whether a login was asked for: {'; '.join(doubts)[:400]}",
            supply="access:\n  requests:   # one that a user is answered with 2xx\n    - {path: /orders/17, as: user}",
        )
    if not operations.tried:
        raise Inconclusive("no operation needs a login, by the declaration", supply=ACCESS_EXAMPLE)
    summary = f"{len(operations.tried)} operations of {operations.source} refuse everybody without a login"
    return Verdict(findings=tuple(findings), summary=summary)
