"""All limits together fit the machine."""

from __future__ import annotations

from dataclasses import dataclass

from readiness import Category, Evidence, Finding, Inconclusive, Measurement, Severity, Verdict, check
from readiness.containers.figures import cpus_of
from readiness.containers.services import joined, long_running, size
from readiness.declared.resources import Amount, resources_of
from readiness.facts.container_trials import ContainersAtRest
from readiness.facts.model import StackModel
from readiness.target import Target


@dataclass(frozen=True, kw_only=True)
class TotalLimits:
    """How much of the machine the limits may add up to."""

    memory_ratio: float = 0.8  # ledger, compose.totals_fit_host: the rest is the system's own, and its page cache


@check(
    id="compose.totals_fit_host",
    category=Category.COMPOSE,
    severity=Severity.MEDIUM,
    title="The memory limits of all containers add up to less than the machine has",
    why="Limits that promise more than there is hold nobody back: the kernel kills somebody before any limit is reached.",
    source="Claims ledger, compose.totals_fit_host (9.5 GB on a host of 16 GB)",
    remediation="Lower the limits to what each service was seen to need, or take a larger machine; say which: resources: {host: {cpus: 4, memory: 16G}}.",
    seeds=("brainda",),
    defects=("limits-above-the-host",),
)
def check_totals_fit_host(
    containers_at_rest: ContainersAtRest, stack_model: StackModel, target: Target, limits: TotalLimits
) -> Verdict:
    """Add up the limits of all replicas and hold them against the declared machine, else against this one."""
    judged = long_running(containers_at_rest, stack_model)
    if without := [container.service for container in judged if container.memory_bytes is None]:
        raise Inconclusive(
            f"nothing bounds what {joined(without)} may take (see compose.limits_set), so there is no sum",
            supply="give each of them deploy.resources.limits.memory in the compose file",
        )
    memory = sum(container.memory_bytes or 0 for container in judged)
    cpus = sum(cpus_of(c, stack_model, containers_at_rest.group(c.service)) or 0.0 for c in judged)
    declared = resources_of(target).host
    host = declared if declared and declared.memory_bytes else _this_machine(containers_at_rest)
    which = "the declared host" if host is declared else "this machine"
    has = host.memory_bytes or 0
    most = has * limits.memory_ratio
    measured = [Measurement(name="memory limits together", value=memory, unit="B")]
    measured += [Measurement(name="CPU limits together", value=round(cpus, 3), unit="count")]
    # More processors than there are is no harm by itself: they are shared out in proportion.
    rest = f"; {cpus:g} CPUs of {host.cpus:g}" if host.cpus else ""
    if memory <= most:
        summary = f"{size(memory)} of {size(has)} of {which}{rest}"
        return Verdict(measured=tuple(measured), summary=summary)
    message = f"the memory limits add up to {size(memory)}, and {which} has {size(has)}, of which {size(most)} may be promised"
    if host is not declared:
        raise Inconclusive(
            f"{message}; nobody says on which machine the stack runs in production",
            supply="resources:\n  host: {cpus: 4, memory: 16G}",
            undeclared="resources.host",
        )
    parts = ", ".join(f"{c.service} {size(c.memory_bytes or 0)}" for c in judged)
    return Verdict(
        findings=(Finding(message=message, evidence=(Evidence(source="memory limits in force", text=parts),)),),
        measured=tuple(measured),
    )


def _this_machine(at_rest: ContainersAtRest) -> Amount:
    """What the engine's machine has, as seen from inside a container.

    Raises:
        Inconclusive: nothing could look.
    """
    group = next((group for group in at_rest.groups if group.machine_memory_bytes), None)
    if group is None:
        raise Inconclusive(
            "nobody says how much memory the machine has, and no container could look",
            supply="resources:\n  host: {cpus: 4, memory: 16G}",
            undeclared="resources.host",
        )
    return Amount(cpus=float(group.machine_cpus) or None, memory_bytes=group.machine_memory_bytes)
