"""Containers come back by themselves, also after a reboot."""

from __future__ import annotations

from readiness import Category, Evidence, Finding, Measurement, Severity, Verdict, check
from readiness.containers.services import long_running
from readiness.facts.container_trials import ContainersAtRest
from readiness.facts.containers import Container
from readiness.facts.model import StackModel

#: What brings a container back after a crash and after the engine's own restart (Docker documentation, Start containers
#: automatically); ``on-failure`` "doesn't restart the container if the daemon restarts".
RETURNING = frozenset({"always", "unless-stopped"})


@check(
    id="compose.restart_policy",
    category=Category.COMPOSE,
    severity=Severity.HIGH,
    title="Every long-running container has a restart policy that outlives a reboot",
    why="After a crash at night, or a reboot for an update, the service stays down until somebody looks.",
    source="Claims ledger, compose.restart_policy; Docker documentation, Start containers automatically",
    remediation="restart: unless-stopped for every service that is there to stay.",
    seeds=("brainda",),
    defects=("worker-not-restarted",),
)
def check_restart_policy(containers_at_rest: ContainersAtRest, stack_model: StackModel) -> Verdict:
    """Judge the policy in force; jobs that end by design need none."""
    judged = long_running(containers_at_rest, stack_model)
    findings = tuple(_finding(container) for container in judged if container.restart not in RETURNING)
    by_policy: dict[str, list[str]] = {}
    for container in judged:
        by_policy.setdefault(container.restart, []).append(container.service)
    summary = "; ".join(f"{policy}: {', '.join(dict.fromkeys(names))}" for policy, names in sorted(by_policy.items()))
    measured = (Measurement(name="containers judged", value=len(judged), unit="count"),)
    return Verdict(findings=findings, measured=measured, summary=summary)


def _finding(container: Container) -> Finding:
    policy = container.restart + (f":{container.restart_at_most}" if container.restart_at_most else "")
    proof = Evidence(source=f"docker inspect of {container.service}", text=f"RestartPolicy {policy}")
    if container.restart == "on-failure":
        return Finding(message=f"{container.service} does not come back after a reboot ({policy})", evidence=(proof,))
    return Finding(
        message=f"{container.service} does not come back after a crash or a reboot ({policy})", evidence=(proof,)
    )
