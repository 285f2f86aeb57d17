"""The detailed report names every component, its state and, for the stores, its latency."""

from __future__ import annotations

import re

from readiness import Category, Finding, Inconclusive, NotApplicable, Severity, Verdict, check
from readiness.facts.probe_body import Component, Says
from readiness.facts.probes import ProbeBaseline
from readiness.probes.outages import NAMES, pass_or_fail
from readiness.probes.rest import answers_of, bodies_of, proof_of
from readiness.target import Probe, ProbeKind, Role, Target

LATENCY = re.compile(r"latency|response_?time|duration", re.IGNORECASE)


@check(
    id="probe.detailed",
    category=Category.PROBE,
    severity=Severity.LOW,
    title="The detailed report lists every component with its state, and the stores with their latency",
    why="It is what people and dashboards read during an incident; a component that is not listed is not looked at.",
    source="Claims ledger, probe.detailed (memorai)",
    remediation="Report every dependency with status and measured latency.",
    seeds=("memorai",),
    defects=("detailed-omits-latency",),
)
def check_detailed(probe_baseline: ProbeBaseline, target: Target) -> Verdict:
    """Judge the declared ``components``, else those listed; latency where it is declared or any component has one."""
    probe = target.probe(ProbeKind.DETAILED)
    answers = answers_of(probe_baseline, probe)
    answer, body = bodies_of(answers, probe)[-1]
    if not probe.components and not body.components:
        raise NotApplicable(f"{probe.path} lists no components, and none are declared")
    proof = (proof_of(answers, answer),)
    findings = [
        Finding(message=f"{probe.path} does not list {name}", evidence=proof)
        for name in probe.components
        if body.component(name) is None
    ]
    judged = [c for c in body.components if not probe.components or c.name in probe.components]
    findings += [
        Finding(message=f"{probe.path} gives no state of {component.name}", evidence=proof)
        for component in judged
        if not component.status
    ]
    stores = [component for component in judged if _is_store(target, probe, component)]
    wants_latency = any(LATENCY.search(name) for name in probe.reports) or any(c.latency is not None for c in judged)
    for component in stores if wants_latency else ():
        if component.latency is None and component.says is Says.HEALTHY:
            findings.append(Finding(message=f"{probe.path} gives no latency of {component.name}", evidence=proof))
        elif component.latency is not None and component.latency < 0:
            text = f"{probe.path} gives {component.latency:g} as the latency of {component.name}"
            findings.append(Finding(message=text, evidence=proof))
    if not findings and (zero := next((c for c in stores if c.latency == 0), None)):
        raise Inconclusive(f"{probe.path} gives 0 as the latency of {zero.name}: rounded down, or not measured")
    shown = ", ".join(f"{c.name} {c.status}" + (f" ({c.latency:g})" if c.latency is not None else "") for c in judged)
    note = "" if wants_latency or not stores else "; latency is neither declared nor announced"
    return pass_or_fail(findings, f"{probe.path}: {shown}{note}")


def _is_store(target: Target, probe: Probe, component: Component) -> bool:
    service = probe.components.get(component.name)
    if service is not None:
        return any(service in target.services_of(role) for role in (Role.DB, Role.REDIS))
    return any(component.name.lower() in names for names in NAMES.values())
