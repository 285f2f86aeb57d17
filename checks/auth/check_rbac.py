"""The administrator's operations are the administrator's alone."""

from __future__ import annotations

from collections.abc import Iterator

from readiness import Category, Evidence, Finding, Inconclusive, Severity, Verdict, check
from readiness.auth.operations import Standing, is_admin_admitted, is_admitted, is_raised, standing_of
from readiness.declared.access import ACCESS_EXAMPLE
from readiness.facts.auth import AuthTrials, Operations, OperationTrial
from readiness.target import Target


@check(
    id="auth.rbac",
    category=Category.AUTH,
    severity=Severity.CRITICAL,
    title="Operations of a role admit that role and refuse every other user",
    why="A role that is not asked for where it matters makes every user an administrator.",
    source="OWASP API Security Top 10 2023, API3 and API5; Claims ledger, auth.rbac",
    remediation="Ask for the role in one dependency that guards the whole router, and take roles from the database alone.",
    seeds=("brain",),
    defects=("role-unchecked",),
)
def check_rbac(auth_trials: AuthTrials, target: Target) -> Verdict:
    """Judge every administrator's operation as nobody, as a user and as the administrator, and a raised role."""
    operations = auth_trials.operations
    admin = target.login.admin if target.login is not None else None
    target.require("access.admin", (target.extra.get("access") or {}).get("admin"), example=ACCESS_EXAMPLE)
    target.require("login.admin", admin, example="login:\n  admin: {name: admin, password: …}")
    if operations.problem:
        raise Inconclusive(operations.problem)
    guarded = [trial for trial in operations.tried if trial.is_admin]
    if not guarded:
        raise Inconclusive("no operation of the document is one of access.admin", supply=ACCESS_EXAMPLE)
    findings: list[Finding] = []
    doubts = [problem for problem in (operations.user_problem, operations.admin_problem) if problem]
    for trial in guarded:
        findings += _wrong(trial, doubts, by_cookie=operations.is_admin_by_cookie)
    findings += _raised(operations, doubts)
    if not findings and doubts:
        raise Inconclusive(
            "; ".join(doubts)[:500],
            supply="access:\n  requests:   # one that the administrator is answered with 2xx\n    - {path: /admin/orders/17, as: admin}",
        )
    return Verdict(
        findings=tuple(findings), summary=f"{len(guarded)} operations admit the administrator and nobody else"
    )


def _wrong(trial: OperationTrial, doubts: list[str], *, by_cookie: bool) -> Iterator[Finding]:
    nobody = trial.anonymous.get("none", 0)
    if standing_of(trial, nobody) is Standing.LET_IN:
        proof = Evidence(source=f"{trial.request}: {nobody}", text="without credentials")
        yield Finding(message=f"{trial.operation} admits everybody", evidence=(proof,))
        return
    as_user, as_admin = is_admitted(trial.user, admin=trial.admin), is_admin_admitted(trial, by_cookie=by_cookie)
    if as_user:
        proof = Evidence(source=f"{trial.request}: {trial.user}", text="as a user who is no administrator")
        yield Finding(message=f"{trial.operation} admits every user", evidence=(proof,))
    elif as_user is None:
        doubts.append(f"{trial.operation} as a user: {trial.user or 'no answer'}")
    if as_admin is False:
        proof = Evidence(source=f"{trial.request}: {trial.admin}", text="as the administrator")
        yield Finding(message=f"{trial.operation} refuses the administrator", evidence=(proof,))
    elif as_admin is None:
        doubts.append(f"{trial.operation} as the administrator: {trial.admin or 'no answer'}")


def _raised(operations: Operations, doubts: list[str]) -> Iterator[Finding]:
    raised = operations.role_raise
    if raised.status is None:
        return
    admitted = is_raised(raised.status, next((t for t in operations.tried if t.request == raised.request), None))
    if admitted:
        proof = Evidence(source=f"{raised.request}: {raised.status}", text="as a user who registered with role: admin")
        yield Finding(message="whoever registers with role: admin is an administrator", evidence=(proof,))
    elif admitted is None:
        doubts.append(f"{raised.request} as a user with a raised role: {raised.status}")
