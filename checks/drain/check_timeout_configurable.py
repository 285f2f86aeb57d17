"""The drain's timeout follows its variable."""

from __future__ import annotations

from dataclasses import dataclass

from readiness import Category, Evidence, Finding, Inconclusive, Measurement, NotApplicable, Severity, Verdict, check
from readiness.declared.drain import TIMEOUT_EXAMPLE, drain_of
from readiness.facts.drain import DrainBound
from readiness.target import Target


@dataclass(frozen=True, kw_only=True)
class ConfigurableLimits:
    """How late the end may come."""

    slack_seconds: float = 5.0  # as of the timeout itself


@check(
    id="drain.timeout_configurable",
    category=Category.DRAIN,
    severity=Severity.LOW,
    title="The drain's timeout follows its variable",
    why="The timeout has to fit the engine's grace period and the slowest request, which differ between installations.",
    source="Claims ledger, drain.timeout_configurable (memorai)",
    remediation="Pass the configured figure to the server's graceful timeout.",
    seeds=("memorai",),
    defects=(
        "shutdown-variable-ignored",
        "drain-unbounded",
        "signal-ignored",
        "signal-kept-by-shell",
        "shutdown-never-ends",
    ),
)
def check_timeout_configurable(drain_bound: DrainBound, target: Target, limits: ConfigurableLimits) -> Verdict:
    """Judge a second stack with a shorter timeout."""
    target.require("drain.env", drain_of(target).env, example=TIMEOUT_EXAMPLE)
    lowered, deployed = drain_bound.lowered, drain_bound.deployed
    if lowered is None:
        raise Inconclusive(drain_bound.not_done.get("lowered", "it was not tried"))
    most = lowered.timeout_seconds + limits.slack_seconds
    usual = None if deployed is None else deployed.ending.seconds
    if usual is not None and usual <= lowered.timeout_seconds:
        raise NotApplicable(f"premise failed: the drain waits for nothing, it ends after {usual:.1f} s anyway")
    ending = lowered.ending
    setting = f"{drain_bound.variable}={lowered.timeout_seconds:g}"
    # What was open is cut at the timeout; how long the process then takes to end is the machine's doing too.
    cut = min(lowered.held.ended_seconds, ending.watched_seconds if ending.seconds is None else ending.seconds)
    if ending.is_killed or ending.seconds is None or cut > most:
        message = f"with {setting} and an open request: {ending.words}"
        evidence = Evidence(source=lowered.held.name, text=lowered.held.label)
        return Verdict(findings=(Finding(message=message, evidence=(evidence,)),))
    measured = Measurement(name="time to the cut with the shorter timeout", value=cut, unit="s", at_most=most)
    without = "" if usual is None else f", without it {usual:.1f} s"
    return Verdict(measured=(measured,), summary=f"with {setting} it ends after {ending.seconds:.1f} s{without}")
