"""Health results are reused for the declared time: not asked anew by every prober, and not kept longer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from readiness import Category, Evidence, Finding, Inconclusive, Measurement, NotApplicable, Severity, Verdict, check
from readiness.facts.probes import Outage, ProbeStorm, StoreCount
from readiness.probes.outages import MARGIN_SECONDS, course_of, evidence_of, outages_with, was_well, words_for
from readiness.target import Probe, ProbeKind, Target


@dataclass(frozen=True, kw_only=True)
class CacheLimits:
    """How much asking is too much, and how old too old."""

    # Two checks per process in a storm of half a cache time, eight processes, three commands a check: 48 of 500.
    reused_ratio: float = 0.1
    # No usual number of processes explains so many: 16 of them, four commands a check, each cache expiring once: 0.26.
    asked_ratio: float = 0.3
    # A request or two may be lost on any machine; more than a tenth of them refused is a limiter, and no storm.
    answered_ratio: float = 0.9
    check_seconds: float = 5.0  # what a check may take on top of the cache time: brain's longest probe timeout


@check(
    id="probe.cache_10s",
    category=Category.PROBE,
    severity=Severity.MEDIUM,
    title="Health results are cached for the declared time, and no longer",
    why="Uncached, every prober's question reaches the database, which many instances then kill; cached too long, it lies.",
    source="Claims ledger, probe.cache_10s (memorai)",
    remediation="Keep one measurement per process for the declared seconds, and measure again when it is older.",
    seeds=("memorai",),
    defects=("health-uncached", "health-stale"),
)
def check_cache_10s(
    probe_storm: ProbeStorm, database_outage: Outage, cache_outage: Outage, target: Target, limits: CacheLimits
) -> Verdict:
    """Judge what the stores counted during a storm, and how long an answer from before an outage was given."""
    probe = target.probe(ProbeKind.BASIC)
    example = f"probes:\n  basic: {{path: {probe.path}, cache_seconds: 10}}"
    target.require("probes.basic.cache_seconds", probe.cache_seconds, example=example)
    outages = outages_with(database_outage, cache_outage)
    findings: list[Finding] = []
    measured: list[Measurement] = []
    doubts: list[str] = []
    findings += _storm(probe, probe_storm, limits, measured, doubts)
    for outage in outages:
        findings += _age(probe, outage, limits, measured, doubts)
    if not findings and doubts:
        raise Inconclusive("; ".join(doubts))
    if not findings and not any(m.unit == "s" for m in measured):
        raise NotApplicable(
            "premise failed: the probe fell in no outage, so how long it repeats an answer shows nowhere"
        )
    summary = "; ".join(m.describe() for m in measured)
    return Verdict(findings=tuple(findings), measured=tuple(measured), summary=summary)


def _storm(
    probe: Probe, storm: ProbeStorm, limits: CacheLimits, measured: list[Measurement], doubts: list[str]
) -> Iterator[Finding]:
    answered = sum(count for status, count in storm.statuses.items() if status in map(str, probe.expect))
    if storm.sent == 0 or answered < limits.answered_ratio * storm.sent:
        said = ", ".join(f"{count} x {status}" for status, count in storm.statuses.items()) or "nothing was sent"
        doubts.append(f"the storm was not answered by the probe: {said}")
        return
    if not storm.counts:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in storm.not_counted.items())
        doubts.append(f"no store's work could be counted: {reasons or 'the stack has no store that counts'}")
        return
    for count in storm.counts:
        asked = max(0.0, count.storm - _background(count))
        ratio = asked / storm.sent
        shown = Measurement(name=f"{count.unit} of {count.service} per request", value=round(ratio, 3), unit="ratio")
        if ratio >= limits.asked_ratio:
            text = f"{storm.sent} requests to {probe.path} in {storm.seconds:.1f} s caused {asked:.0f} {count.unit} in {count.service}"
            proof = (
                f"{count.storm:.0f} in {count.storm_seconds:.1f} s of storm, "
                f"{count.quiet:.0f} in {count.quiet_seconds:.1f} s of quiet before it"
            )
            yield Finding(message=text, evidence=(Evidence(source=f"counted by {count.service}", text=proof),))
        elif ratio > limits.reused_ratio:
            doubts.append(
                f"{storm.sent} requests caused {asked:.0f} {count.unit} in {count.service}: neither cached nor asked each time"
            )
        else:
            measured.append(Measurement(name=shown.name, value=shown.value, unit="ratio", at_most=limits.reused_ratio))


def _background(count: StoreCount) -> float:
    """What other clients would have asked during the storm."""
    return count.quiet / count.quiet_seconds * count.storm_seconds if count.quiet_seconds else 0.0


def _age(
    probe: Probe, outage: Outage, limits: CacheLimits, measured: list[Measurement], doubts: list[str]
) -> Iterator[Finding]:
    words = words_for(outage.role)
    course = course_of(probe, outage.stopped)
    if course is None or course.settled is None or not was_well(probe, outage):
        return
    # A yes that describes the present ignores the dependency, which probe.basic_503 judges; a kept one is a matter of age.
    counted = (course.last_yes, course.last_stale_yes) if course.has_fallen else (course.last_stale_yes,)
    last = max((t for t in counted if t is not None), default=0.0)
    if not course.has_fallen and course.last_stale_yes is None:
        return
    at_most = probe.cache_seconds + limits.check_seconds
    when = f"after the {words} had stopped"
    if last > at_most + MARGIN_SECONDS:
        proof = evidence_of(course.timeline, course.settled, when)
        message = f"{probe.path} repeated its yes for {last:.0f} s {when}; {probe.cache_seconds:g} s are declared"
        yield Finding(message=message, evidence=(proof,))
    elif last > at_most:
        doubts.append(f"{probe.path} said yes until {last:.1f} s {when}; the limit is {at_most:g} s")
    elif course.has_fallen:
        measured.append(Measurement(name=f"last yes {when}", value=round(last, 2), unit="s", at_most=at_most))
