"""All pools together fit into the database server."""

from __future__ import annotations

from readiness import Category, Evidence, Finding, Inconclusive, Measurement, Severity, Verdict, check
from readiness.database.answers import require_database
from readiness.declared.database import POOL_EXAMPLE, pools_of
from readiness.facts.database import PoolExhausted
from readiness.target import Target


@check(
    id="db.pool_fits_server",
    category=Category.DB,
    severity=Severity.HIGH,
    title="All pools together stay below the connections that the server has",
    why="Under load the last replicas are refused by the database: more capacity that makes errors.",
    source="Claims ledger, db.pool_fits_server; PostgreSQL documentation, 20.3 max_connections",
    remediation="Let replicas x processes x (pool + overflow) stay below max_connections less the reserved ones.",
    seeds=("brainda",),
    defects=("pool-larger-than-server",),
)
def check_pool_fits_server(pool_exhausted: PoolExhausted, target: Target) -> Verdict:
    """Add the declared pools up, compare with the running server; a server that ran out is a finding in any case."""
    fact = pool_exhausted
    require_database(fact.service, fact.not_done)
    findings: list[Finding] = []
    if fact.refusals:
        evidence = (Evidence(source=f"log of {fact.service}", text="\n".join(fact.refusals)[:600]),)
        message = f"{fact.service} had no connection left while the pool was used up"
        findings.append(Finding(message=message, evidence=evidence))
    pools = pools_of(target)
    if not pools or fact.max_connections is None:
        if findings:
            return Verdict(findings=tuple(findings))
        target.require("pool", pools, example=POOL_EXAMPLE)
        raise Inconclusive(f"{fact.service} did not tell its max_connections")
    wanted, free = sum(pool.in_all for pool in pools.values()), fact.max_connections - fact.reserved
    parts = ", ".join(
        f"{service}: {pool.replicas} x {pool.processes} x ({pool.size} + {pool.overflow})"
        for service, pool in pools.items()
    )
    measured = (
        Measurement(name="connections of all pools", value=wanted, unit="count", at_most=free),
        Measurement(name="connections seen at most", value=fact.peak, unit="count"),
    )
    summary = f"{wanted} of {free} connections ({parts}); at most {fact.peak} were seen"
    return Verdict(findings=tuple(findings), measured=measured, summary=summary)
