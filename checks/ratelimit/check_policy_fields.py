"""The IETF's fields, where they are sent, are structured fields and say what is so."""

from __future__ import annotations

from dataclasses import dataclass

from readiness import Category, Evidence, Finding, Inconclusive, NotApplicable, Severity, Verdict, check
from readiness.facts.limiter import TOO_MANY, Answer, DeployedLimit, Figures, is_let_through
from readiness.limiting.declared import VARIABLE_EXAMPLE
from readiness.limiting.falling import Remaining, wrongly_fallen
from readiness.limiting.fields import StructuredField, structured
from readiness.limiting.judging import require_deployed


@dataclass(frozen=True, kw_only=True)
class PolicyFieldLimits:
    """How exact the figures must be."""

    # Two clocks, and a second of rounding on each side, as for the older headers.
    clock_seconds: float = 2.0


@check(
    id="ratelimit.policy_fields",
    category=Category.RATELIMIT,
    severity=Severity.LOW,
    title="RateLimit and RateLimit-Policy can be parsed, and are true",
    why="Client libraries throw a malformed field away whole, and slow down by a wrong one at the wrong time.",
    source="draft-ietf-httpapi-ratelimit-headers-10; RFC 9651",
    remediation='Send RateLimit-Policy: "default";q=100;w=60 and RateLimit: "default";r=50;t=30 as structured fields.',
    defects=("policy-field-malformed",),
)
def check_policy_fields(deployed_limit: DeployedLimit, limits: PolicyFieldLimits) -> Verdict:
    """Judge the fields of every answer that was kept."""
    figures = deployed_limit.figures
    if figures is None or not deployed_limit.answers:
        raise Inconclusive(deployed_limit.reason or "no limited answer was seen", supply=VARIABLE_EXAMPLE)
    require_deployed(deployed_limit)
    told = [(answer, field) for answer in deployed_limit.answers for field in structured(answer)]
    if not told:
        raise NotApplicable("neither RateLimit nor RateLimit-Policy is sent")
    findings: dict[str, Finding] = {}
    for answer, field in told:
        message = _wrong(answer, field, figures, limits)
        if message:
            findings.setdefault(field.name, Finding(message=message, evidence=(_proof(answer, field),)))
    if "ratelimit" not in findings:
        findings |= _fallen(told, figures, deployed_limit.phase.slowest_seconds if deployed_limit.phase else 0.0)
    return Verdict(
        findings=tuple(findings.values()),
        summary=f"{len(told)} fields, for example {told[0][1].name}: {told[0][1].value}",
    )


def _proof(answer: Answer, field: StructuredField) -> Evidence:
    return Evidence(source=f"answer after {answer.seconds:.2f} s: {answer.status}", text=f"{field.name}: {field.value}")


def _fallen(told: list[tuple[Answer, StructuredField]], figures: Figures, slowest: float) -> dict[str, Finding]:
    """Of one policy alone: of several, which one a figure belongs to may change from answer to answer."""
    counted: dict[Remaining, tuple[Answer, StructuredField]] = {}
    for answer, field in told:
        if field.name != "ratelimit" or not is_let_through(answer.status):
            continue
        if len(field.figures) != 1:
            return {}
        left = _remaining(field.figures[0])
        if left is not None:
            counted[Remaining(seconds=answer.seconds, remaining=left)] = (answer, field)
    wrong = wrongly_fallen(list(counted), figures, slowest_seconds=slowest)
    if wrong is None:
        return {}
    how, first, last = wrong
    proof = (_proof(*counted[first]), _proof(*counted[last]))
    return {"ratelimit": Finding(message=f"what ratelimit says remains {how}", evidence=proof)}


def _windows(answer: Answer) -> list[float]:
    """Of all policies that an answer names, where it names several: any of them may be meant. One is judged by itself."""
    policies = [member for field in structured(answer) if field.name == "ratelimit-policy" for member in field.figures]
    return [float(member.get("w", 0)) for member in policies] if len(policies) > 1 else [0.0]


def _remaining(member: dict[str, int]) -> int | None:
    return member.get("r", member.get("remaining"))


def _wrong(answer: Answer, field: StructuredField, figures: Figures, limits: PolicyFieldLimits) -> str:
    """What is not so, or nothing."""
    if field.problem:
        return f"{field.name} is no structured field: {field.problem}"
    return (
        _wrong_policy(field, figures)
        if field.name == "ratelimit-policy"
        else _wrong_state(answer, field, figures, limits)
    )


def _wrong_policy(field: StructuredField, figures: Figures) -> str:
    known = {figures.requests, figures.capacity}
    ours = [member for member in field.figures if member.get("q", member.get("limit")) in known]
    if not ours:
        return f"{field.name} names none of {figures.words}"
    # A bucket with a burst is whole again a little later than its window.
    longest = figures.capacity * figures.interval_seconds
    windows = [member["w"] for member in ours if "w" in member]
    if windows and not any(figures.window_seconds - 1 <= seconds <= longest + 1 for seconds in windows):
        return f"{field.name} names a window of {windows[0]} s; declared are {figures.words}"
    return ""


def _wrong_state(answer: Answer, field: StructuredField, figures: Figures, limits: PolicyFieldLimits) -> str:
    waits = [member.get("t", member.get("reset", 0)) for member in field.figures]
    whole = max(figures.capacity * figures.interval_seconds, *_windows(answer)) + limits.clock_seconds
    if waits and min(waits) > whole:
        return f"{field.name} says {min(waits)} s; {figures.words} are whole again within {whole:.0f} s"
    remaining = [_remaining(member) for member in field.figures]
    if not any(left is not None for left in remaining):
        return f"{field.name} does not say what remains"
    if answer.status == TOO_MANY and 0 not in remaining:
        return f"{field.name} of a refusal says that requests remain"
    return ""
