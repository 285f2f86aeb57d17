"""Requests beyond the declared limit are refused, and none before it."""

from __future__ import annotations

from dataclasses import dataclass

from readiness import Category, Finding, Inconclusive, Measurement, Severity, Verdict, check
from readiness.facts.limiter import SURE, TOO_MANY, UNANSWERED, DeployedLimit, Phase, is_served
from readiness.limiting.declared import VARIABLE_EXAMPLE, caller_limit
from readiness.limiting.judging import chart_of, evidence_of, require_served
from readiness.target import Target


@dataclass(frozen=True, kw_only=True)
class EnforcedLimits:
    """When a burst counts."""

    # One in ten: a service that fails more of a mere burst is judged for that, not for its limiter.
    failed_ratio: float = 0.1
    # A leaky bucket refuses a burst long before the figure and still serves it steadily; nine tenths are no such bucket.
    early_ratio: float = 0.9
    # Of a slow service several are under way, and a limiter that counts them one by one may let so many more through.
    late_ratio: float = 1.1


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
    """Judge one burst until 20 are refused, and a second one where a window may have turned in the first."""
    phase, figures = deployed_limit.phase, deployed_limit.figures
    if phase is None or figures is None:
        raise Inconclusive(deployed_limit.reason or "no burst was sent", supply=VARIABLE_EXAMPLE)
    evidence, chart = (evidence_of(phase),), (chart_of(f"A burst at {figures.words}", [phase]),)
    edge = _edge(phase, limits)
    if edge is not None:
        message = f"beyond {phase.served} requests each one is answered {edge}, not 429; declared are {figures.words}"
        return Verdict(findings=(Finding(message=message, evidence=evidence),), charts=chart)
    if phase.failed > limits.failed_ratio * len(phase.shots):
        raise Inconclusive(
            f"{phase.failed} of {len(phase.shots)} requests failed, so the limit was not met: {phase.words}"
        )
    require_served(phase, caller_limit(target).path)
    if phase.refused == 0:
        if phase.let_through <= figures.most_at_a_turn(phase.span_seconds):
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
    bursts = [p for p in (phase, deployed_limit.again) if p is not None and p.refused]
    best = min(bursts, key=lambda p: p.let_through - _most(p, limits))
    if best.let_through > _most(best, limits):
        if len(bursts) == 1 and phase.let_through <= figures.most_at_a_turn(phase.span_seconds):
            raise Inconclusive(
                f"{phase.let_through} requests were let through, where {figures.words} allow {_most(phase, limits):.0f}: perhaps a"
                " window turned in the middle, which a second caller's burst would tell",
                supply="login:\n  users: [{name: alice, password: …}, {name: bob, password: …}, {name: carol, password: …}]",
            )
        message = (
            f"{best.let_through} requests in {best.seconds:.1f} s are let through before the first refusals; "
            f"{figures.words} allow {_most(best, limits):.0f}"
        )
        return Verdict(findings=(Finding(message=message, evidence=tuple(map(evidence_of, bursts))),), charts=chart)
    measured = Measurement(name="let through before the refusals", value=best.let_through, unit="count")
    return Verdict(measured=(measured,), summary=f"{figures.words}: {best.words}", charts=chart)


def _most(phase: Phase, limits: EnforcedLimits) -> float:
    return limits.late_ratio * phase.figures.most(phase.span_seconds)


def _edge(phase: Phase, limits: EnforcedLimits) -> int | None:
    """The one status that all requests beyond the declared figure get, and none before it; None without such an edge.

    A service that breaks under load does not serve all requests to the figure and none after it.
    """
    statuses = [status for _, status in phase.shots]
    served = next((number for number, status in enumerate(statuses) if not is_served(status)), len(statuses))
    beyond = set(statuses[served:])
    is_at_the_figure = limits.early_ratio * phase.figures.capacity <= served <= _most(phase, limits)
    if not is_at_the_figure or len(statuses) - served < SURE or len(beyond) != 1:
        return None
    (status,) = beyond
    return None if status in {TOO_MANY, UNANSWERED} else status
