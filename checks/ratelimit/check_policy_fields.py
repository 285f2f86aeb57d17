"""The IETF's fields, where they are sent, are structured fields and say what is so."""

from __future__ import annotations

from readiness import Category, Evidence, Finding, Inconclusive, NotApplicable, Severity, Verdict, check
from readiness.facts.limiter import TOO_MANY, Answer, DeployedLimit, Figures
from readiness.limiting.fields import StructuredField, structured
from readiness.limiting.judging import require_deployed


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
def check_policy_fields(deployed_limit: DeployedLimit) -> Verdict:
    """Judge the fields of every answer that was kept."""
    figures = deployed_limit.figures
    if figures is None or not deployed_limit.answers:
        raise Inconclusive(deployed_limit.reason or "no limited answer was seen")
    require_deployed(deployed_limit)
    told = [(answer, field) for answer in deployed_limit.answers for field in structured(answer)]
    if not told:
        raise NotApplicable("neither RateLimit nor RateLimit-Policy is sent")
    findings: dict[str, Finding] = {}
    for answer, field in told:
        message = _wrong(answer, field, figures)
        if message:
            proof = Evidence(
                source=f"answer after {answer.seconds:.2f} s: {answer.status}", text=f"{field.name}: {field.value}"
            )
            findings.setdefault(field.name, Finding(message=message, evidence=(proof,)))
    return Verdict(
        findings=tuple(findings.values()),
        summary=f"{len(told)} fields, for example {told[0][1].name}: {told[0][1].value}",
    )


def _wrong(answer: Answer, field: StructuredField, figures: Figures) -> str:
    """What is not so, or nothing."""
    if field.problem:
        return f"{field.name} is no structured field: {field.problem}"
    if field.name == "ratelimit-policy":
        quotas = {member.get("q", member.get("limit")) for member in field.figures}
        if not quotas & {figures.requests, figures.capacity}:
            return f"{field.name} names none of {figures.words}"
        return ""
    remaining = [member.get("r", member.get("remaining")) for member in field.figures]
    if not any(left is not None for left in remaining):
        return f"{field.name} does not say what remains"
    if answer.status == TOO_MANY and 0 not in remaining:
        return f"{field.name} of a refusal says that requests remain"
    return ""
