"""Idle connections do not hold up the shutdown."""

from __future__ import annotations

from dataclasses import dataclass

from readiness import Category, Evidence, Finding, Inconclusive, Measurement, NotApplicable, Severity, Verdict, check
from readiness.declared.drain import drain_of
from readiness.draining.judging import stop_of
from readiness.facts.drain import HELD, DrainRuns, Fate, Kind
from readiness.target import Target


@dataclass(frozen=True, kw_only=True)
class KeepAliveLimits:
    """How long idle connections may take."""

    # The ledger's 2 s, and what a busy machine needs to end a process.
    at_most_seconds: float = 5.0
    # Beyond a declared figure: the ledger's 1 s, and another one for a server that looks once a second.
    kept_slack_seconds: float = 2.0


@check(
    id="drain.keepalive",
    category=Category.DRAIN,
    severity=Severity.LOW,
    title="Idle connections do not hold up the shutdown",
    why="Proxies and browsers keep connections open for minutes: waiting for them turns every stop into a kill.",
    source="Claims ledger, drain.keepalive (brain)",
    remediation="Close connections without a request when the stop signal comes.",
    seeds=("brain",),
    defects=("idle-connections-hold-up",),
)
def check_keepalive(drain_runs: DrainRuns, target: Target, limits: KeepAliveLimits) -> Verdict:
    """Judge the end after a bare signal with idle connections, against the end that follows the last answer under load."""
    stop, idle = stop_of(drain_runs), drain_runs.idle
    findings = _kept_too_long(drain_runs, target, limits)
    if findings:
        return Verdict(findings=findings)
    if idle is None:
        raise Inconclusive(drain_runs.not_done.get("idle", "it was not tried"))
    if stop.ending.is_killed:
        raise NotApplicable("premise failed: the service has to be killed without any idle connection too")
    opened = [r for r in idle.of(Kind.IDLE) if r.released_seconds is not None and r.released_seconds < 0]
    left_open = [r for r in opened if r.ended_seconds > 0]
    if not opened:
        raise Inconclusive("no idle connection could be opened")
    if not left_open:
        raise NotApplicable("the service closes a connection as soon as it is idle")
    last = max((r.ended_seconds for r in stop.of(*HELD) if r.fate is Fate.FINISHED), default=0.0)
    usual = max(0.0, (stop.ending.seconds or 0.0) - last)
    most = limits.at_most_seconds + usual
    if idle.ending.seconds is None or idle.ending.seconds > most:
        message = f"with {len(left_open)} idle connections: {idle.ending.words}; under load it ended {usual:.1f} s after its last answer"
        evidence = Evidence(source=left_open[0].name, text=left_open[0].label)
        return Verdict(findings=(Finding(message=message, evidence=(evidence,)),))
    measured = Measurement(name="time to end with idle connections", value=idle.ending.seconds, unit="s", at_most=most)
    return Verdict(measured=(measured,), summary=f"{len(left_open)} idle connections: {idle.ending.words}")


def _kept_too_long(drain_runs: DrainRuns, target: Target, limits: KeepAliveLimits) -> tuple[Finding, ...]:
    """While the service serves, against the declared figure; nothing where none is declared."""
    declared = drain_of(target).keepalive_seconds
    if declared is None:
        return ()
    answered = [r for r in drain_runs.kept if r.released_seconds is not None]
    kept = [r.ended_seconds - (r.released_seconds or 0.0) for r in answered]
    most = declared + limits.kept_slack_seconds
    late = [seconds for seconds in kept if seconds > most]
    if not late:
        return ()
    message = f"{len(late)} of {len(kept)} idle connections were kept longer than the declared {declared:g} s: {max(late):.1f} s"
    return (Finding(message=message, evidence=(Evidence(source=answered[0].name, text=answered[0].detail),)),)
