"""Replacing the replicas one after the other loses no request."""

from __future__ import annotations

from readiness import Category, Finding, Severity, Verdict, check
from readiness.facts.scaled import ScaledStack
from readiness.scaling.loads import finding_of, measured_of, require_load
from readiness.target import Target


@check(
    id="drain.rolling_zero_downtime",
    category=Category.DRAIN,
    severity=Severity.MEDIUM,
    title="Two replicas are replaced one after the other, and no request through the proxy fails",
    why="Otherwise every update is an outage, short or long, and is put off until it hurts.",
    source="Claims ledger, drain.rolling_zero_downtime (brain); nginx documentation, proxy_next_upstream",
    remediation=(
        "Let the service finish open requests after its stop signal, let the proxy resolve the service's name again and "
        "again and ask another replica where one does not answer, and wait for health before the next one is replaced."
    ),
    seeds=("brain",),
    defects=("proxy-never-retries",),
)
def check_rolling_zero_downtime(scaled_stack: ScaledStack, target: Target) -> Verdict:
    """Judge the requests that were sent meanwhile; what fails at rest too is no matter of the update."""
    phase = require_load(scaled_stack, scaled_stack.roll, target)
    findings: list[Finding] = [finding_of(scaled_stack, phase)] if phase.failed else []
    by = " by Docker Swarm's update" if scaled_stack.engine == "swarm" else ""
    steps = ", ".join(
        f"replica {step.replica} from {step.at_seconds:g} s to {step.ready_seconds:g} s"
        for step in scaled_stack.steps
        if step.ready_seconds is not None
    )
    return Verdict(
        findings=findings,
        measured=measured_of(phase),
        summary=f"{phase.served} of {phase.sent} requests ({scaled_stack.request}) were served meanwhile{by}: {steps}",
    )
