"""Requests beyond the declared limit are refused, and none before it."""

from __future__ import annotations

from dataclasses import dataclass

from readiness import Category, Finding, Inconclusive, Measurement, Severity, Verdict, check
from readiness.facts.limiter import DeployedLimit
from readiness.limiting.judging import chart_of, evidence_of
from readiness.target import Target


@dataclass(frozen=True, kw_only=True)
class EnforcedLimits:
    """When a burst counts."""

    # One in ten: a service that fails more of a mere burst is judged for that, not for its limiter.
    failed_ratio: float = 0.1
    # A leaky bucket refuses a burst long before the figure and still serves it steadily; nine tenths are no such bucket.
    early_ratio: float = 0.9


@check(
    id="ratelimit.enforced",
    category=Category.RATELIMIT,
    severity=Severity.HIGH,
    title="Requests beyond the declared limit are answered 429",
    why="One caller without a limit can take the service from all others, guess passwords and copy all data.",
    source="Claims ledger, ratelimit.enforced (myragdb, memorai, brain); RFC 6585, 4",
    remediation="Put the limiter in front of all routes, check its exemptions (the prefix / exempts everything), and try it.",
    seeds=("myragdb", "memorai", "brain"),
    defects=("limiter-not-mounted", "exempt-prefix-slash"),
)
def check_enforced(deployed_limit: DeployedLimit, target: Target, limits: EnforcedLimits) -> Verdict:
    """Judge one burst of limit + burst + 20 requests by one caller."""
    phase, figures = deployed_limit.phase, deployed_limit.figures
    if phase is None or figures is None:
        raise Inconclusive(deployed_limit.reason or "no burst was sent", supply="limit:\n  env: {requests: VARIABLE}")
    evidence, chart = (evidence_of(phase),), (chart_of(f"A burst at {figures.words}", [phase]),)
    if phase.failed > limits.failed_ratio * len(phase.shots):
        raise Inconclusive(
            f"{phase.failed} of {len(phase.shots)} requests failed, so the limit was not met: {phase.words}"
        )
    if phase.refused == 0:
        if phase.let_through <= figures.most(phase.span_seconds):
            raise Inconclusive(f"the burst was too slow to meet {figures.words}: {phase.words}")
        message = (
            f"none of {len(phase.shots)} requests in {phase.seconds:.1f} s was refused; declared are {figures.words}"
        )
        return Verdict(findings=(Finding(message=message, evidence=evidence),), charts=chart)
    if phase.let_through == 0:
        message = f"every request of a rested caller is refused, from the first; declared are {figures.words}"
        return Verdict(findings=(Finding(message=message, evidence=evidence),), charts=chart)
    algorithm = next((limit.algorithm for limit in target.limits if limit.key == figures.key), None)
    if phase.let_through < limits.early_ratio * figures.capacity and algorithm != "leaky_bucket":
        raise Inconclusive(
            f"a burst is refused before {figures.words}: {phase.words}; a leaky bucket does that and serves a steady caller",
            supply="limit:\n  algorithm: leaky_bucket",
        )
    measured = Measurement(name="let through before the refusals", value=phase.let_through, unit="count")
    return Verdict(measured=(measured,), summary=f"{figures.words}: {phase.words}", charts=chart)
