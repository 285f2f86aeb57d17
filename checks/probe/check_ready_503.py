"""Readiness falls with a required dependency, and names it."""

from __future__ import annotations

from dataclasses import dataclass

from readiness import Category, Severity, Verdict, check
from readiness.facts.probes import Outage
from readiness.probes.outages import judge_fall, pass_or_fail, require_outage
from readiness.target import ProbeKind, Role, Target


@dataclass(frozen=True, kw_only=True)
class FallLimits:
    """How soon readiness must fall."""

    period_seconds: float = 5.0  # the ledger's probe period (probe.ready_503_db)


@check(
    id="probe.ready_503_db",
    category=Category.PROBE,
    severity=Severity.HIGH,
    title="Readiness answers 503 without the database, and names it",
    why="Traffic keeps arriving at an instance that can only answer errors, while a balancer could send it elsewhere.",
    source="Kubernetes documentation, Liveness, Readiness and Startup Probes; RFC 9110, 15.6.4",
    remediation="Let the readiness probe ask the database, with a bound, and answer 503 when it does not answer.",
    seeds=("brain",),
    defects=("ready-ignores-database", "unhealthy-with-200"),
)
def check_ready_503_db(database_outage: Outage, target: Target, limits: FallLimits) -> Verdict:
    """Judge the phase in which the database is stopped; a hanging one is probe.hang_bounded's."""
    probe = target.probe(ProbeKind.READY)
    require_outage(target, database_outage, Role.DB, probe)
    return pass_or_fail(*judge_fall(target, probe, database_outage, period_seconds=limits.period_seconds))


@check(
    id="probe.ready_503_redis",
    category=Category.PROBE,
    severity=Severity.HIGH,
    title="Readiness answers 503 without Redis, and names it",
    why="Traffic keeps arriving at an instance that has lost a store it is declared to need.",
    source="Kubernetes documentation, Liveness, Readiness and Startup Probes; RFC 9110, 15.6.4",
    remediation="Let the readiness probe ask Redis, with a bound; or declare that readiness does not depend on it.",
    seeds=("brain",),
    defects=("ready-ignores-redis", "unhealthy-with-200"),
)
def check_ready_503_redis(cache_outage: Outage, target: Target, limits: FallLimits) -> Verdict:
    """Judge the phase in which Redis is stopped."""
    probe = target.probe(ProbeKind.READY)
    require_outage(target, cache_outage, Role.REDIS, probe)
    return pass_or_fail(*judge_fall(target, probe, cache_outage, period_seconds=limits.period_seconds))
