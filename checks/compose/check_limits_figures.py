"""Limits are the published ones."""

from __future__ import annotations

from collections.abc import Iterator

from readiness import Category, Evidence, Finding, Inconclusive, NotApplicable, Severity, Verdict, check
from readiness.containers.figures import cpus_of, same
from readiness.containers.services import size
from readiness.declared.resources import RESOURCES_EXAMPLE, Amount, resources_of
from readiness.facts.container_trials import ContainersAtRest
from readiness.facts.containers import Container
from readiness.facts.model import StackModel
from readiness.target import Target


@check(
    id="compose.limits_figures",
    category=Category.COMPOSE,
    severity=Severity.LOW,
    title="CPU and memory limits in force are the published ones",
    why="Who plans a machine by the published table plans by figures that nothing holds to.",
    source="Claims ledger, compose.limits_figures (brainda's table of limits per service)",
    remediation="Make the compose file and the published table say the same.",
    seeds=("brainda",),
    defects=(
        "worker-without-memory-limit",
        "worker-without-cpu-limit",
        "worker-may-take-every-processor",
        "worker-with-another-limit",
        "limits-above-the-host",
    ),
)
def check_limits_figures(containers_at_rest: ContainersAtRest, stack_model: StackModel, target: Target) -> Verdict:
    """Compare each published figure with what the engine holds the container to."""
    target.require("resources", target.extra.get("resources"), example=RESOURCES_EXAMPLE)
    published = resources_of(target).limited
    if not published:
        raise NotApplicable("no limit of a service is published (resources.services)")
    findings: list[Finding] = []
    absent: list[str] = []
    for service, amount in published.items():
        containers = [c for c in containers_at_rest.containers if c.service == service]
        if not containers:
            absent.append(service)
        for container in containers:
            findings += _differing(container, amount, containers_at_rest, stack_model)
    if absent and not findings:
        raise Inconclusive(f"there is no container of {', '.join(absent)} whose limits could be compared")
    summary = "; ".join(f"{service}: {_words(amount)}" for service, amount in published.items())
    return Verdict(findings=tuple(findings), summary=summary)


def _differing(container: Container, amount: Amount, at_rest: ContainersAtRest, model: StackModel) -> Iterator[Finding]:
    cpus = cpus_of(container, model, at_rest.group(container.service))
    if amount.cpus is not None and (cpus is None or not same(cpus, amount.cpus)):
        text = "no limit" if cpus is None else f"{cpus:g} CPUs"
        yield _finding(container, f"{amount.cpus:g} CPUs", text)
    memory = container.memory_bytes
    if amount.memory_bytes is not None and memory != amount.memory_bytes:
        text = "no limit" if memory is None else size(memory)
        yield _finding(container, size(amount.memory_bytes), text)


def _finding(container: Container, published: str, text: str) -> Finding:
    proof = Evidence(source=f"docker inspect of {container.service}", text=text)
    message = f"{container.service} is published with {published}, and runs with {text}"
    return Finding(message=message, evidence=(proof,))


def _words(amount: Amount) -> str:
    parts = [f"{amount.cpus:g} CPUs"] if amount.cpus is not None else []
    parts += [size(amount.memory_bytes)] if amount.memory_bytes is not None else []
    return ", ".join(parts)
