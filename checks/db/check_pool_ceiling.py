"""The application never holds more connections than its pool has."""

from __future__ import annotations

from readiness import Category, Inconclusive, Measurement, Severity, Verdict, check
from readiness.database.answers import require_database
from readiness.declared.database import POOL_EXAMPLE, pools_of
from readiness.facts.database import PoolExhausted
from readiness.target import Role, Target


@check(
    id="db.pool_ceiling",
    category=Category.DB,
    severity=Severity.MEDIUM,
    title="Under a rush the application holds no more connections than its pool is declared to have",
    why="Who sizes the server by the pool's figures is surprised by every connection beside it.",
    source="Claims ledger, db.pool_ceiling; SQLAlchemy documentation, QueuePool",
    remediation="Let every use of the database go through the one pool, and say its size, overflow and processes.",
    seeds=("brain",),
    defects=("pool-more-than-declared", "pool-none"),
)
def check_pool_ceiling(pool_exhausted: PoolExhausted, target: Target) -> Verdict:
    """Compare the most connections that were seen, while more requests than connections waited, with the figures."""
    fact = pool_exhausted
    require_database(fact.service, fact.not_done)
    pools = pools_of(target)
    target.require("pool", pools, example=POOL_EXAMPLE)
    if "lock" in fact.not_done:
        raise Inconclusive(f"the tables could not be locked, so no rush was had: {fact.not_done['lock']}")
    # The stack that is audited has one replica of each.
    ceiling = sum(pool.per_replica for pool in pools.values())
    # What was there at rest may be anybody's: a dashboard's, an exporter's.
    gained = max(fact.peak - fact.at_rest, 0)
    others = [
        service
        for role in (Role.APP, Role.WORKER, Role.SCHEDULER)
        for service in target.services_of(role)
        if service not in pools
    ]
    if gained > ceiling and others:
        raise Inconclusive(
            f"{gained} connections came on top of those at rest, {ceiling} are declared, and the pools of "
            f"{', '.join(others)} are not",
            supply=POOL_EXAMPLE,
        )
    measured = (Measurement(name="connections that came at most", value=gained, unit="count", at_most=ceiling),)
    summary = f"at most {fact.peak} connections, {fact.at_rest} of them at rest already; {ceiling} are declared"
    return Verdict(measured=measured, summary=summary)
