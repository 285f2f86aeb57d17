"""The limit holds on every operation of the API, not on one."""

from __future__ import annotations

from readiness import Category, Evidence, Finding, Inconclusive, Severity, Verdict, check
from readiness.facts.limiter import TOO_MANY, SmallLimit, Tried
from readiness.limiting.judging import require_refusals, words_of
from readiness.target import Target


@check(
    id="ratelimit.operations",
    category=Category.RATELIMIT,
    severity=Severity.MEDIUM,
    title="Every documented GET is limited, unless it is declared exempt",
    why="A limiter on one route protects that route; whoever wants the rest of the service simply asks the others.",
    source="OWASP API Security Top 10 2023, API4 (unrestricted resource consumption)",
    remediation="Limit in a layer before the routes instead of route by route, or declare under limit.exempt what is free.",
    defects=("operation-unlimited",),
)
def check_operations(small_limit: SmallLimit, target: Target) -> Verdict:
    """Judge what an exhausted caller could still read."""
    require_refusals(small_limit)
    target.require("openapi", target.openapi, example="openapi: openapi.json   # as your framework exports it")
    if not small_limit.operations:
        raise Inconclusive(
            small_limit.not_done.get("operations") or small_limit.not_done.get("exhausted", "none was asked")
        )
    limited = [t for t in small_limit.operations if TOO_MANY in t.statuses]
    free = [t for t in small_limit.operations if _is_free(t)]
    findings = tuple(
        Finding(
            message=f"{t.name} is not limited: {len(t.statuses)} of {len(t.statuses)} requests of an exhausted caller passed",
            evidence=(
                Evidence(source=words_of(t), text=f"the limited path just before and after: {t.before}, {t.after}"),
            ),
        )
        for t in free
    )
    untold = len(small_limit.operations) - len(limited) - len(free)
    if not findings and not limited:
        raise Inconclusive(
            f"none of {untold} operations could be asked as documented: {words_of(small_limit.operations[0])}"
        )
    more = f"; {untold} could not be told" if untold else ""
    left_out = small_limit.not_done.get("operations")
    more += f"; {left_out}" if left_out else ""
    return Verdict(
        findings=findings,
        summary=f"{len(limited)} of {len(small_limit.operations)} operations refuse an exhausted caller{more}",
        credit=len(limited) / len(small_limit.operations),
    )


def _is_free(tried: Tried) -> bool:
    """Answered as a resource to the end: a 404 or 422 may come from before the limiter, and proves nothing."""
    return tried.has_evaded and all(200 <= status < 400 for status in tried.statuses)  # noqa: PLR2004
