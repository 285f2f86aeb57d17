"""The filter of former browsers is off, or blocks."""

from __future__ import annotations

from readiness import Category, Severity, Verdict, check
from readiness.facts.http import Exchange, Responses
from readiness.headers import xss
from readiness.headers.answers import conclude, declared, is_subresource, sound
from readiness.target import Target

HEADER = "X-XSS-Protection"


@check(
    id="headers.xss_protection",
    category=Category.HEADERS,
    severity=Severity.LOW,
    title="X-XSS-Protection is absent, 0 or 1; mode=block",
    why="Where an old browser still reads it, the filter without blocking lets an attacker rewrite the page.",
    source="OWASP HTTP Security Response Headers Cheat Sheet, X-XSS-Protection; no standard, ignored by today's browsers",
    remediation="Remove the header or send 0; where a policy asks for it, send exactly 1; mode=block.",
    seeds=("memorai",),
    defects=("xss-filter-without-block",),
)
def check_xss_protection(responses: Responses, target: Target) -> Verdict:
    """Judge every answer that is no error; a value that the owner states must be there."""

    def grade(answer: Exchange) -> list[str]:
        return list(xss.grade(answer.all(HEADER)).findings) or declared(target.security_headers, HEADER, answer)

    answers = [answer for answer in sound(responses) if not is_subresource(answer)]
    return conclude(responses, answers, grade, headers=(HEADER,), holds="absent, 0 or 1; mode=block")
