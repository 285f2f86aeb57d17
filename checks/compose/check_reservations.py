"""Reservations are the published ones."""

from __future__ import annotations

from collections.abc import Iterator

from readiness import Category, Evidence, Finding, Inconclusive, NotApplicable, Severity, Verdict, check
from readiness.containers.figures import same
from readiness.containers.services import size
from readiness.declared.resources import RESOURCES_EXAMPLE, Amount, resources_of
from readiness.facts.container_trials import ContainersAtRest
from readiness.facts.model import StackModel
from readiness.target import Target


@check(
    id="compose.reservations",
    category=Category.COMPOSE,
    severity=Severity.LOW,
    title="The memory that is published as reserved is reserved",
    why="When memory is short the engine takes it from everybody alike, the service that must stay quick included.",
    source="Claims ledger, compose.reservations; Compose specification, deploy.resources.reservations",
    remediation='deploy: {resources: {reservations: {cpus: "0.5", memory: 512M}}}.',
    seeds=("brainda",),
    defects=("worker-without-reservation",),
)
def check_reservations(containers_at_rest: ContainersAtRest, stack_model: StackModel, target: Target) -> Verdict:
    """Compare the memory in force, and the processors in the compose file: outside a swarm nothing reserves those."""
    target.require("resources", target.extra.get("resources"), example=RESOURCES_EXAMPLE)
    published = resources_of(target).reserved
    if not published:
        raise NotApplicable("no reservation is published (resources.services.*.reserve)")
    findings = [
        finding
        for service, amount in published.items()
        for finding in _differing(service, amount, containers_at_rest, stack_model)
    ]
    absent = [s for s in published if s not in {c.service for c in containers_at_rest.containers}]
    if absent and not findings:
        raise Inconclusive(f"there is no container of {', '.join(absent)} whose reservation could be compared")
    judged = ", ".join(published)
    summary = f"{judged}; CPU reservations are declared, but compose has nothing to put them in force with"
    return Verdict(findings=tuple(findings), summary=summary if any(p.cpus for p in published.values()) else judged)


def _differing(service: str, amount: Amount, at_rest: ContainersAtRest, model: StackModel) -> Iterator[Finding]:
    for container in at_rest.containers:
        memory = container.memory_reservation_bytes
        if container.service == service and amount.memory_bytes not in {None, memory}:
            text = "none" if memory is None else size(memory)
            proof = Evidence(source=f"docker inspect of {service}", text=f"MemoryReservation: {text}")
            wanted = size(amount.memory_bytes or 0)
            message = f"{service} is published with {wanted} reserved, and runs with {text}"
            yield Finding(message=message, evidence=(proof,))
    declared = model.services[service].resources.reserved_cpus if service in model.services else None
    if amount.cpus is not None and (declared is None or not same(declared, amount.cpus)):
        text = "none" if declared is None else f"{declared:g} CPUs"
        proof = Evidence(source=f"services.{service}.deploy.resources.reservations", text=text)
        message = f"{service} is published with {amount.cpus:g} CPUs reserved, and its compose file says {text}"
        yield Finding(message=message, evidence=(proof,))
