"""A refusal is not stored by caches."""

from __future__ import annotations

from readiness import Category, Evidence, Finding, Severity, Verdict, check
from readiness.facts.limiter import DeployedLimit
from readiness.limiting.caching import is_storable
from readiness.limiting.judging import refusal_of


@check(
    id="ratelimit.refusal_cache",
    category=Category.RATELIMIT,
    severity=Severity.MEDIUM,
    title="No cache may store a refusal",
    why="A stored refusal is given to callers who are within their limit, long after it was true.",
    source="RFC 6585, 4: responses with the 429 status code MUST NOT be stored by a cache",
    remediation="Send Cache-Control: no-store with every 429.",
    defects=("refusal-cacheable",),
)
def check_refusal_cache(deployed_limit: DeployedLimit) -> Verdict:
    """Judge the directives of one refusal; without any, no cache stores this status by itself (RFC 9111, 4.2.2)."""
    refusal = refusal_of(deployed_limit)
    directives = ", ".join(refusal.all("cache-control"))
    shown = f"Cache-Control: {directives or '(none)'}"
    if is_storable(directives, expires=refusal.first("expires")):
        proof = Evidence(source=refusal.label, text=shown)
        return Verdict(findings=(Finding(message=f"caches may store the refusal: {shown}", evidence=(proof,)),))
    return Verdict(summary=f"the refusal says {shown}")
