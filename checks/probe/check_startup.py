"""The startup probe fails until the service has started."""

from __future__ import annotations

from readiness import Category, Finding, Inconclusive, NotApplicable, Severity, Verdict, check
from readiness.facts.probes import ColdStart
from readiness.probes.outages import course_of, evidence_of, pass_or_fail
from readiness.probes.standing import Standing, standing
from readiness.target import ProbeKind, Target


@check(
    id="probe.startup",
    category=Category.PROBE,
    severity=Severity.MEDIUM,
    title="The startup probe says no until the service has started, and yes from then on",
    why="It holds back the liveness probe; one that is always yes lets a slow start be killed half way, again and again.",
    source="Kubernetes documentation, Define startup probes; claims ledger, probe.startup",
    remediation="Set a flag at the end of the start (first successful dependency check, migrations, warm-up) and answer from it.",
    seeds=("brain",),
    defects=("startup-always-ok",),
)
def check_startup(cold_start: ColdStart, target: Target) -> Verdict:
    """Judge the first answers of a new instance while its database is away, and those after its return."""
    probe = target.probe(ProbeKind.STARTUP)
    if cold_start.without is None or cold_start.with_dependencies is None:
        reason = cold_start.not_done.get("startup", "no cold start was recorded")
        if not cold_start.dependencies and "no database" in reason:
            raise NotApplicable(reason)
        raise Inconclusive(reason)
    lost = " and ".join(cold_start.dependencies)
    without, after = course_of(probe, cold_start.without), course_of(probe, cold_start.with_dependencies)
    if without is None or after is None or after.settled is None:
        raise Inconclusive(f"{probe.path} could not be asked at a cold start")
    findings: list[Finding] = []
    if after.has_fallen:
        seconds = cold_start.with_dependencies.seconds
        proof = evidence_of(after.timeline, after.settled, f"after {lost} ran again")
        if after.says is Standing.SILENT and cold_start.exited:
            raise Inconclusive(f"{cold_start.service} ended without {lost} and did not come back in {seconds:.0f} s")
        findings.append(
            Finding(message=f"{probe.path} still says no {seconds:.0f} s after {lost} was back", evidence=(proof,))
        )
    early = [
        span for span in without.timeline.spans if span.last_seconds >= 0 and standing(probe, span) is Standing.YES
    ]
    if early:
        proof = evidence_of(without.timeline, early[0], f"after the new instance ran, {lost} stopped")
        if not set(probe.components.values()) & set(cold_start.dependencies):
            raise Inconclusive(
                f"{probe.path} says yes while {lost} is stopped; whether the start needs {lost} is not declared",
                supply=f"probes:\n  startup: {{path: {probe.path}, components: {{database: {cold_start.dependencies[0]}}}}}",
            )
        message = f"{probe.path} says yes {early[0].first_seconds:.1f} s after the start, before {lost} is there"
        findings.append(Finding(message=message, evidence=(proof,)))
    how = "ended by itself" if cold_start.exited else "said no"
    return pass_or_fail(findings, f"{cold_start.service} {how} without {lost}; {probe.path} says yes since its return")
