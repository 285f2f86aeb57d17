"""The level of a request's line follows how it ended."""

from __future__ import annotations

from readiness import Category, Evidence, Finding, Inconclusive, NotApplicable, Severity, Verdict, check
from readiness.facts.logs import Asked, RequestLogs
from readiness.logs.values import Level
from readiness.logs.view import Entry, view_of
from readiness.target import Target

FIRST_NOT_SUCCESS, FIRST_CLIENT_ERROR, FIRST_SERVER_ERROR = 300, 400, 500


@check(
    id="log.level_by_status",
    category=Category.LOG,
    severity=Severity.MEDIUM,
    title="The level follows the status: success info, client errors warning, server errors error",
    why="Alerts and searches go by level: a 500 at INFO wakes nobody, and a 404 at ERROR wakes somebody for nothing.",
    source="claims ledger, log.level_by_status",
    remediation="Choose the level of a request's line by its status: below 400 info, below 500 warning, else error.",
    seeds=("memorai",),
    defects=("log-errors-as-info",),
)
def check_level_by_status(request_logs: RequestLogs, target: Target) -> Verdict:
    """Read the level of the line that tells a request's status, for one request of each class at least."""
    view = view_of(request_logs, target)
    findings: list[Finding] = []
    judged: dict[str, int] = {}
    for asked in (*request_logs.of("ok", "unauthorized", "invalid", "error"), *request_logs.of("marker")[:3]):
        wanted = _wanted(asked.status or 0)
        if wanted is None:
            continue
        name, levels = wanted
        same = [e for e in view.by_path(asked) if str(view.get(e, "status")) == str(asked.status)]
        lines = view.access(asked) or same
        found = [
            (entry, level) for entry in lines if entry.places is not None and (level := view.level(entry)) is not None
        ]
        if not found:
            continue
        judged[name] = judged.get(name, 0) + 1
        wrong = next(((entry, level) for entry, level in found if level not in levels), None)
        if wrong is not None and not any(str(asked.status) in finding.message for finding in findings):
            findings.append(_finding(asked, wrong[0], wrong[1], levels))
    if not judged:
        if not any(view.access(asked) for asked in request_logs.asked):
            raise NotApplicable("no line tells the status of a request; log.access_line judges that")
        raise Inconclusive("no line names a level that is known", supply="logs:\n  fields: {level: place.of.the.level}")
    if not findings and "5xx" not in judged and "paths.error" not in target.declined:
        raise Inconclusive(
            f"judged {', '.join(sorted(judged))}; the line of no answer from 500 on was found",
            supply="error_path: /a/request/that/raises   # or: none, with why",
            undeclared="error_path" if target.paths.error is None else "",
        )
    shown = ", ".join(f"{name}: {count} lines" for name, count in sorted(judged.items()))
    return Verdict(findings=tuple(findings), summary=f"levels follow the status ({shown})")


def _wanted(status: int) -> tuple[str, tuple[Level, ...]] | None:
    if status >= FIRST_SERVER_ERROR:
        return "5xx", (Level.ERROR, Level.CRITICAL)
    if status >= FIRST_CLIENT_ERROR:
        return "4xx", (Level.WARNING,)
    # A second line at debug is a matter of log.level_production.
    return ("2xx", (Level.INFO, Level.DEBUG)) if status < FIRST_NOT_SUCCESS else None


def _finding(asked: Asked, entry: Entry, level: Level, levels: tuple[Level, ...]) -> Finding:
    proof = (Evidence(source=asked.label, text=f"expected level {levels[0].name}"), entry.evidence)
    return Finding(message=f"{asked.status} is logged at {level.name}, not at {levels[0].name}", evidence=proof)
