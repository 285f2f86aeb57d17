"""A limit over all callers together holds."""

from __future__ import annotations

from dataclasses import dataclass

from readiness import Category, Finding, Inconclusive, Measurement, Severity, Verdict, check
from readiness.facts.limiter import DeployedLimit, Reached, WideLimit
from readiness.limiting.declared import limit_by
from readiness.limiting.judging import chart_of, evidence_of, require_deployed
from readiness.target import Target

REGISTER = "login:\n  register: {method: POST, path: /register, json: {name: '{name}', password: '{password}'}}"


@dataclass(frozen=True, kw_only=True)
class GlobalLimits:
    """When a refusal is the global limit's."""

    # A probe of a limited path may have been counted before; one in ten of the figure.
    early_ratio: float = 0.9


@check(
    id="ratelimit.global",
    category=Category.RATELIMIT,
    severity=Severity.MEDIUM,
    title="A limit over all callers together holds",
    why="Many callers, each within their own limit, overload the service together.",
    source="Claims ledger, ratelimit.global (myragdb, memorai)",
    remediation="Count every request in one shared counter too, and refuse when it is full, whoever asks.",
    seeds=("myragdb", "memorai"),
    defects=("global-limit-ignored",),
)
def check_global(deployed_limit: DeployedLimit, wide_limit: WideLimit, target: Target, limits: GlobalLimits) -> Verdict:
    """Judge the lowered limit by several callers, each below their own."""
    limit_by(target, "global")
    require_deployed(deployed_limit)
    reached = wide_limit.together
    if reached is None:
        reason = wide_limit.not_done.get("together", "it was not looked for")
        raise Inconclusive(reason, supply="limit:\n  - {key: global, env: {requests: RATE_LIMIT_GLOBAL_PER_MINUTE}}")
    charts = (chart_of(f"Several callers at {reached.figures.words}", reached.phases),)
    if reached.failed:
        raise Inconclusive(f"{reached.failed} requests failed, so the limit was not met")
    words, passed = reached.figures.words, reached.let_through
    most, at_a_turn = reached.figures.most(reached.seconds), reached.figures.most_at_a_turn(reached.seconds)
    if passed > at_a_turn:
        message = (
            f"{len(reached.phases)} callers had {passed} requests let through in {reached.seconds:.1f} s, and "
            f"{reached.refused or 'none'} refused; in force: {words}"
        )
        return Verdict(
            findings=(Finding(message=message, evidence=tuple(map(evidence_of, reached.phases))),), charts=charts
        )
    if reached.refused == 0:
        raise Inconclusive(
            f"{len(reached.phases)} callers sent {passed} requests, too few to meet {words}", supply=REGISTER
        )
    if not _is_shared(reached) or passed + reached.used_before < limits.early_ratio * reached.figures.capacity:
        raise Inconclusive(
            f"another limit refused first: {passed} requests of {len(reached.phases)} callers were let through after "
            f"{reached.used_before} others; in force: {words}",
            supply=REGISTER,
        )
    if passed > most:
        raise Inconclusive(
            f"{passed} requests were let through, where {words} allow {most:.0f}: perhaps a window turned in the middle"
        )
    measured = Measurement(name="let through of several callers", value=passed, unit="count", at_most=most)
    return Verdict(measured=(measured,), summary=f"{words}: {measured.describe()}", charts=charts)


def _is_shared(reached: Reached) -> bool:
    """Whether somebody was refused earlier than somebody else: a limit of one caller's own refuses all alike."""
    most = max(phase.let_through for phase in reached.phases)
    return any(phase.refused and phase.let_through < most for phase in reached.phases)
