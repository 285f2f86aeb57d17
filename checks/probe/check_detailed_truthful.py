"""The detailed report says of each component what is true."""

from __future__ import annotations

from readiness import Category, Finding, Inconclusive, Severity, Verdict, check
from readiness.facts.probe_body import Says
from readiness.facts.probes import BackendOutages, Outage
from readiness.probes.components import reporting_probe, untested, watched_outages
from readiness.probes.outages import evidence_of, is_stale, misnamed, pass_or_fail, service_of_component, settled_body
from readiness.target import Target


@check(
    id="probe.detailed_truthful",
    category=Category.PROBE,
    severity=Severity.MEDIUM,
    title="The detailed report calls exactly the lost component unhealthy",
    why="During an incident it decides where people look; a component that is always healthy sends them elsewhere.",
    source="Claims ledger, probe.detailed_truthful (myragdb, memorai, brain)",
    remediation="Derive each component's status from a check made for this answer, and from nothing else.",
    seeds=("myragdb", "memorai", "brain"),
    defects=("detailed-lies",),
)
def check_detailed_truthful(
    database_outage: Outage, cache_outage: Outage, backend_outages: BackendOutages, target: Target
) -> Verdict:
    """Judge the components of the last answer in each outage; the overall status is probe.aggregates_backends's."""
    probe = reporting_probe(target)
    findings: list[Finding] = []
    truthful: list[str] = []
    watched = list(watched_outages(target, probe, database_outage, cache_outage, backend_outages))
    for outage, course in watched:
        assert course.settled is not None  # noqa: S101  # watched_outages() yields nothing else
        body = settled_body(course)
        lost = [
            component
            for component in body.components
            if set(service_of_component(target, probe, component.name)) & set(outage.services)
        ]
        if not lost or all(component.says is Says.UNKNOWN for component in lost):
            raise Inconclusive(f"{probe.path} gave no state of {outage.services[0]} while it was stopped")
        if outage.stopped is not None and is_stale(course.settled, outage.stopped):
            raise Inconclusive(f"{probe.path} repeated an answer from before {outage.services[0]} was stopped")
        proof = (evidence_of(course.timeline, course.settled, f"after {outage.services[0]} had stopped"),)
        wrong = list(misnamed(target, probe, outage, course))
        findings += [Finding(message=f"{probe.path}: {error}", evidence=proof) for error in wrong]
        if not wrong:
            truthful.append(f"{outage.services[0]} stopped: {lost[0].name} {lost[0].status}")
    if left := untested(target, probe, outages=(outage for outage, _ in watched), others=backend_outages):
        truthful.append(f"not tested: {left}")
    return pass_or_fail(findings, "; ".join(truthful))
