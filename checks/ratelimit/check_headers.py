"""Every limited answer says where its caller stands."""

from __future__ import annotations

from dataclasses import dataclass

from readiness import Category, Evidence, Finding, Inconclusive, NotApplicable, Severity, Verdict, check
from readiness.facts.limiter import TOO_MANY, Answer, DeployedLimit, Figures, is_let_through
from readiness.limiting.declared import VARIABLE_EXAMPLE
from readiness.limiting.falling import TOLD_REQUESTS, Remaining, wrongly_fallen
from readiness.limiting.fields import Stated, stated_by, structured
from readiness.limiting.judging import require_deployed


@dataclass(frozen=True, kw_only=True)
class HeaderLimits:
    """How exact the figures must be."""

    # Two clocks, and a second of rounding on each side.
    clock_seconds: float = 2.0
    # Below that many requests net of what was refilled meanwhile, falling and standing still look alike.
    told_requests: float = TOLD_REQUESTS


@check(
    id="ratelimit.headers",
    category=Category.RATELIMIT,
    severity=Severity.LOW,
    title="Limited answers carry the limit, what remains of it, and when it is whole again",
    why="A client that sees its allowance shrink slows down; one that does not runs into refusals.",
    source="Claims ledger, ratelimit.headers (memorai); draft-ietf-httpapi-ratelimit-headers",
    remediation="Send X-RateLimit-Limit, -Remaining and -Reset from the same count that decides, on refusals too.",
    seeds=("memorai",),
    defects=("remaining-frozen",),
)
def check_headers(deployed_limit: DeployedLimit, limits: HeaderLimits) -> Verdict:
    """Judge the answers to requests one after another, and the first refusal."""
    figures, answers = deployed_limit.figures, deployed_limit.answers
    if figures is None or deployed_limit.phase is None or not answers:
        raise Inconclusive(deployed_limit.reason or "no limited answer was seen", supply=VARIABLE_EXAMPLE)
    require_deployed(deployed_limit)
    told = [(answer, stated_by(answer)) for answer in answers if answer.status]
    if not any(stated.prefix for _, stated in told):
        if any(True for answer, _ in told for _ in structured(answer)):
            raise NotApplicable("the IETF's structured fields are sent instead, which ratelimit.policy_fields judges")
        return Verdict(findings=(Finding(message=f"none of {len(told)} limited answers says anything of the limit"),))
    findings = [
        *_complete(told),
        *_limit(told, figures),
        *_reset(told, figures, limits, deployed_limit.phase.slowest_seconds),
    ]
    slowest = deployed_limit.phase.slowest_seconds
    findings += _remaining([(a, s) for a, s in told if is_let_through(a.status)], figures, limits, slowest)
    findings += [
        Finding(message=f"a refusal says that {stated.remaining} requests remain", evidence=(_proof(answer, stated),))
        for answer, stated in told
        if answer.status == TOO_MANY and stated.remaining not in {0, None}
    ]
    prefix = told[0][1].prefix
    return Verdict(
        findings=tuple(findings), summary=f"{prefix}limit, -remaining and -reset agree on {len(told)} answers"
    )


def _proof(answer: Answer, stated: Stated) -> Evidence:
    shown = ", ".join(
        f"{name}: {value}" for name, value in answer.headers if name.startswith(stated.prefix or "x-rate")
    )
    return Evidence(source=f"answer after {answer.seconds:.2f} s: {answer.status}", text=shown or "no such header")


def _complete(told: list[tuple[Answer, Stated]]) -> list[Finding]:
    for answer, stated in told:
        names = stated.missing if stated.prefix else ("the rate limit headers",)
        if names:
            kind = "a refusal" if answer.status == TOO_MANY else "a limited answer"
            return [Finding(message=f"{kind} lacks {', '.join(names)}", evidence=(_proof(answer, stated),))]
    return []


def _limit(told: list[tuple[Answer, Stated]], figures: Figures) -> list[Finding]:
    for answer, stated in told:
        if stated.limit is not None and stated.limit not in {figures.requests, figures.capacity}:
            message = f"{stated.prefix}limit says {stated.limit}; declared are {figures.words}"
            return [Finding(message=message, evidence=(_proof(answer, stated),))]
    return []


def _reset(told: list[tuple[Answer, Stated]], figures: Figures, limits: HeaderLimits, slowest: float) -> list[Finding]:
    longest = figures.capacity * figures.interval_seconds + limits.clock_seconds
    for answer, stated in told:
        seconds = stated.reset_seconds(answer.unix)
        if seconds is not None and not -limits.clock_seconds - slowest <= seconds <= longest:
            message = f"{stated.prefix}reset lies {seconds:.0f} s from now; {figures.words} are whole again within {longest:.0f} s"
            return [Finding(message=message, evidence=(_proof(answer, stated),))]
    return []


def _remaining(
    told: list[tuple[Answer, Stated]], figures: Figures, limits: HeaderLimits, slowest: float
) -> list[Finding]:
    counted = {
        Remaining(seconds=answer.seconds, remaining=stated.remaining): (answer, stated)
        for answer, stated in told
        if stated.remaining is not None
    }
    wrong = wrongly_fallen(list(counted), figures, slowest_seconds=slowest, told_requests=limits.told_requests)
    if wrong is None:
        return []
    how, first, last = wrong
    prefix = counted[first][1].prefix
    return [Finding(message=f"{prefix}remaining {how}", evidence=(_proof(*counted[first]), _proof(*counted[last])))]
