"""Behind the proxy, clients are counted apart, not all as the proxy."""

from __future__ import annotations

from readiness import Category, NotApplicable, Severity, Verdict, check
from readiness.facts.limiter import SmallLimit
from readiness.limiting.addresses import judge
from readiness.limiting.declared import limit_by
from readiness.target import Role, Target


@check(
    id="ratelimit.behind_proxy",
    category=Category.RATELIMIT,
    severity=Severity.HIGH,
    title="Clients behind the proxy are counted apart",
    why="Where all clients look like the proxy, the first busy one has all others refused.",
    source="Claims ledger, ratelimit.behind_proxy (implied by myragdb and memorai)",
    remediation="Let the proxy name the client, and the application believe the proxy alone.",
    seeds=("myragdb", "memorai"),
    defects=("addresses-share-bucket", "client-not-forwarded"),
)
def check_behind_proxy(small_limit: SmallLimit, target: Target) -> Verdict:
    """Judge the entries that lead through a proxy."""
    limit_by(target, "address")
    if not any(entry.service in target.services_of(Role.PROXY) for entry in target.entries):
        raise NotApplicable("no entry leads through a service of the role proxy")
    return judge(small_limit, [a for a in small_limit.addresses if a.is_proxy])
