"""A busy loop stays inside its container."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from readiness import Category, Evidence, Finding, Inconclusive, Measurement, NotApplicable, Severity, Verdict, check
from readiness.containers.figures import cpus_of
from readiness.declared.resources import resources_of
from readiness.facts.container_trials import ContainersAtRest, CpuTrial, CpuTrials
from readiness.facts.containers import Container
from readiness.facts.model import StackModel
from readiness.target import Target


@dataclass(frozen=True, kw_only=True)
class HogLimits:
    """What a container that wants everything may get, and cost others."""

    used_ratio: float = 1.05  # ledger, compose.cpu_limit_contains: its usage is its limit, and 5 %
    # One period of the kernel's accounting in forty, at the begin and at the end of the look.
    slack_cpus: float = 0.05
    latency_ratio: float = 2.0  # ledger: p95 within twice the baseline
    slack_seconds: float = 0.1  # twice of nothing is nothing; below this nobody waits
    # Who could not even use half of its limit was held back by others, not by the limit.
    least_ratio: float = 0.5
    load_per_cpu: float = 3.0


@check(
    id="compose.cpu_limit_contains",
    category=Category.COMPOSE,
    severity=Severity.MEDIUM,
    title="A container that wants every processor gets its limit and no more, and the others are served as before",
    why="One report, one import or one endless loop otherwise makes every request of every user slow.",
    source="Claims ledger, compose.cpu_limit_contains; Docker documentation, Resource constraints (CFS quota)",
    remediation="Give each service a CPU limit below what the machine has, the batch work above all.",
    seeds=("brainda",),
    defects=("worker-may-take-every-processor",),
)
def check_cpu_limit_contains(
    container_cpu: CpuTrials,
    containers_at_rest: ContainersAtRest,
    stack_model: StackModel,
    target: Target,
    limits: HogLimits,
) -> Verdict:
    """Judge each container with a limit while busy loops ran in it, and each limit against the declared machine."""
    limited = [c for c in containers_at_rest.containers if c.cpus is not None and c.number == 1]
    if not limited:
        raise NotApplicable("no container has a CPU limit that could hold anything (see compose.limits_set)")
    findings = [*_too_wide(limited, containers_at_rest, stack_model, target)]
    doubts: list[str] = []
    measured: list[Measurement] = []
    for trial in container_cpu.trials:
        if trial.problem:
            doubts.append(f"{trial.service}: {trial.problem}")
        elif trial.limit_cpus >= trial.machine_cpus:
            doubts.append(f"{trial.service} may take all {trial.machine_cpus} processors of this machine")
        elif trial.used_cpus < limits.least_ratio * trial.limit_cpus:
            used = f"{trial.used_cpus:g} of {trial.limit_cpus:g} processors"
            doubts.append(f"{trial.service} could use {used} only: this machine was too busy to tell")
        else:
            at_most = trial.limit_cpus * limits.used_ratio + limits.slack_cpus
            name = f"processors used by {trial.service}"
            measured.append(Measurement(name=name, value=trial.used_cpus, unit="count", at_most=round(at_most, 3)))
            findings += _slow(trial, container_cpu.load_per_cpu, limits, doubts)
    if not measured and not findings:
        raise Inconclusive(f"no CPU limit could be tried: {'; '.join(doubts) or 'no container with one runs'}")
    tried = ", ".join(m.name.removeprefix("processors used by ") for m in measured)
    summary = "; ".join([f"busy loops in {tried}", *(f"not told: {doubt}" for doubt in doubts)])
    return Verdict(findings=tuple(findings), measured=tuple(measured), summary=summary)


def _too_wide(
    containers: list[Container], at_rest: ContainersAtRest, model: StackModel, target: Target
) -> Iterator[Finding]:
    """Limits of the owner's that no machine of theirs reaches: the copy lowers them, so loops here would show nothing."""
    host = resources_of(target).host
    for container in containers:
        cpus = cpus_of(container, model, at_rest.group(container.service))
        if host is not None and host.cpus is not None and cpus is not None and cpus > host.cpus:
            proof = Evidence(source=f"CPU limit of {container.service}", text=f"{cpus:g}; the host has {host.cpus:g}")
            message = f"{container.service} may take every processor of the declared host, and more"
            yield Finding(message=message, evidence=(proof,))


def _slow(trial: CpuTrial, load_per_cpu: float, limits: HogLimits, doubts: list[str]) -> Iterator[Finding]:
    rest, busy = trial.rest_p95_seconds, trial.busy_p95_seconds
    if rest is None or busy is None or busy <= max(rest * limits.latency_ratio, rest + limits.slack_seconds):
        return
    words = f"p95 {busy * 1000:.0f} ms of {trial.requests} requests, {rest * 1000:.0f} ms at rest"
    if load_per_cpu > limits.load_per_cpu:
        doubts.append(f"requests beside {trial.service}: {words}, and this machine was too busy to tell")
        return
    proof = Evidence(source=f"busy loops in {trial.service}", text=words)
    yield Finding(message=f"requests wait while {trial.service} is busy", evidence=(proof,))
