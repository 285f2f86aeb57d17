"""Reports per component during outages: which probe gives them, and which outages they can be held against."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from readiness.facts.probe_body import HealthBody, read_body
from readiness.facts.probes import BackendOutages, Outage
from readiness.probes.outages import Course, course_of, outages_with, service_of_component
from readiness.target import Probe, ProbeKind, Target
from readiness.verdict import Inconclusive, NotApplicable

__all__ = ["body_at_rest", "reporting_probe", "untested", "watched_outages"]


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
        Inconclusive: it told nothing while something was lost, or nothing that it is declared to report on could be.
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
    if not found and probe.components:
        raise Inconclusive(
            f"none of the components that {probe.path} reports on could be tested: "
            f"{untested(target, probe, outages=(), others=others)}"
        )
    if not found:
        stopped = ", ".join(service for outage in outages for service in outage.services) or "nothing"
        raise NotApplicable(f"{probe.path} reports on no component that this stack could lose (stopped: {stopped})")


def untested(target: Target, probe: Probe, *, outages: Iterable[Outage], others: BackendOutages) -> str:
    """The components that no outage could be held against, each with the reason; empty where all were."""
    lost = tuple(outages)
    reported = [component.name for outage in lost for component in body_at_rest(probe, outage).components]
    stopped = {service for outage in lost for service in outage.services}
    names = [
        name
        for name in dict.fromkeys([*probe.components, *reported])
        if not set(service_of_component(target, probe, name)) & stopped
    ]
    unknown = "it stands for no service that was stopped"
    return ", ".join(f"{name} ({others.not_stoppable.get(name, unknown)})" for name in names)
