"""Liveness does not depend on anything outside the process."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from readiness import Category, Finding, Inconclusive, Measurement, NotApplicable, Severity, Verdict, check
from readiness.facts.probes import Outage, Phase
from readiness.probes.outages import evidence_of, outages_with, pass_or_fail, require_well, words_for
from readiness.probes.standing import Standing, standing
from readiness.target import Probe, ProbeKind, Target


@dataclass(frozen=True, kw_only=True)
class LivenessLimits:
    """What a liveness prober bears."""

    timeout_seconds: float = 5.0  # brain's liveness timeout in the ledger, where the target declares none
    watched_seconds: float = 10.0  # Kubernetes' default period: at least one prober would have asked in this time
    # A whole frozen phase lasts 8 s at the least; one of less than half that period was cut short and shows nothing.
    watched_share: float = 0.5


@check(
    id="probe.live_no_deps",
    category=Category.PROBE,
    severity=Severity.HIGH,
    title="Liveness stays up while database and Redis are down or hang",
    why="A liveness probe that asks the database turns its outage into a restart loop of every instance.",
    source="Kubernetes documentation, Configure Liveness Probes (caution on dependencies)",
    remediation="Answer liveness from the process alone; move dependency checks to the readiness probe.",
    seeds=("brain",),
    defects=("live-checks-database",),
)
def check_live_no_deps(
    database_outage: Outage, cache_outage: Outage, target: Target, limits: LivenessLimits
) -> Verdict:
    """Judge every answer of the liveness probe while something was stopped or frozen."""
    probe = target.probe(ProbeKind.LIVE)
    outages = outages_with(database_outage, cache_outage)
    if not outages:
        raise NotApplicable("the stack has neither a database nor a Redis that could be away")
    findings: list[Finding] = []
    measured: list[Measurement] = []
    not_frozen: list[str] = []
    for outage in outages:
        require_well(probe, outage)
        for phase, what in ((outage.stopped, "stopped"), (outage.paused, "hanging")):
            if phase is not None:
                findings += _findings(probe, outage, phase, what, limits, measured)
        if outage.paused is None:
            reason = outage.not_done.get("paused", "no reason was recorded")
            not_frozen.append(f"the {words_for(outage.role)} could not be frozen: {reason}")
        findings += _restart(target, outage)
    if not_frozen and not findings:
        raise Inconclusive("; ".join(not_frozen))
    watched = " and ".join(words_for(outage.role) for outage in outages)
    verdict = pass_or_fail(findings, f"{probe.path} answered yes throughout the outages of {watched}")
    return Verdict(findings=verdict.findings, measured=tuple(measured), summary=verdict.summary)


def _findings(  # noqa: PLR0917  # one phase, its words and where the figures go
    probe: Probe, outage: Outage, phase: Phase, what: str, limits: LivenessLimits, measured: list[Measurement]
) -> Iterator[Finding]:
    words = words_for(outage.role)
    timeline = phase.of(probe.kind)
    spans = [span for span in timeline.spans if span.last_seconds >= 0] if timeline else []
    if timeline is None or not spans or phase.seconds < limits.watched_seconds * limits.watched_share:
        raise Inconclusive(f"liveness was watched for only {phase.seconds:.0f} s while the {words} was {what}")
    said = [(standing(probe, span), span) for span in spans]
    wrong = [(w, span) for w, span in said if w in {Standing.NO, Standing.BODY_NO}]
    silent = [span for w, span in said if w is Standing.SILENT]
    if any(not w.is_usable for w, _ in said):
        raise Inconclusive("a rate limiter or a login answered instead of the liveness probe")
    for w, span in wrong[:1]:
        proof = evidence_of(timeline, span, f"after the {words} was {what}")
        text = f"answers {span.status}" if w is Standing.NO else "says unhealthy"
        yield Finding(message=f"liveness {probe.path} {text} while the {words} is {what}", evidence=(proof,))
    patience = probe.timeout_seconds or limits.timeout_seconds
    slowest = max(span.slowest_seconds for span in spans)
    if sum(span.count for span in silent) > 1 or (silent and slowest > patience):
        proof = evidence_of(timeline, silent[0], f"after the {words} was {what}")
        yield Finding(message=f"liveness {probe.path} gives no answer while the {words} is {what}", evidence=(proof,))
    elif silent:
        raise Inconclusive(f"one request of {timeline.count} to {probe.path} failed: {silent[0].error}")
    else:
        name = f"slowest liveness answer, {words} {what}"
        measured.append(Measurement(name=name, value=slowest, unit="s", at_most=patience))


def _restart(target: Target, outage: Outage) -> Iterator[Finding]:
    """A restart in the middle is what a liveness prober would have done."""
    service = target.service
    before = outage.before.state(service) if service and outage.before else None
    during = outage.stopped.state(service) if service and outage.stopped else None
    if before is not None and during is not None and before.identity != during.identity:
        words = words_for(outage.role)
        yield Finding(message=f"{service} was restarted while the {words} was stopped (restarts: {during.restarts})")
