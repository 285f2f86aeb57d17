"""A hanging dependency does not make a probe hang."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from readiness import Category, Finding, Inconclusive, Measurement, NotApplicable, Severity, Verdict, check
from readiness.facts.probes import Outage, Phase, Timeline
from readiness.probes.outages import course_of, evidence_of, is_stale, outages_with, pass_or_fail, was_well, words_for
from readiness.probes.standing import Standing
from readiness.target import Probe, ProbeKind, Target


@dataclass(frozen=True, kw_only=True)
class HangLimits:
    """A prober's patience per kind of probe, where the target declares none."""

    seconds: dict[str, float] = field(
        # brain: readiness and startup 3 s, liveness 5 s; memorai: container health check 10 s (probe.hang_bounded).
        default_factory=lambda: {"ready": 3.0, "startup": 3.0, "live": 5.0}
    )
    longest_seconds: float = (
        10.0  # the most patient prober of the seeds; no default of Kubernetes or Docker waits longer
    )


@check(
    id="probe.hang_bounded",
    category=Category.PROBE,
    severity=Severity.HIGH,
    title="Probes answer in time while a dependency hangs",
    why="A dependency that hangs instead of refusing is common (full disk, lock, lost route); probers then get nothing.",
    source="Claims ledger, probe.hang_bounded; Kubernetes documentation, timeoutSeconds",
    remediation="Bound every check inside the probe below the prober's timeout, connection and cancellation included.",
    seeds=("memorai", "brain"),
    defects=("ready-hangs",),
)
def check_hang_bounded(database_outage: Outage, cache_outage: Outage, target: Target, limits: HangLimits) -> Verdict:
    """Judge the frozen phase: every probe in time, and a probe that falls with a stopped dependency falls here too."""
    outages = outages_with(database_outage, cache_outage)
    if not outages:
        raise NotApplicable("the stack has neither a database nor a Redis that could hang")
    if missing := [outage for outage in outages if outage.paused is None]:
        reason = missing[0].not_done.get("paused", "no reason was recorded")
        raise Inconclusive(f"the {words_for(missing[0].role)} could not be frozen: {reason}")
    findings: list[Finding] = []
    measured: list[Measurement] = []
    doubts: list[str] = []
    for outage in outages:
        for probe in target.probes.values():
            timeline = outage.paused.of(probe.kind) if outage.paused else None
            if outage.paused is not None and timeline is not None and _is_usable(probe, outage):
                findings += _judge(probe, outage, outage.paused, timeline, limits, measured, doubts)
    if not measured and not findings and not doubts:
        raise Inconclusive("no probe said yes at rest, so none could be watched while a dependency hangs")
    if doubts and not findings:
        raise Inconclusive("; ".join(doubts), supply="probes:\n  KIND: {path: …, timeout_seconds: THE_PROBERS_TIMEOUT}")
    slowest = max(measured, key=lambda m: m.value, default=None)
    summary = f"the slowest answer took {slowest.value:.2f} s ({slowest.name})" if slowest else ""
    return Verdict(findings=pass_or_fail(findings, "").findings, measured=tuple(measured), summary=summary)


def _is_usable(probe: Probe, outage: Outage) -> bool:
    try:
        return was_well(probe, outage)
    except Inconclusive:
        return False  # a limiter or a login answers instead of the probe


def _judge(  # noqa: PLR0917  # one probe in one phase, and where results go
    probe: Probe,
    outage: Outage,
    phase: Phase,
    timeline: Timeline,
    limits: HangLimits,
    measured: list[Measurement],
    doubts: list[str],
) -> Iterator[Finding]:
    words = words_for(outage.role)
    course = course_of(probe, phase)
    spans = [span for span in timeline.spans if span.last_seconds >= 0]
    if course is None or course.settled is None or not spans:
        return
    slowest = max(spans, key=lambda span: span.slowest_seconds)
    patience = probe.timeout_seconds or limits.seconds.get(probe.kind, limits.longest_seconds)
    is_undecided = probe.timeout_seconds is None and patience < slowest.slowest_seconds <= limits.longest_seconds
    proof = (evidence_of(timeline, slowest, f"after the {words} was frozen"),)
    if is_undecided and slowest.status is not None:
        doubts.append(
            f"{probe.path} took {slowest.slowest_seconds:.1f} s while the {words} hung; no timeout is declared"
        )
    elif slowest.slowest_seconds > patience:
        text = (
            f"no answer in {slowest.slowest_seconds:.0f} s"
            if slowest.status is None
            else f"took {slowest.slowest_seconds:.1f} s"
        )
        message = f"{probe.path}: {text} while the {words} hangs; its prober waits {patience:g} s"
        yield Finding(message=message, evidence=proof)
    else:
        name = f"{probe.kind}, {words} hanging"
        measured.append(Measurement(name=name, value=slowest.slowest_seconds, unit="s", at_most=patience))
    stopped = course_of(probe, outage.stopped)
    # A probe of another kind may ignore the dependency; these fell when it was stopped, so they claim to know it.
    knows = stopped is not None and stopped.says is Standing.NO and probe.kind is not ProbeKind.LIVE
    is_blind = course.says is Standing.YES and not is_stale(course.settled, phase)
    if knows and is_blind and course.settled.last_seconds > probe.cache_seconds + patience:
        proof = (evidence_of(timeline, course.settled, f"after the {words} was frozen"),)
        yield Finding(message=f"{probe.path} stays {course.settled.status} while the {words} hangs", evidence=proof)
