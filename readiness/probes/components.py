"""Reports per component during outages: which probe gives them, and which outages they can be held against."""

from __future__ import annotations

from collections.abc import Iterator

from readiness.facts.probe_body import HealthBody, read_body
from readiness.facts.probes import BackendOutages, Outage
from readiness.probes.outages import Course, course_of, outages_with, service_of_component
from readiness.target import Probe, ProbeKind, Target
from readiness.verdict import Inconclusive, NotApplicable

__all__ = ["body_at_rest", "reporting_probe", "watched_outages"]


def reporting_probe(target: Target) -> Probe:
    """The probe whose meaning is a report per component.

    Raises:
        NotApplicable, Inconclusive: none is declared.
    """
    health = target.probes.get(ProbeKind.HEALTH)
    if ProbeKind.DETAILED not in target.probes and health is not None and health.components:
        return health
    return target.probe(ProbeKind.DETAILED)


def body_at_rest(probe: Probe, outage: Outage) -> HealthBody:
    """What the probe reported before the outage; empty where it was not asked."""
    timeline = outage.before.of(probe.kind) if outage.before else None
    span = timeline.spans[-1] if timeline and timeline.spans else None
    return read_body((span.last_body or span.body) if span else "")


def watched_outages(
    target: Target, probe: Probe, database: Outage, cache: Outage, others: BackendOutages
) -> Iterator[tuple[Outage, Course]]:
    """The outages of what the probe reports on, with its course through each.

    Raises:
        NotApplicable: it reports on nothing that this stack could lose.
        Inconclusive: it told nothing while something was lost.
    """
    outages = outages_with(database, cache, *others.outages)
    found = False
    for outage in outages:
        rest = body_at_rest(probe, outage)
        names = {*probe.components, *(component.name for component in rest.components)}
        lost = [n for n in names if set(service_of_component(target, probe, n)) & set(outage.services)]
        if not lost:
            continue
        course = course_of(probe, outage.stopped)
        if course is None or course.settled is None:
            reason = course.unusable if course else "it was not asked"
            raise Inconclusive(f"{probe.path} told nothing while {outage.services[0]} was stopped: {reason}")
        found = True
        yield outage, course
    if not found:
        stopped = ", ".join(service for outage in outages for service in outage.services) or "nothing"
        raise NotApplicable(f"{probe.path} reports on no component that this stack could lose (stopped: {stopped})")
