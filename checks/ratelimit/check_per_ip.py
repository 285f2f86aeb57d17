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
    limit = limit_by(target, "address")
    seen = list(small_limit.addresses)
    if limit.service is not None:
        # Past the proxy that limits, nobody does.
        entries = {entry.name for entry in target.entries if entry.service == limit.service}
        return judge(small_limit, [a for a in seen if a.entry in entries])
    direct = [a for a in seen if not a.is_proxy]
    return judge(small_limit, direct or seen)
