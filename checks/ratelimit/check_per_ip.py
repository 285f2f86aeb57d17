"""The limit of anonymous callers is counted per address."""

from __future__ import annotations

from readiness import Category, Severity, Verdict, check
from readiness.facts.limiter import SmallLimit
from readiness.limiting.addresses import judge
from readiness.limiting.declared import limit_by
from readiness.target import Target


@check(
    id="ratelimit.per_ip",
    category=Category.RATELIMIT,
    severity=Severity.MEDIUM,
    title="An exhausted address does not affect another one",
    why="Counted together, one stranger shuts the service for all others.",
    source="Claims ledger, ratelimit.per_ip (myragdb)",
    remediation="Make the client's address part of the counter's key.",
    seeds=("myragdb",),
    defects=("addresses-share-bucket",),
)
def check_per_ip(small_limit: SmallLimit, target: Target) -> Verdict:
    """Judge the entry nearest to the application: what stands before it is judged by ratelimit.behind_proxy."""
    limit_by(target, "address")
    direct = [a for a in small_limit.addresses if not a.is_proxy]
    return judge(small_limit, direct or list(small_limit.addresses))
