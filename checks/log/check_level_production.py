"""Production does not log for developers."""

from __future__ import annotations

import re

from readiness import Category, Finding, Inconclusive, Measurement, NotApplicable, Severity, Verdict, check
from readiness.facts.logs import RequestLogs
from readiness.logs.values import Level, level_named
from readiness.logs.view import MAX_EVIDENCE, view_of
from readiness.target import Target

#: The level of a line of text, where it stands in front.
_TEXT_LEVEL = re.compile(r"^[^a-z]{0,60}\b(DEBUG|TRACE|INFO|WARN(?:ING)?|ERROR|CRITICAL|FATAL)\b")


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
    levels = {name: count for name, count in request_logs.levels.items() if _level(name) is not None}
    levelled = [entry for entry in view.entries if level_named(view.get(entry, "level")) is not None]
    texts = [
        (entry, match[1]) for entry in view.entries if entry.places is None and (match := _TEXT_LEVEL.match(entry.text))
    ]
    if not levelled and not texts and not levels:
        if any(entry.places is not None for entry in view.entries):
            raise Inconclusive(
                "no line names a level that is known", supply="logs:\n  fields: {level: place.of.the.level}"
            )
        raise NotApplicable("no line names a level")
    loud = [entry for entry in levelled if level_named(view.get(entry, "level")) is Level.DEBUG]
    loud += [entry for entry, word in texts if word in {"DEBUG", "TRACE"}]
    count = max(sum(n for name, n in levels.items() if _level(name) is Level.DEBUG), len(loud))
    shown = ", ".join(f"{name}: {number}" for name, number in sorted(levels.items()))
    findings: tuple[Finding, ...] = ()
    if count:
        proof = tuple(entry.evidence for entry in loud[:MAX_EVIDENCE])
        findings = (Finding(message=f"{count} lines are at DEBUG or below", evidence=proof),)
    measured = (Measurement(name="debug lines", value=count, unit="count"),)
    return Verdict(findings=findings, measured=measured, summary=f"lines by level: {shown or 'in text'}")


def _level(name: str) -> Level | None:
    return level_named(int(name)) if name.isdecimal() else level_named(name)
