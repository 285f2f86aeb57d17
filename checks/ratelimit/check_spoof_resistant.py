"""A client cannot evade the limit by naming another address."""

from __future__ import annotations

from readiness import Category, Evidence, Finding, Inconclusive, Severity, Verdict, check
from readiness.facts.limiter import SmallLimit
from readiness.limiting.judging import require_refusals, words_of


@check(
    id="ratelimit.spoof_resistant",
    category=Category.RATELIMIT,
    severity=Severity.HIGH,
    title="A client's own X-Forwarded-For does not evade the limit",
    why="Whoever can write the address that is counted is never refused, and can have any other address refused.",
    source="Claims ledger, ratelimit.spoof_resistant (implied by myragdb and memorai); CWE-348",
    remediation="Believe forwarding headers of your own proxy only, and of the list only what that proxy added, the last entry.",
    seeds=("myragdb", "memorai"),
    defects=("leftmost-forwarded-trusted",),
)
def check_spoof_resistant(small_limit: SmallLimit) -> Verdict:
    """Judge what an exhausted address got through the public entry with forged headers."""
    require_refusals(small_limit)
    told = [t for t in small_limit.spoofs if t.is_settled]
    if not told:
        reason = small_limit.not_done.get("anonymous", "the address did not stay exhausted")
        raise Inconclusive(
            f"no address could be exhausted: {reason}", supply="limit:\n  - {path: /items, requests: 100, key: address}"
        )
    evaded = [t for t in told if t.has_evaded]
    findings = tuple(
        Finding(
            message=f"an exhausted address is served with a forged {t.name}",
            evidence=(Evidence(source=words_of(t), text=f"without it, just before and after: {t.before}, {t.after}"),),
        )
        for t in evaded[:5]
    )
    names = ", ".join(dict.fromkeys(t.name.split(":")[0] for t in told))
    return Verdict(findings=findings, summary=f"still refused with a forged {names}")
