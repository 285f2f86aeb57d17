"""A limit over all callers together holds."""

from __future__ import annotations

from readiness import Category, Finding, Inconclusive, Measurement, Severity, Verdict, check
from readiness.facts.limiter import DeployedLimit, WideLimit
from readiness.limiting.declared import limit_by
from readiness.limiting.judging import chart_of, evidence_of, require_deployed
from readiness.target import Target


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
def check_global(deployed_limit: DeployedLimit, wide_limit: WideLimit, target: Target) -> Verdict:
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
    if reached.refused == 0:
        if reached.let_through <= reached.figures.most(reached.seconds):
            raise Inconclusive(
                f"{len(reached.phases)} callers sent {reached.let_through} requests, too few to meet {reached.figures.words}",
                supply="login:\n  register: {method: POST, path: /register, json: {name: '{name}', password: '{password}'}}",
            )
        message = f"{len(reached.phases)} callers sent {reached.let_through} requests in {reached.seconds:.1f} s and none was refused; in force: {reached.figures.words}"
        return Verdict(
            findings=(Finding(message=message, evidence=tuple(map(evidence_of, reached.phases))),), charts=charts
        )
    measured = Measurement(
        name="let through of several callers",
        value=reached.let_through,
        unit="count",
        at_most=reached.figures.most(reached.seconds),
    )
    return Verdict(measured=(measured,), summary=f"{reached.figures.words}: {measured.describe()}", charts=charts)
