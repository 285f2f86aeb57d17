"""Database connections are used again, not opened for each request."""

from __future__ import annotations

from dataclasses import dataclass

from readiness import Category, Inconclusive, Measurement, Severity, Verdict, check
from readiness.database.answers import require_database
from readiness.facts.database import BrokenConnections

REQUESTS_AT_LEAST = 20


@dataclass(frozen=True, kw_only=True)
class ReuseLimits:
    """How many sessions may begin."""

    ratio: float = 0.5  # per request; a pool that is warm begins none, one connection a request is 1


@check(
    id="db.pool_reuse",
    category=Category.DB,
    severity=Severity.MEDIUM,
    title="Database connections are used again",
    why="A connection costs the server a process and the request its start; at load it is what runs out first.",
    source="Claims ledger, db.pool_reuse; PostgreSQL documentation, pg_stat_database.sessions",
    remediation="Keep connections in a pool (or CONN_MAX_AGE, or a pooler such as PgBouncer) instead of one per request.",
    seeds=("brain", "myragdb"),
    defects=("pool-none",),
)
def check_pool_reuse(broken_connections: BrokenConnections, limits: ReuseLimits) -> Verdict:
    """Compare the sessions that the server began with the requests that it served meanwhile."""
    fact = broken_connections
    require_database(fact.service, fact.not_done)
    reused = fact.reused
    if reused is None:
        raise Inconclusive("the server does not count sessions: it is older than PostgreSQL 14")
    if reused.requests < REQUESTS_AT_LEAST:
        raise Inconclusive(f"only {reused.requests} requests were answered")
    ratio = Measurement(
        name="sessions per request",
        value=round(reused.sessions / reused.requests, 3),
        unit="ratio",
        at_most=limits.ratio,
    )
    return Verdict(measured=(ratio,), summary=f"{reused.sessions} sessions for {reused.requests} requests")
