"""Answers do not advertise the software that made them."""

from __future__ import annotations

from readiness import Category, Severity, Verdict, check
from readiness.facts.http import Exchange, Responses
from readiness.headers import leaks
from readiness.headers.answers import FIRST_ERROR, conclude

HEADERS = ("Server", "Via", *leaks.TELLTALE)


@check(
    id="headers.leaks",
    category=Category.HEADERS,
    severity=Severity.LOW,
    title="No answer advertises its software by X-Powered-By and its like, or a version by Server or Via",
    why="Scanners look for known holes by version; whoever does not tell is found later.",
    source="OWASP Secure Headers Project, headers to remove; RFC 9110, 10.2.4 (Server, on fine-grained detail)",
    remediation="Remove X-Powered-By and its like; in nginx server_tokens off; in uvicorn --no-server-header.",
    defects=("server-version-leak",),
)
def check_leaks(responses: Responses) -> Verdict:
    """Judge the headers of every answer, and the page of every HTML error."""

    def grade(answer: Exchange) -> list[str]:
        is_error_page = answer.is_html and (answer.status or 0) >= FIRST_ERROR
        page = leaks.grade_page(answer.body).findings if is_error_page else ()
        return [*leaks.grade(answer.headers).findings, *page]

    return conclude(responses, responses.answered, grade, headers=HEADERS, holds="no software is advertised")
