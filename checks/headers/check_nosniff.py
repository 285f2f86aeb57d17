"""Browsers are told to believe the content type."""

from __future__ import annotations

from readiness import Category, Severity, Verdict, check
from readiness.facts.http import Exchange, Responses
from readiness.headers import nosniff
from readiness.headers.answers import conclude, declared, sound
from readiness.target import Target

HEADER = "X-Content-Type-Options"


@check(
    id="headers.nosniff",
    category=Category.HEADERS,
    severity=Severity.MEDIUM,
    title="Every answer carries X-Content-Type-Options: nosniff, once",
    why="Without it a browser may run an uploaded picture or a JSON answer as a script.",
    source="Fetch standard, X-Content-Type-Options; OWASP HTTP Security Response Headers Cheat Sheet",
    remediation="Set X-Content-Type-Options: nosniff in one place only, application or proxy, static files included.",
    seeds=("memorai", "brain"),
    defects=("no-nosniff", "nosniff-twice"),
)
def check_nosniff(responses: Responses, target: Target) -> Verdict:
    """Judge every answer that is no error, static files and redirects included."""

    def grade(answer: Exchange) -> list[str]:
        return list(nosniff.grade(answer.all(HEADER)).findings) or declared(target.security_headers, HEADER, answer)

    return conclude(responses, sound(responses), grade, headers=(HEADER, "Content-Type"), holds="nosniff, once")
