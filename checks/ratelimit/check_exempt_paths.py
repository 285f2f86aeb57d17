"""Exempt paths are never limited."""

from __future__ import annotations

from readiness import Category, Inconclusive, Severity, Verdict, check
from readiness.facts.limiter import SmallLimit
from readiness.limiting.exempt import judge
from readiness.target import Target


@check(
    id="ratelimit.exempt_paths",
    category=Category.RATELIMIT,
    severity=Severity.MEDIUM,
    title="Declared exempt paths serve an exhausted caller",
    why="Pages without their styles, and monitors that are refused, look like an outage.",
    source="Claims ledger, ratelimit.exempt_paths (memorai)",
    remediation="Exempt exact paths and whole prefixes, before anything is counted.",
    seeds=("memorai",),
    defects=("static-limited", "probe-refused-with-its-caller"),
)
def check_exempt_paths(small_limit: SmallLimit, target: Target) -> Verdict:
    """Judge more requests to each exempt path than a rested caller may send, by an exhausted one."""
    target.require("limit", target.limits, example="limit: {path: /items, requests: 100, exempt: [/health]}")
    if not any(limit.exempt for limit in target.limits):
        raise Inconclusive(
            "not configured: limit.exempt",
            supply="limit:\n  exempt: [/health, /static/app.css]",
            undeclared="limit.exempt",
        )
    return judge(small_limit, small_limit.exempt)
