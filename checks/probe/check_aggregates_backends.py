"""The overall status follows the backends."""

from __future__ import annotations

from readiness import Category, Finding, Inconclusive, Severity, Verdict, check
from readiness.facts.probes import BackendOutages, Outage
from readiness.probes.components import reporting_probe, untested, watched_outages
from readiness.probes.outages import course_of, evidence_of, is_stale, pass_or_fail, settled_body
from readiness.probes.standing import admits_fault
from readiness.target import Target


@check(
    id="probe.aggregates_backends",
    category=Category.PROBE,
    severity=Severity.HIGH,
    title="The overall status is ok only while every backend is, and ok again afterwards",
    why="Whoever reads the one word at the top is told that all is well while a backend is gone.",
    source="Claims ledger, probe.aggregates_backends (aistack)",
    remediation="Compute the overall status from the components of the same answer.",
    seeds=("aistack",),
    defects=("detailed-overall-ok",),
)
def check_aggregates_backends(
    database_outage: Outage, cache_outage: Outage, backend_outages: BackendOutages, target: Target
) -> Verdict:
    """Judge the status word (else the HTTP status) in each outage and after it; not the single components."""
    probe = reporting_probe(target)
    findings: list[Finding] = []
    followed: list[str] = []
    watched = list(watched_outages(target, probe, database_outage, cache_outage, backend_outages))
    for outage, course in watched:
        assert course.settled is not None  # noqa: S101  # watched_outages() yields nothing else
        service = outage.services[0]
        before = outage.before.of(probe.kind) if outage.before else None
        if before is None or not before.spans or admits_fault(probe, before.spans[-1]):
            raise Inconclusive(
                f"{probe.path} admitted a fault before {service} was stopped, so the outage would add nothing"
            )
        if outage.stopped is not None and is_stale(course.settled, outage.stopped):
            raise Inconclusive(f"{probe.path} repeated an answer from before {service} was stopped")
        status = settled_body(course).status or course.settled.status
        if not admits_fault(probe, course.settled):
            proof = evidence_of(course.timeline, course.settled, f"after {service} had stopped")
            findings.append(
                Finding(message=f"{probe.path} says {status!r} overall while {service} is stopped", evidence=(proof,))
            )
            continue
        followed.append(f"{service} stopped: {status}")
        after = course_of(probe, outage.recovery)
        if after is not None and after.settled is not None and admits_fault(probe, after.settled):
            if outage.recovery is not None and is_stale(after.settled, outage.recovery):
                raise Inconclusive(f"{probe.path} repeated an answer from before {service} was back")
            proof = evidence_of(after.timeline, after.settled, f"after {service} ran again")
            findings.append(Finding(message=f"{probe.path} is not ok again after {service} is back", evidence=(proof,)))
    if left := untested(target, probe, outages=(outage for outage, _ in watched), others=backend_outages):
        followed.append(f"not tested: {left}")
    return pass_or_fail(findings, "; ".join(followed))
