"""The stop signal reaches the application."""

from __future__ import annotations

from readiness import Category, Evidence, Finding, Inconclusive, Severity, Verdict, check
from readiness.draining.judging import SWITCH_SECONDS, lived_until, reacted, stop_of
from readiness.facts.drain import DrainRuns, Kind


@check(
    id="drain.pid1_forwards",
    category=Category.DRAIN,
    severity=Severity.HIGH,
    title="The stop signal reaches the application",
    why="A shell that starts the application and keeps the signal to itself turns every stop into a kill.",
    source="Docker documentation, Dockerfile reference, ENTRYPOINT: shell form; claims ledger, drain.pid1_forwards",
    remediation="Start the application with exec, in the exec form of CMD, or under an init that forwards signals.",
    seeds=("brainda",),
    defects=(
        "signal-ignored",
        "signal-kept-by-shell",
    ),
)
def check_pid1_forwards(drain_runs: DrainRuns) -> Verdict:
    """Judge whether anything at all happened because of the signal."""
    stop, idle = stop_of(drain_runs), drain_runs.idle
    ended_idle = idle is not None and not idle.ending.is_killed
    if reacted(stop) or ended_idle:
        words = stop.ending.words if not stop.ending.is_killed else "it turned new requests away"
        return Verdict(summary=f"the application heard {stop.ending.signal}: {words}")
    if (end := lived_until(stop)) <= SWITCH_SECONDS:
        raise Inconclusive(
            f"it was killed {end:.1f} s after {stop.ending.signal}, too soon for anything it does to be seen",
            supply=f"give {drain_runs.service} a stop_grace_period of 10s, the engine's default",
        )
    served = [r for r in stop.of(Kind.NEW) if r.sent_seconds > 0 and r.status is not None]
    evidence = [Evidence(source="state after the stop", text=stop.ending.words)]
    if idle is not None:
        evidence.append(Evidence(source=f"state after a bare {idle.ending.signal}", text=idle.ending.words))
    message = f"{stop.ending.signal} changed nothing: {len(served)} new requests were served after it, until the service was killed"
    return Verdict(findings=(Finding(message=message, evidence=tuple(evidence)),))
