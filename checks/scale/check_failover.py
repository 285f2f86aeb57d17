"""The loss of one replica costs no more than the requests that it was answering."""

from __future__ import annotations

from dataclasses import replace

from readiness import Category, Inconclusive, Severity, Verdict, check
from readiness.facts.scaled import ScaledStack
from readiness.scaling.loads import finding_of, measured_of, require_load
from readiness.target import Target


@check(
    id="scale.failover",
    category=Category.SCALE,
    severity=Severity.MEDIUM,
    title="One of two replicas is killed, and the other one serves all requests from then on",
    why="A second replica that does not take over is no availability, only another bill.",
    source="Claims ledger, scale.failover (myragdb)",
    remediation="Let the proxy ask another replica where one does not answer, with a short connect timeout.",
    defects=("proxy-never-retries",),
)
def check_failover(scaled_stack: ScaledStack, target: Target) -> Verdict:
    """Judge the requests that were sent after the kill; those under way at that moment may be lost with the replica."""
    phase = require_load(scaled_stack, scaled_stack.crash, target)
    killed = scaled_stack.killed
    if killed is None:
        raise Inconclusive("no replica was killed")
    late = tuple(failure for failure in phase.failures if failure.sent_seconds >= killed.gone_seconds)
    later = replace(phase, failures=late, failed=len(late) if len(late) < len(phase.failures) else phase.failed)
    return Verdict(
        findings=[finding_of(scaled_stack, later)] if late else [],
        measured=measured_of(later),
        summary=f"{phase.served} of {phase.sent} requests were served after one of {scaled_stack.replicas} replicas was killed",
    )
