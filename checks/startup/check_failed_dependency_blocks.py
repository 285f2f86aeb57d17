"""A store that never becomes healthy keeps those who depend on it from starting."""

from __future__ import annotations

from readiness import Category, Evidence, Finding, Inconclusive, NotApplicable, Severity, Verdict, check
from readiness.facts.startup import BlockedStart, LateDependency
from readiness.starting.lateness import comes_by_itself


@check(
    id="startup.failed_dependency_blocks",
    category=Category.STARTUP,
    severity=Severity.MEDIUM,
    title="A store that never becomes healthy keeps its dependents from starting, and the start says so",
    why="A start that goes on over a dead store ends in errors of something else, far from the cause.",
    source="Claims ledger, startup.failed_dependency_blocks (aistack); Compose specification, depends_on",
    remediation="Depend on the store with `condition: service_healthy`.",
    seeds=("aistack",),
    defects=("starts-before-database",),
)
def check_failed_dependency_blocks(blocked_start: BlockedStart, late_dependency: LateDependency) -> Verdict:
    """Judge a start of the store, with a health check that always fails, and of those who are declared to depend on it."""
    if blocked_start.not_done:
        raise NotApplicable(blocked_start.not_done)
    start, store = blocked_start.start, blocked_start.dependency
    seen = {service.service: service for service in start.services} if start is not None else {}
    if start is None or store not in seen:
        raise Inconclusive(f"no start with an unhealthy {store} was recorded")
    if seen[store].healthy_at or not seen[store].started_at:
        raise Inconclusive(f"{store} was to run and never be healthy; it is {seen[store].state}, {seen[store].health}")
    started = [name for name in blocked_start.dependents if name in seen and seen[name].started_at]
    if started == [late_dependency.service] and comes_by_itself(late_dependency):
        raise NotApplicable(
            f"{started[0]} is not meant to wait for {store}: started without it, it gets ready by itself"
        )
    if started:
        text = "\n".join(f"{name}: started {seen[name].started_at or 'never'}, {seen[name].state}" for name in seen)
        message = f"{', '.join(started)} started although {store} was never healthy"
        return Verdict(findings=(Finding(message=message, evidence=(Evidence(source="the start", text=text),)),))
    if store not in start.up_error:
        evidence = (Evidence(source="docker compose up", text=start.up_error[-600:] or "(nothing)"),)
        return Verdict(findings=(Finding(message=f"the start does not say that {store} failed", evidence=evidence),))
    last = start.up_error.strip().splitlines()[-1]
    return Verdict(summary=f"{', '.join(blocked_start.dependents)} not started: {last[:200]}")
