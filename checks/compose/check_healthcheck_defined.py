"""The engine knows whether a container is well."""

from __future__ import annotations

from readiness import Category, Evidence, Finding, Measurement, Severity, Verdict, check
from readiness.containers.services import long_running
from readiness.facts.container_trials import ContainersAtRest
from readiness.facts.model import StackModel


@check(
    id="compose.healthcheck_defined",
    category=Category.COMPOSE,
    severity=Severity.MEDIUM,
    title="Every long-running container has a health check",
    why="Without one the engine takes a running process for a working one, and what depends on it starts too early.",
    source="Claims ledger, compose.healthcheck_defined; Compose specification, healthcheck",
    remediation="healthcheck: {test: …, interval: 30s, timeout: 3s, retries: 3, start_period: 30s}, in the file or in the image.",
    seeds=("aistack",),
    defects=("worker-without-health-check",),
)
def check_healthcheck_defined(containers_at_rest: ContainersAtRest, stack_model: StackModel) -> Verdict:
    """Judge the check in force, the image's own included; jobs that end by design need none."""
    judged = long_running(containers_at_rest, stack_model)
    findings = tuple(
        Finding(
            message=f"{container.service} has no health check",
            evidence=(Evidence(source=f"docker inspect of {container.service}", text="Config.Healthcheck: none"),),
        )
        for container in judged
        if container.health_check is None
    )
    checks = "; ".join(
        f"{c.service} every {c.health_check.interval_seconds:g} s, {c.health_check.retries} retries"
        for c in judged
        if c.health_check is not None
    )
    measured = (Measurement(name="containers judged", value=len(judged), unit="count"),)
    return Verdict(findings=findings, measured=measured, summary=checks, credit=1 - len(findings) / len(judged))
