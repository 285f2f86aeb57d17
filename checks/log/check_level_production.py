"""Production does not log for developers."""

from __future__ import annotations

from readiness import Category, Finding, Inconclusive, Measurement, NotApplicable, Severity, Verdict, check
from readiness.facts.logs import RequestLogs
from readiness.logs.values import Level, level_named
from readiness.logs.view import MAX_EVIDENCE, view_of
from readiness.target import Target

SUPPLY = "logs:\n  fields: {level: place.of.the.level}"


@check(
    id="log.level_production",
    category=Category.LOG,
    severity=Severity.MEDIUM,
    title="Production logs at INFO: no DEBUG lines",
    why="Debug lines drown what matters, cost money in every log store, and hold what was only meant for a developer's eyes.",
    source="claims ledger, log.level_production (LOG_LEVEL=INFO)",
    remediation="Set the root logger's level to INFO in production, and no library's below it.",
    seeds=("myragdb",),
    defects=("log-debug-in-production",),
)
def check_level_production(request_logs: RequestLogs, target: Target) -> Verdict:
    """Judge the levels of all lines since the first request."""
    view = view_of(request_logs, target)
    levels = {name: level_named(name, view.numbering) for name in request_logs.levels}
    found = [(entry, level) for entry in view.entries if (level := view.level(entry)) is not None]
    if not found and not any(levels.values()):
        if levels or any(entry.places is not None for entry in view.entries):
            raise Inconclusive("no line names a level that is known", supply=SUPPLY)
        raise NotApplicable("no line names a level")
    loud = [entry for entry, level in found if level is Level.DEBUG]
    count = max(sum(request_logs.levels[name] for name in levels if levels[name] is Level.DEBUG), len(loud))
    shown = ", ".join(f"{name}: {request_logs.levels[name]}" for name in sorted(levels) if levels[name] is not None)
    findings: tuple[Finding, ...] = ()
    if count:
        proof = tuple(entry.evidence for entry in loud[:MAX_EVIDENCE])
        findings = (Finding(message=f"{count} lines are at DEBUG or below", evidence=proof),)
    elif numbers := [name for name in sorted(levels) if name.isdecimal() and levels[name] is None]:
        # 20 is INFO to one logger and DEBUG to another.
        raise Inconclusive(f"nothing tells which levels {', '.join(numbers)} are", supply=SUPPLY)
    measured = (Measurement(name="debug lines", value=count, unit="count"),)
    return Verdict(findings=findings, measured=measured, summary=f"lines by level: {shown}")
