"""An exhausted caller is not served because the path is written in another way."""

from __future__ import annotations

from readiness import Category, Evidence, Finding, Inconclusive, Severity, Verdict, check
from readiness.facts.limiter import SmallLimit
from readiness.limiting.judging import require_refusals, words_of


@check(
    id="ratelimit.path_variants",
    category=Category.RATELIMIT,
    severity=Severity.MEDIUM,
    title="Another spelling of the path does not evade the limit",
    why="A limiter that compares other text than the router does is switched off by a slash, a query or a header.",
    source="OWASP Web Security Testing Guide, bypassing by path and method; CWE-647",
    remediation="Compare the path as the router sees it, whole segments only, and never text that the client adds to it.",
    defects=("exempt-by-substring",),
)
def check_path_variants(small_limit: SmallLimit) -> Verdict:
    """Judge the disguises that an exhausted caller tried."""
    require_refusals(small_limit)
    told = [t for t in small_limit.variants if t.is_settled]
    if not told:
        raise Inconclusive(small_limit.not_done.get("exhausted", "no caller stayed exhausted for long enough"))
    findings = tuple(
        Finding(
            message=f"{t.method} {t.path} ({t.name}) is served to a caller who is refused on the path itself",
            evidence=(
                Evidence(source=words_of(t), text=f"the path itself just before and after: {t.before}, {t.after}"),
            ),
        )
        for t in told
        if t.has_evaded and all(200 <= status < 300 for status in t.statuses)  # noqa: PLR2004  # a redirect or a 404 serves nothing
    )
    return Verdict(findings=findings, summary=f"{len(told)} other spellings of the path are not served")
