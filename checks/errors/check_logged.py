"""Whoever looks for an error in the log finds it once, and finds all of it."""

from __future__ import annotations

from readiness import Category, Evidence, Finding, Inconclusive, Severity, Verdict, check
from readiness.declared.errors import errors_of
from readiness.facts.errors import ErrorRun
from readiness.failures.entries import told_by
from readiness.failures.raised import ERROR_PATH, is_raised
from readiness.target import Target

WORDS = {
    "request_id": "the request id",
    "method": "the method",
    "path": "the path",
    "trace": "the stack trace",
    "user": "the user",
}


@check(
    id="errors.logged",
    category=Category.ERRORS,
    severity=Severity.HIGH,
    title="An unhandled error is logged once, with request id, method, path and stack trace",
    why="An error that nobody logged cannot be repaired; one that is logged in three places is counted three times.",
    source="Claims ledger, errors.logged (memorai, brain)",
    remediation="Log in the one outermost handler, with the exception, and nowhere on the way there.",
    seeds=("memorai", "brain"),
    defects=("errors-unlogged", "errors-logged-without-trace", "id-not-in-logs"),
)
def check_logged(error_run: ErrorRun, target: Target) -> Verdict:
    """Judge the log entries that hold the id of one provoked error."""
    target.require("error_path", target.paths.error, example=ERROR_PATH)
    run = error_run.provocations
    asked = run.logged_exchange
    if asked is None or run.entries is None:
        reason = run.unlogged or "; ".join(run.missing.values()) or "no exception was provoked"
        raise Inconclusive(f"no log entry can be looked for: {reason}")
    if not is_raised(str(asked.status)):
        # What was refused or answered is no error, and need not be logged as one.
        raise Inconclusive(f"error_path raises nothing: {asked.label}", supply=ERROR_PATH, undeclared="error_path")
    errors = [entry for entry in run.entries if entry.is_error]
    told = [(entry, _told(entry.text, asked.method, asked.url)) for entry in errors]
    wanted = set(errors_of(target).logged)
    proof = tuple(Evidence(source=f"log of {entry.service}", text=entry.text[:1500]) for entry in errors or run.entries)
    proof = (Evidence(source="the provoked error", text=asked.label), *proof[:4])
    findings = []
    if not errors:
        findings.append(Finding(message="the log has no error entry with the id of an unhandled error", evidence=proof))
    else:
        # Requests are logged too, a failed one as an error: the entry of the error itself is the one that tells most.
        best = max(told, key=lambda pair: len(pair[1] & wanted))
        lacking = [WORDS[name] for name in WORDS if name in wanted - best[1]]
        if lacking:
            findings.append(Finding(message=f"the log entry lacks {' and '.join(lacking)}", evidence=proof))
        traced = [entry for entry, has in told if "trace" in has]
        if len(traced) > 1:
            findings.append(
                Finding(message=f"the same error is logged {len(traced)} times with its trace", evidence=proof)
            )
    said = f"{len(errors)} entries of {', '.join(sorted({entry.service for entry in errors})) or 'nobody'}"
    return Verdict(findings=tuple(findings), summary=f"{said} tell {', '.join(sorted(wanted))}")


def _told(text: str, method: str, url: str) -> set[str]:
    path = "/" + url.partition("://")[2].partition("/")[2]
    # It was found by its id, so it has that.
    told = told_by(text, request_id="", method=method, path=path)
    names = {name for name in ("method", "path", "trace", "user") if getattr(told, name)}
    return {"request_id", *names}
