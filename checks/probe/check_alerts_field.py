"""Active problems are listed as alerts, and leave the list when they are over."""

from __future__ import annotations

import re

from readiness import Category, Finding, Inconclusive, NotApplicable, Severity, Verdict, check
from readiness.facts.probe_body import read_body
from readiness.facts.probes import Outage
from readiness.probes.components import body_at_rest
from readiness.probes.outages import course_of, evidence_of, is_stale, outages_with, pass_or_fail, settled_body
from readiness.target import Probe, ProbeKind, Target

#: Where such a list may be; the first probe that has one is judged.
KINDS = (ProbeKind.DETAILED, ProbeKind.HEALTH, ProbeKind.BASIC, ProbeKind.READY)


@check(
    id="probe.alerts_field",
    category=Category.PROBE,
    severity=Severity.LOW,
    title="The health answer's alerts list an outage while it lasts",
    why="A list that is always empty is read as 'no problems' by the dashboards that show it.",
    source="Claims ledger, probe.alerts_field (myragdb)",
    remediation="Fill the list from the failing components of the same answer, or leave the field out.",
    seeds=("myragdb",),
    defects=("alerts-empty",),
)
def check_alerts_field(database_outage: Outage, cache_outage: Outage, target: Target) -> Verdict:
    """Judge the list in the first outage that there is: longer than at rest, and as at rest afterwards."""
    target.require("probes", target.probes, example="probes:\n  detailed: {path: /health/detailed, reports: [alerts]}")
    outages = outages_with(database_outage, cache_outage)
    if not outages:
        raise NotApplicable("the stack has neither a database nor a Redis that could be away")
    probe = _probe(target, outages[0])
    findings: list[Finding] = []
    seen: list[str] = []
    for outage in outages:
        service = outage.services[0]
        if probe.components and service not in probe.components.values():
            continue
        before = body_at_rest(probe, outage).alerts
        course = course_of(probe, outage.stopped)
        if course is None or course.settled is None or (outage.stopped and is_stale(course.settled, outage.stopped)):
            raise Inconclusive(f"{probe.path} told nothing new while {service} was stopped")
        during = settled_body(course).alerts
        proof = (evidence_of(course.timeline, course.settled, f"after {service} had stopped"),)
        if before is None and during is None:
            findings.append(Finding(message=f"{probe.path} has no alerts, which are declared", evidence=proof))
            break
        if not _new(before, during):
            findings.append(Finding(message=f"{probe.path} lists no alert while {service} is stopped", evidence=proof))
            continue
        seen.append(f"{service} stopped: {(during or ('',))[0][:120]}")
        findings += _left(probe, outage, before or (), during or ())
    if not seen and not findings:
        raise NotApplicable(f"{probe.path} is declared to watch nothing that was stopped")
    return pass_or_fail(findings, "; ".join(seen))


def _probe(target: Target, outage: Outage) -> Probe:
    candidates = [target.probes[kind] for kind in KINDS if kind in target.probes]
    declaring = [probe for probe in candidates if "alerts" in probe.reports]
    announcing = [probe for probe in candidates if body_at_rest(probe, outage).alerts is not None]
    if not declaring and not announcing:
        paths = ", ".join(probe.path for probe in candidates) or "no probe"
        raise NotApplicable(f"the answer has no alerts and none are declared ({paths})")
    return (declaring or announcing)[0]


def _left(probe: Probe, outage: Outage, before: tuple[str, ...], during: tuple[str, ...]) -> list[Finding]:
    """An alert of the outage that is still listed when the dependency is back."""
    course = course_of(probe, outage.recovery)
    if course is None or course.settled is None or outage.recovery is None or is_stale(course.settled, outage.recovery):
        return []
    after = read_body(course.settled.last_body or course.settled.body).alerts or ()
    left = _new(before, during) & _new((), after)
    if not left:
        return []
    proof = evidence_of(course.timeline, course.settled, f"after {outage.services[0]} ran again")
    return [Finding(message=f"{probe.path} still lists {min(left)[:120]!r} after the return", evidence=(proof,))]


def _new(before: tuple[str, ...] | None, after: tuple[str, ...] | None) -> set[str]:
    """Alerts of ``after`` that were not there before; the figures in them (times, counts) do not make a new one."""
    return {re.sub(r"\d+", "0", alert) for alert in after or ()} - {
        re.sub(r"\d+", "0", alert) for alert in before or ()
    }
