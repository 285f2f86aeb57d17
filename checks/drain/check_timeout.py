"""The drain comes to an end: what is still open after the timeout is cut."""

from __future__ import annotations

from dataclasses import dataclass

from readiness import Category, Evidence, Finding, Inconclusive, Measurement, Severity, Verdict, check
from readiness.facts.drain import DrainBound


@dataclass(frozen=True, kw_only=True)
class TimeoutLimits:
    """How late the end may come."""

    slack_seconds: float = 5.0  # the ledger's figure
    # After it has cut in time, so long an end may be the machine's doing.
    teardown_seconds: float = 10.0


@check(
    id="drain.timeout_30s",
    category=Category.DRAIN,
    severity=Severity.MEDIUM,
    title="The drain ends at its declared timeout",
    why="One request that never ends would otherwise turn every stop into a kill, with all that is lost by it.",
    source="Claims ledger, drain.timeout_30s (memorai, brain)",
    remediation="Give the server a graceful timeout below the engine's grace period, and cut what is open after it.",
    seeds=("memorai", "brain"),
    defects=("drain-unbounded", "signal-ignored", "signal-kept-by-shell", "shutdown-never-ends"),
)
def check_timeout(drain_bound: DrainBound, limits: TimeoutLimits) -> Verdict:
    """Judge the end of a service that holds a request which never becomes whole."""
    deployed = drain_bound.deployed
    if deployed is None:
        raise Inconclusive(drain_bound.not_done.get("deployed", "it was not tried"))
    ending, timeout = deployed.ending, deployed.timeout_seconds
    most = timeout + limits.slack_seconds
    evidence = (
        Evidence(source="state", text=ending.words),
        Evidence(source=deployed.held.name, text=deployed.held.label),
    )
    if ending.is_killed:
        if ending.grace_seconds is not None and ending.grace_seconds < most:
            raise Inconclusive(
                f"the grace period of {ending.grace_seconds:g} s ended before the declared timeout of {timeout:g} s could show",
                supply=f"stop_grace_period: {most:.0f}s",
            )
        message = f"it still ran {ending.seconds or ending.watched_seconds:.1f} s after {ending.signal}, and was killed; declared are {timeout:g} s"
        return Verdict(findings=(Finding(message=message, evidence=evidence),))
    seconds = ending.seconds or 0.0
    cut = deployed.held.ended_seconds
    if most < seconds <= most + limits.teardown_seconds and cut <= most - limits.slack_seconds / 2:
        raise Inconclusive(
            f"it cut what was open after {cut:.1f} s, and took until {seconds:.1f} s to end: a busy machine, or it hangs"
        )
    measured = Measurement(name="time to end with an open request", value=seconds, unit="s", at_most=most)
    return Verdict(measured=(measured,), summary=f"{ending.words}; declared are {timeout:g} s")
