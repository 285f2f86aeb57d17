"""The limit per hour holds, and can be reached at all."""

from __future__ import annotations

from dataclasses import dataclass

from readiness import Category, Finding, Inconclusive, Measurement, Severity, Verdict, check
from readiness.facts.limiter import DeployedLimit, Reached, WideLimit
from readiness.limiting.declared import HOUR_SECONDS, limit_by
from readiness.limiting.judging import evidence_of, require_deployed
from readiness.target import Target


@dataclass(frozen=True, kw_only=True)
class HourlyLimits:
    """When a refusal is the hourly limit's."""

    # A login, or a probe of the path, may have been counted before; one in ten of the figure.
    early_ratio: float = 0.9


@check(
    id="ratelimit.hourly",
    category=Category.RATELIMIT,
    severity=Severity.LOW,
    title="The limit per hour holds",
    why="A caller who keeps up the full rate all day is within the short limit, and a burden all the same.",
    source="Claims ledger, ratelimit.hourly (myragdb)",
    remediation="Count by the hour too, and set its figure below what the short limit adds up to.",
    seeds=("myragdb",),
    defects=("hourly-limit-ignored",),
)
def check_hourly(deployed_limit: DeployedLimit, wide_limit: WideLimit, target: Target, limits: HourlyLimits) -> Verdict:
    """Judge the lowered limit by one caller, and the deployed figures by arithmetic."""
    hourly = limit_by(target, "any", is_hourly=True)
    require_deployed(deployed_limit)
    findings = []
    for short in target.limits:
        adds_up = short.requests * hourly.window_seconds / short.window_seconds
        if short.window_seconds < HOUR_SECONDS and short.key == hourly.key and adds_up <= hourly.requests:
            message = f"{short.requests} in {short.window_seconds:g} s add up to {adds_up:g}: the limit of {hourly.requests} can never be reached"
            findings.append(Finding(message=message))
    reached = wide_limit.hourly
    if reached is None:
        if findings:
            return Verdict(findings=tuple(findings))
        reason = wide_limit.not_done.get("hourly", "it was not looked for")
        raise Inconclusive(
            reason, supply="limit:\n  - {window_seconds: 3600, env: {requests: RATE_LIMIT_REQUESTS_PER_HOUR}}"
        )
    if reached.failed:
        raise Inconclusive(f"{reached.failed} requests failed, so the limit was not met")
    most, at_a_turn = reached.figures.most(reached.seconds), reached.figures.most_at_a_turn(reached.seconds)
    if reached.let_through > at_a_turn:
        message = f"{reached.let_through} requests were let through; in force: {reached.figures.words}"
        findings.append(Finding(message=message, evidence=tuple(map(evidence_of, reached.phases))))
    doubt = _doubt(reached, wide_limit.retry_after, target, most, limits)
    if not findings and doubt:
        raise Inconclusive(doubt)
    told = f", which announces {wide_limit.retry_after} s" if wide_limit.retry_after else ""
    measured = Measurement(name="let through within the hour", value=reached.let_through, unit="count")
    return Verdict(
        findings=tuple(findings),
        measured=(measured,),
        summary=f"{reached.figures.words}: {reached.let_through} let through, then a refusal{told}",
    )


def _doubt(reached: Reached, announced: str | None, target: Target, most: float, limits: HourlyLimits) -> str:
    """Why the refusal, or the lack of one, may not be the hourly limit's doing; empty where it is."""
    words, passed = reached.figures.words, reached.let_through
    if reached.refused == 0 and passed <= reached.figures.most_at_a_turn(reached.seconds):
        return f"{passed} requests were too few to meet {words}"
    if passed < limits.early_ratio * reached.figures.capacity:
        return f"a shorter limit refused first: {passed} requests were let through; in force: {words}"
    if passed > most:
        return f"{passed} requests were let through, where {words} allow {most:.0f}: another limit refused, or the hour turned"
    shorter = [limit.window_seconds for limit in target.limits if limit.window_seconds < HOUR_SECONDS]
    if shorter and announced is not None and announced.isdecimal() and int(announced) <= min(shorter):
        return f"a refusal announces {announced} s, which a limit of {min(shorter):g} s may announce as well"
    return ""
