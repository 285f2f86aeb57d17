"""Probes that fell with a dependency come back with it, by themselves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from readiness import Category, Finding, Inconclusive, Measurement, NotApplicable, Severity, Verdict, check
from readiness.facts.probes import Outage, Phase
from readiness.probes.outages import course_of, evidence_of, is_stale, outages_with, was_well, words_for
from readiness.target import Probe, ProbeKind, Target


@dataclass(frozen=True, kw_only=True)
class RecoveryLimits:
    """How soon a probe must be back."""

    seconds: float = 30.0  # the ledger's figure (probe.recovers), from the dependency's own readiness on


@check(
    id="probe.recovers",
    category=Category.PROBE,
    severity=Severity.HIGH,
    title="Probes return by themselves when the dependency does",
    why="Otherwise every short outage of a store ends with somebody restarting every instance by hand.",
    source="Claims ledger, probe.recovers; Kubernetes documentation, readiness probes",
    remediation="Open a fresh connection after a failure; never latch a failed check; set pool_pre_ping or its like.",
    seeds=("memorai", "brain", "aistack"),
    defects=("ready-never-recovers",),
)
def check_recovers(database_outage: Outage, cache_outage: Outage, target: Target, limits: RecoveryLimits) -> Verdict:
    """Judge every probe that fell, after a stop and after a hang; one that never fell proves nothing here."""
    findings: list[Finding] = []
    measured: list[Measurement] = []
    doubts: list[str] = []
    outages = outages_with(database_outage, cache_outage)
    for outage in outages:
        findings += _restarts(target, outage)
        for probe in target.probes.values():
            if outage.before is None or outage.before.of(probe.kind) is None or not _is_premise(probe, outage):
                continue
            for lost, back, what in (
                (outage.stopped, outage.recovery, "stopped and started again"),
                (outage.paused, outage.resumed, "frozen and thawed"),
            ):
                _judge(probe, outage, lost, back, what, limits, findings, measured, doubts)
    if doubts and not findings:
        raise Inconclusive(
            "; ".join(doubts), supply="probes:\n  KIND: {path: …, cache_seconds: HOW_LONG_AN_ANSWER_IS_REUSED}"
        )
    if not measured and not findings:
        if not outages:
            raise NotApplicable("the stack has neither a database nor a Redis whose return could be waited for")
        raise NotApplicable("premise failed: no probe fell while a dependency was away, so none could come back")
    slowest = max(measured, key=lambda m: m.value, default=None)
    summary = (
        f"{len(measured)} returns watched; the slowest: {slowest.name} after {slowest.value:.1f} s" if slowest else ""
    )
    return Verdict(findings=tuple(findings), measured=tuple(measured), summary=summary)


def _is_premise(probe: Probe, outage: Outage) -> bool:
    try:
        return was_well(probe, outage)
    except Inconclusive:
        return False  # a limiter or a login answers instead of the probe: nothing to wait for


def _judge(  # noqa: PLR0917  # the two sides of one return, its words and where results go
    probe: Probe,
    outage: Outage,
    lost: Phase | None,
    back: Phase | None,
    what: str,
    limits: RecoveryLimits,
    findings: list[Finding],
    measured: list[Measurement],
    doubts: list[str],
) -> None:
    fallen, course = course_of(probe, lost), course_of(probe, back)
    if fallen is None or not fallen.has_fallen or course is None or course.settled is None or back is None:
        return
    words = words_for(outage.role)
    # How long this one may repeat an answer is judged by probe.cache_10s, and only there.
    is_reuse_judged = probe.kind is ProbeKind.BASIC
    ready = (outage.dependency_ready_seconds or 0.0) if back is outage.recovery else 0.0
    if course.has_fallen:
        waited = back.seconds - ready
        if is_stale(course.settled, back):
            if not is_reuse_judged:
                doubts.append(f"{probe.path} repeats an answer from before {waited:.0f} s after the {words} was {what}")
            return
        if waited < limits.seconds + probe.cache_seconds:
            doubts.append(f"{probe.path} was watched for only {waited:.0f} s after the {words} was {what}")
            return
        message = f"{probe.path} is not back {waited:.0f} s after the {words} was {what}"
        proof = evidence_of(course.timeline, course.settled, f"after the {words} ran again")
        findings.append(Finding(message=message, evidence=(proof,)))
        return
    nos = [span for span in course.timeline.spans if span.last_seconds >= 0 and span is not course.settled]
    last_no = max((span.last_seconds for span in nos if _is_no(probe, span.status)), default=0.0)
    name = f"{probe.kind} back, {words} {what}"
    if course.last_yes is None and course.last_stale_yes is not None:
        return
    took, at_most = round(max(0.0, last_no - ready), 2), limits.seconds + probe.cache_seconds
    is_by_reuse = any(is_stale(span, back) for span in nos)
    if is_by_reuse and not is_reuse_judged and took > at_most:
        doubts.append(f"{probe.path} repeated an answer from before for {took:.0f} s after the {words} was {what}")
    measured.append(Measurement(name=name, value=took, unit="s", at_most=None if is_by_reuse else at_most))


def _is_no(probe: Probe, status: int | None) -> bool:
    return status is None or status not in probe.expect


def _restarts(target: Target, outage: Outage) -> Iterator[Finding]:
    """Whether the service under audit is still the same instance at the end of each phase."""
    service = target.service
    if service is None or outage.before is None or service in outage.services:
        return
    known = outage.before.state(service)
    for phase, name in ((outage.stopped, "while"), (outage.recovery, "after")):
        state = phase.state(service) if phase else None
        if known is not None and state is not None and state.identity != known.identity:
            words = words_for(outage.role)
            yield Finding(
                message=f"{service} was restarted {name} the {words} was away: started {known.started_at}, then "
                f"{state.started_at} (restarts: {state.restarts})"
            )
            return
