"""The engine's grace period is longer than the service's own drain."""

from __future__ import annotations

from readiness import Category, Evidence, Finding, Inconclusive, Measurement, NotApplicable, Severity, Verdict, check
from readiness.facts.drain import DrainBound, Fate


@check(
    id="drain.grace_period_fits",
    category=Category.DRAIN,
    severity=Severity.HIGH,
    title="The grace period is longer than the service's own drain",
    why="The engine kills after 10 s unless it is told otherwise: a request that the service still waits for is cut then.",
    source="Docker documentation, compose file reference, stop_grace_period; claims ledger, drain.grace_period_fits",
    remediation="Set stop_grace_period above the service's own shutdown timeout.",
    seeds=("brainda", "memorai", "brain"),
    defects=("grace-period-short",),
)
def check_grace_period_fits(drain_bound: DrainBound) -> Verdict:
    """Judge a request that becomes whole shortly before the declared end of the drain, under a plain stop."""
    if not drain_bound.has_engine:
        raise Inconclusive(
            "needs an engine: the grace period of local processes is the audit's own",
            supply="run with --readiness-runtime=compose",
        )
    deployed = drain_bound.deployed
    if deployed is None or deployed.late is None:
        raise Inconclusive(drain_bound.not_done.get("deployed", "no request was held so long"))
    late, ending, timeout = deployed.late, deployed.ending, deployed.timeout_seconds
    grace = Measurement(name="grace period", value=ending.grace_seconds or 0.0, unit="s", at_least=timeout)
    if ending.exit_code == 137 and late.fate is not Fate.FINISHED:  # noqa: PLR2004  # 128 + SIGKILL
        finding = Finding(
            message=f"the service was killed {ending.seconds or 0:.1f} s after {ending.signal}, although it may drain for {timeout:g} s",
            evidence=(Evidence(source=late.name, text=late.label),),
        )
        return Verdict(findings=(finding,), measured=(grace,))
    if late.fate is not Fate.FINISHED and grace.is_within:
        raise NotApplicable(f"premise failed: the service itself did not wait for the request: {late.label}")
    return Verdict(
        measured=(grace,), summary=f"a request that ended {late.ended_seconds:.1f} s after the signal: {late.fate}"
    )
