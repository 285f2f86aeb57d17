"""A database connection is replaced when it has become too old."""

from __future__ import annotations

from dataclasses import dataclass

from readiness import Category, Evidence, Finding, Inconclusive, Measurement, NotApplicable, Severity, Verdict, check
from readiness.database.answers import require_database
from readiness.declared.database import POOL_EXAMPLE, RECYCLE_EXAMPLE, pools_of
from readiness.facts.database import RecycledConnections
from readiness.target import Role, Target

#: A session that is used over so long a time is kept between requests.
KEPT_SECONDS = 1.0
#: So many answers without a session that is still there at the next look: each had one of its own.
ANSWERS_AT_LEAST = 20


@dataclass(frozen=True, kw_only=True)
class RecycleLimits:
    """When a connection counts as too old."""

    margin_seconds: float = 3.0  # a request that was lent it in time may still use it, and some pools look in intervals
    uses: int = 3  # of one session: a health check asks now and then, over a connection of its own


@check(
    id="db.pool_recycle",
    category=Category.DB,
    severity=Severity.LOW,
    title="Database connections that have become too old are replaced",
    why="Firewalls and load balancers forget connections, and a server's process grows with what it has done.",
    source="Claims ledger, db.pool_recycle; SQLAlchemy documentation, Setting Pool Recycle",
    remediation="Set the pool's recycle time (pool_recycle, maxLifetime, maxLifetimeSeconds) from the variable.",
    seeds=("brain",),
    defects=("pool-recycle-ignored",),
)
def check_pool_recycle(recycled_connections: RecycledConnections, target: Target, limits: RecycleLimits) -> Verdict:
    """Judge how old the connections were that requests used, in a stack where the variable is set to a few seconds."""
    fact = recycled_connections
    pools = pools_of(target)
    target.require("pool", pools or not target.services_of(Role.DB), example=POOL_EXAMPLE)
    if not pools:
        raise NotApplicable("no service of the stack has the role db")
    pool = pools.get(target.service or "")
    if pool is None or pool.recycle_seconds is None:
        raise NotApplicable(f"premise failed: no recycle_seconds is declared for a pool of {target.service}")
    if "variable" in fact.not_done:
        raise Inconclusive(f"not configured: {fact.not_done['variable']}", supply=RECYCLE_EXAMPLE)
    require_database(fact.service, fact.not_done)
    kept = [s for s in fact.sessions if s.used_seconds[-1] - s.used_seconds[0] >= KEPT_SECONDS]
    if not fact.sessions and ("ages" in fact.not_done or fact.good < ANSWERS_AT_LEAST):
        reason = fact.not_done.get("ages", "no session was seen in use")
        raise Inconclusive(f"{fact.good} answers to {fact.request} told nothing: {reason}")
    if not kept:
        raise NotApplicable("premise failed: the application keeps no connection open between requests")
    too_old = fact.recycle_seconds + limits.margin_seconds
    late = [s for s in fact.sessions if sum(age > too_old for age in s.ages) >= limits.uses]
    oldest = max(age for session in fact.sessions for age in session.ages)
    measured = (Measurement(name="oldest connection that was used", value=round(oldest, 3), unit="s"),)
    if late:
        message = (
            f"with {fact.variable}={fact.recycle_seconds:g} {len(late)} of {len(fact.sessions)} connections were still "
            f"used when they were {oldest:.1f} s old"
        )
        ages = ", ".join(f"{age:.1f}" for age in max(late, key=lambda s: max(s.ages)).ages)
        source = f"pg_stat_activity of {fact.service}"
        evidence = (Evidence(source=source, text=f"one session was used at the age of {ages} s"[:400]),)
        return Verdict(findings=(Finding(message=message, evidence=evidence),), measured=measured)
    last = max(session.used_seconds[-1] for session in fact.sessions)
    if last - min(session.begun_seconds for session in kept) <= too_old:
        raise Inconclusive(
            f"no connection could become {too_old:g} s old: the last request that used one came {last:.1f} s after the first"
        )
    summary = f"{len(fact.sessions)} connections were used in {fact.seconds:.0f} s, the oldest {oldest:.1f} s old"
    return Verdict(measured=measured, summary=summary)
