"""Low disk space and high memory usage make the health endpoint say 503."""

from __future__ import annotations

from collections.abc import Iterator

from readiness import Category, Finding, Inconclusive, NotApplicable, Severity, Verdict, check
from readiness.facts.probe_body import read_body
from readiness.facts.probes import Pressure, ProbeBaseline, ResourcePressure
from readiness.probes.outages import course_of, evidence_of, pass_or_fail
from readiness.probes.standing import Standing, standing
from readiness.target import Probe, ProbeKind, Target


@check(
    id="probe.disk_memory",
    category=Category.PROBE,
    severity=Severity.LOW,
    title="The health endpoint answers 503 while its disk is full or its memory used up, and recovers",
    why="An instance that can write nothing keeps receiving traffic until its database or its logs break.",
    source="Claims ledger, probe.disk_memory (memorai)",
    remediation="Compare free disk space and the control group's memory usage with a threshold in the health check.",
    seeds=("memorai",),
    defects=("disk-memory-ignored",),
)
def check_disk_memory(resource_pressure: ResourcePressure, probe_baseline: ProbeBaseline, target: Target) -> Verdict:
    """Judge each resource that the probe is declared to watch."""
    probe = target.probe(ProbeKind.BASIC)
    if not probe.disk and not probe.memory:
        _stop_undeclared(probe, probe_baseline)
    findings: list[Finding] = []
    sentences: list[str] = []
    doubts: list[str] = []
    for resource, declared in (("disk", probe.disk), ("memory", probe.memory)):
        if not declared:
            continue
        pressure = resource_pressure.of(resource)
        if pressure is None or pressure.problem:
            doubts.append(pressure.problem if pressure else f"no pressure on the {resource} was recorded")
            continue
        findings += _judge(probe, pressure, sentences, doubts)
    if not findings and doubts:
        raise Inconclusive("; ".join(doubts))
    return pass_or_fail(findings, "; ".join(sentences))


def _stop_undeclared(probe: Probe, baseline: ProbeBaseline) -> None:
    answers = baseline.of(probe.kind)
    body = read_body(answers.answers[-1].body if answers and answers.answers else "")
    for name in ("disk", "memory"):
        if any(name in component.name.lower() for component in body.components):
            raise Inconclusive(
                f"{probe.path} reports {name}, and nobody says whose",
                supply=f"probes:\n  basic: {{path: {probe.path}, disk: {{service: NAME, path: /data}}, memory: {{service: NAME}}}}",
                undeclared=f"probes.basic.{name}",
            )
    raise NotApplicable(f"{probe.path} reports neither disk nor memory, and neither is declared")


def _judge(probe: Probe, pressure: Pressure, sentences: list[str], doubts: list[str]) -> Iterator[Finding]:
    what = "disk full" if pressure.resource == "disk" else "memory used up"
    before, under, freed = (course_of(probe, phase) for phase in (pressure.before, pressure.under, pressure.freed))
    if before is None or under is None or freed is None or before.says is not Standing.YES:
        doubts.append(f"{probe.path} did not say yes in the stack made for this, so its fall would show nothing")
        return
    if under.settled is None or freed.settled is None:
        doubts.append(f"{probe.path} told nothing with the {what}: {under.unusable or freed.unusable}")
        return
    full = f"{what} ({pressure.used_ratio:.1%})" if pressure.used_ratio is not None else what
    state = pressure.under.state(pressure.service) if pressure.under else None
    known = pressure.before.state(pressure.service) if pressure.before else None
    if state is not None and known is not None and state.identity != known.identity:
        doubts.append(f"{pressure.service} was restarted under the pressure, so its answers show a start")
    elif not under.has_fallen and under.last_yes is None:
        doubts.append(
            f"{probe.path} repeated an answer from before for {under.last_stale_yes or 0:.0f} s with the {what}"
        )
    elif standing(probe, under.settled) is not Standing.NO:
        proof = evidence_of(under.timeline, under.settled, f"after the {pressure.resource} was used up")
        said = under.settled.status if under.settled.status is not None else "nothing"
        yield Finding(message=f"{probe.path} says {said} with the {full}", evidence=(proof,))
    elif freed.has_fallen:
        proof = evidence_of(freed.timeline, freed.settled, f"after the {pressure.resource} was free again")
        yield Finding(
            message=f"{probe.path} stays {freed.settled.status} after the {pressure.resource} is free again",
            evidence=(proof,),
        )
    else:
        sentences.append(f"{full}: {under.settled.status}, free again: {freed.settled.status}")
