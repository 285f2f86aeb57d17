"""No container may use the whole machine."""

from __future__ import annotations

from collections.abc import Iterator

from readiness import Category, Evidence, Finding, Inconclusive, Measurement, Severity, Verdict, check
from readiness.containers.figures import same
from readiness.containers.services import joined, long_running, size
from readiness.facts.container_trials import ContainersAtRest, ControlGroup
from readiness.facts.containers import Container
from readiness.facts.model import StackModel


@check(
    id="compose.limits_set",
    category=Category.COMPOSE,
    severity=Severity.MEDIUM,
    title="Every container runs with a CPU and a memory limit, and the kernel holds it to both",
    why="One leak or one busy loop takes the whole host, and every other service on it goes down with the culprit.",
    source="Claims ledger, compose.limits_set; Docker documentation, Resource constraints (by default there are none)",
    remediation='Set both for each service: deploy: {resources: {limits: {cpus: "1.0", memory: 512M}}}.',
    seeds=("brainda",),
    defects=("worker-without-memory-limit", "worker-without-cpu-limit"),
)
def check_limits_set(containers_at_rest: ContainersAtRest, stack_model: StackModel) -> Verdict:
    """Judge the engine's record of each container, and what its control group says where that could be read."""
    judged = long_running(containers_at_rest, stack_model)
    findings = [finding for container in judged for finding in _missing(container)]
    pairs = [(c, group) for c in judged if c.number == 1 and (group := containers_at_rest.group(c.service))]
    doubts = [doubt for container, group in pairs for doubt in _not_in_force(container, group)]
    if doubts and not findings:
        raise Inconclusive(
            f"the engine of this machine does not hold containers to what it was told: {'; '.join(doubts)}",
            supply="run the audit where the engine may use control groups (rootless: with delegated controllers)",
        )
    unseen = sorted({g.service for g in containers_at_rest.groups if g.problem})
    rest = f"; the control group of {joined(unseen)} could not be read" if unseen else ""
    figures = "; ".join(
        f"{c.service} {c.cpus:g} CPUs, {size(c.memory_bytes)}" for c in judged if c.cpus and c.memory_bytes
    )
    measured = (
        Measurement(name="containers judged", value=len(judged), unit="count"),
        Measurement(name="control groups read", value=len(pairs), unit="count"),
    )
    return Verdict(findings=tuple(findings), measured=measured, summary=f"{figures}{rest}")


def _missing(container: Container) -> Iterator[Finding]:
    for what, value in (("CPU", container.cpus), ("memory", container.memory_bytes)):
        if value is None:
            proof = Evidence(source=f"docker inspect of {container.service}", text=f"no {what} limit in HostConfig")
            yield Finding(message=f"{container.service} runs without a {what} limit", evidence=(proof,))


def _not_in_force(container: Container, group: ControlGroup) -> Iterator[str]:
    """Limits that the engine was told and the kernel does not know; that is this machine's fault, not the owner's."""
    memory, cpus = container.memory_bytes, container.cpus
    if memory is not None and (group.memory_bytes is None or not same(memory, group.memory_bytes)):
        inside = "none" if group.memory_bytes is None else size(group.memory_bytes)
        yield f"memory of {container.service} {size(memory)}, inside {inside}"
    if cpus is not None and (group.cpus is None or not same(cpus, group.cpus)):
        inside = "none" if group.cpus is None else f"{group.cpus:g}"
        yield f"CPUs of {container.service} {cpus:g}, inside {inside}"
