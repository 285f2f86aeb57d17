"""Services start after the stores that they need are healthy, or wait for them by themselves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from readiness import Category, Evidence, Finding, Inconclusive, Measurement, NotApplicable, Severity, Verdict, check
from readiness.facts.model import StackModel
from readiness.facts.start import ServiceStart, StackStart
from readiness.facts.startup import LateDependency
from readiness.starting.lateness import comes_by_itself
from readiness.target import Role, Target

HEALTHY = "service_healthy"
ENGINE = "run with --readiness-runtime=compose"
#: Instants come from one clock; the engine writes a health check's end a moment after it has believed it.
CLOCK_SECONDS = 0.05


@dataclass(frozen=True, kw_only=True)
class _Edge:
    service: str
    dependency: str
    condition: str


@check(
    id="startup.dependency_order",
    category=Category.STARTUP,
    severity=Severity.MEDIUM,
    title="At a cold start services start after the stores they need are healthy, or wait for them by themselves",
    why="A start that depends on who is quicker works on the developer's machine and fails after a power cut.",
    source="Claims ledger, startup.dependency_order (aistack); Compose specification, depends_on",
    remediation="Give the store a health check and depend on it with `condition: service_healthy`.",
    seeds=("aistack",),
    defects=("starts-before-database",),
)
def check_dependency_order(
    stack_start: StackStart, stack_model: StackModel, late_dependency: LateDependency, target: Target
) -> Verdict:
    """Compare the instants that the engine recorded at the start of the audited stack."""
    if stack_start.runtime != "compose":
        raise Inconclusive("needs an engine: only it starts services by the health of others", supply=ENGINE)
    seen = {service.service: service for service in stack_start.services}
    edges = [edge for edge in _edges(stack_model, target) if edge.service in seen and edge.dependency in seen]
    if not edges:
        raise NotApplicable(
            "no service is declared to need another one that has a health check, and there is no database"
        )
    findings: list[Finding] = []
    measured: list[Measurement] = []
    untimed: list[str] = []
    early: list[str] = []
    for edge in edges:
        service, dependency = seen[edge.service], seen[edge.dependency]
        if not service.started_at or not dependency.healthy_at:
            untimed.append(f"{edge.service} after {edge.dependency}")
            continue
        after = _seconds(service.started_at) - _seconds(dependency.healthy_at)
        measured.append(
            Measurement(name=f"{edge.service} after healthy {edge.dependency}", value=round(after, 3), unit="s")
        )
        if after >= -CLOCK_SECONDS:
            continue
        if reason := _cannot_bear(edge, service, late_dependency, target):
            findings.append(_finding(edge, service, dependency, -after, reason))
        else:
            early.append(f"{edge.service} before {edge.dependency}")
    if not measured:
        raise Inconclusive(f"no order was seen: {', '.join(untimed)}: no health check passed, or nothing was started")
    also = f"; started early, and bore it: {', '.join(early)}" if early else ""
    return Verdict(findings=findings, measured=measured, summary=f"{len(measured) - len(early)} starts in order{also}")


def _edges(model: StackModel, target: Target) -> Iterator[_Edge]:
    """Who needs whom: as declared, and the service under audit its database, declared or not."""
    for name, service in model.services.items():
        for dependency, condition in service.depends_on.items():
            other = model.services.get(dependency)
            if condition == HEALTHY or (other is not None and other.health_check is not None):
                yield _Edge(service=name, dependency=dependency, condition=condition)
    own = model.services.get(target.service or "")
    for store in target.services_of(Role.DB):
        if own is not None and store in model.services and store not in own.depends_on and store != own.name:
            yield _Edge(service=own.name, dependency=store, condition="")


def _cannot_bear(edge: _Edge, service: ServiceStart, late: LateDependency, target: Target) -> str:
    """Why a start before its dependency is more than untidy; empty where the service waits by itself."""
    if edge.condition == HEALTHY:
        return "the declared condition did not hold"
    if service.restarts:
        return f"it was restarted {service.restarts} times until then"
    if not service.is_ready:
        return "it did not get ready"
    is_tried = edge.service == target.service and edge.dependency == late.dependency
    return "" if not is_tried or comes_by_itself(late) else "it does not wait for it by itself either"


def _finding(edge: _Edge, service: ServiceStart, dependency: ServiceStart, early: float, reason: str) -> Finding:
    declared = f"depends_on with condition {edge.condition}" if edge.condition else "no depends_on"
    text = f"{edge.service} started {service.started_at}\n{edge.dependency} healthy {dependency.healthy_at}\n{declared}"
    message = f"{edge.service} started {early:.1f} s before {edge.dependency} was healthy ({declared}); {reason}"
    return Finding(message=message, evidence=(Evidence(source="the engine's record of the start", text=text),))


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()
