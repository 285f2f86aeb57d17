"""An unhandled exception hurts the request that caused it, and nobody else."""

from __future__ import annotations

from readiness import Category, Evidence, Finding, Inconclusive, Measurement, Severity, Verdict, check
from readiness.facts.errors import ErrorRun
from readiness.failures.raised import ERROR_PATH, raised_count
from readiness.failures.shape import is_good
from readiness.target import Target

#: Below half of what was planned, a leak may not have shown yet.
ENOUGH_RATIO = 0.5


@check(
    id="errors.survives",
    category=Category.ERRORS,
    severity=Severity.CRITICAL,
    title="A hundred unhandled exceptions end no process and spoil no other request",
    why="A connection or a worker lost per error turns a bug on one page into an outage of all, an hour later.",
    source="Claims ledger, errors.survives (brain)",
    remediation="Give back connections, locks and files in finally or a context manager, and keep the process alive.",
    seeds=("brain",),
    defects=("errors-end-the-process", "errors-leak-connections"),
)
def check_survives(error_run: ErrorRun, target: Target) -> Verdict:
    """Judge the good requests in between, the state of the service, and the last good request."""
    target.require("error_path", target.paths.error, example=ERROR_PATH)
    run = error_run.provocations
    if run.good_before is None or run.sent == 0:
        raise Inconclusive("; ".join(run.missing.values()) or "nothing was provoked")
    if not is_good(run.good_before):
        raise Inconclusive(
            f"the good request is not answered well even before: {run.good_before.label}", supply="paths:\n  ok: /"
        )
    raised = raised_count(run.bad)
    if raised == 0:
        answers = ", ".join(f"{count} x {status}" for status, count in sorted(run.bad.items()))
        raise Inconclusive(f"error_path raises nothing: {answers}", supply=ERROR_PATH, undeclared="error_path")
    findings = []
    if run.failed_good:
        proof = tuple(Evidence(source=each.label, text=each.body[:300] or each.error or "") for each in run.failed_good)
        failed = sum(run.good.values()) - run.good.get(str(run.good_before.status), 0) - run.good.get("429", 0)
        message = f"{failed} of {sum(run.good.values())} good requests failed between unhandled exceptions"
        findings.append(Finding(message=message, evidence=proof))
    for service, count in run.restarts.items():
        if count or run.is_replaced:
            findings.append(Finding(message=f"{service} was restarted while exceptions were provoked"))
    after = run.good_after
    if after is not None and not is_good(after) and after.status != 429 and not run.failed_good:  # noqa: PLR2004  # limited
        proof = (Evidence(source=after.label, text=after.body[:300] or after.error or ""),)
        findings.append(Finding(message="the good request fails after the exceptions", evidence=proof))
    if not findings and raised < ENOUGH_RATIO * run.wanted:
        raise Inconclusive(f"only {raised} of {run.wanted} exceptions could be provoked")
    good = Measurement(name="good requests in between", value=sum(run.good.values()), unit="count")
    sent = Measurement(name="unhandled exceptions", value=raised, unit="count")
    answers = ", ".join(f"{count} x {status}" for status, count in sorted(run.good.items()))
    return Verdict(
        findings=tuple(findings), measured=(sent, good), summary=f"{raised} exceptions, good requests: {answers}"
    )
