"""The stack comes up."""

from __future__ import annotations

from readiness import Category, Evidence, Finding, Inconclusive, Measurement, Severity, Verdict, check
from readiness.facts.start import FailureCause, ServiceStart, StackStart

#: Not the target's fault: this machine cannot, or this suite will not.
OURS = frozenset({FailureCause.HOST_CANNOT, FailureCause.REFUSED})
SHOWN_LINES = 15


@check(
    id="start.stack",
    category=Category.START,
    severity=Severity.CRITICAL,
    title="Every required service becomes ready",
    why="Nothing else that a guide promises is true of a stack that does not start as shipped.",
    source="Compose specification, depends_on and healthcheck",
    remediation="Start from a fresh clone with only the documented steps, and fix the first service that fails by itself.",
    defects=("wrong-database-password",),
)
def check_stack(stack_start: StackStart) -> Verdict:
    """Judge the start: services that fail by themselves are findings, those that wait for them are named beside."""
    total = Measurement(name="time to readiness", value=round(stack_start.seconds, 1), unit="s")
    if stack_start.is_up:
        count = len(stack_start.services)
        return Verdict(measured=(total,), summary=f"{count} services ready after {stack_start.seconds:.1f} s")
    failed = [service for service in stack_start.services if not service.is_ready]
    names = {service.service for service in failed}
    roots = [service for service in failed if not _only_waits(service, names)] or failed
    theirs = [service for service in roots if service.cause not in OURS]
    if not theirs:
        causes = {service.service for service in roots if service.cause is FailureCause.REFUSED}
        supply = next((c.supply for c in stack_start.refused if c.service in causes and c.supply), "")
        raise Inconclusive(_our_reason(stack_start, roots), supply=supply)
    findings = [_finding(service, [s.service for s in failed if service.service in s.needs]) for service in theirs]
    return Verdict(findings=tuple(findings), measured=(total,))


def _only_waits(service: ServiceStart, failed: set[str]) -> bool:
    """Whether it did nothing wrong but need one that failed."""
    is_waiting = service.cause in {None, FailureCause.DEPENDENCY_NOT_HEALTHY}
    return is_waiting and bool(set(service.needs) & failed)


def _our_reason(start: StackStart, roots: list[ServiceStart]) -> str:
    if roots:
        reasons = [f"{s.service}: {s.cause}{f' ({s.detail})' if s.detail else ''}" for s in roots]
        return f"the stack was not started for reasons outside the target: {'; '.join(reasons)}"
    if start.refused:
        reasons = [f"{change.service or 'the stack'}: {change.what} ({change.why})" for change in start.refused]
        return f"the model asks for what is not safe to run: {'; '.join(reasons)}"
    return f"nothing could be created: {start.problem.strip()[:1000] or 'no reason was reported'}"


def _finding(service: ServiceStart, waiting: list[str]) -> Finding:
    said = f"{service.service} does not become ready: {service.cause or FailureCause.UNKNOWN}"
    detail = f" ({service.detail})" if service.detail else ""
    exited = f"; exit code {service.exit_code}" if service.exit_code is not None else ""
    also = f"; {', '.join(waiting)} wait{'s' if len(waiting) == 1 else ''} for it" if waiting else ""
    evidence = [Evidence(source=f"state of {service.service}", text=_state(service))]
    if service.log_lines:
        lines = "\n".join(service.log_lines[-SHOWN_LINES:])
        evidence.append(Evidence(source=f"log of {service.service}", text=lines))
    if service.health_log:
        evidence.append(Evidence(source=f"health checks of {service.service}", text="\n".join(service.health_log[-3:])))
    return Finding(message=f"{said}{detail}{exited}{also}", evidence=tuple(evidence))


def _state(service: ServiceStart) -> str:
    health = f", {service.health}" if service.health else ""
    restarts = f", restarted {service.restarts} times" if service.restarts else ""
    return f"{service.state}{health}{restarts}"
