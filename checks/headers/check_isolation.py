"""Pages do not share a browsing context with other sites."""

from __future__ import annotations

import dataclasses

from readiness import Category, Severity, Verdict, check
from readiness.facts.http import Exchange, Responses, StatusClass
from readiness.headers import cross_origin
from readiness.headers.answers import conclude, sound
from readiness.target import Target

OPENER, EMBEDDER, RESOURCE = (
    "Cross-Origin-Opener-Policy",
    "Cross-Origin-Embedder-Policy",
    "Cross-Origin-Resource-Policy",
)


@check(
    id="headers.isolation",
    category=Category.HEADERS,
    severity=Severity.LOW,
    title="Pages are isolated from windows of other origins, and isolation headers say what they mean",
    why="A window that another site opened can be steered by it, and shares a process with it.",
    source="HTML standard, 7.1.3 (COOP) and 7.1.4 (COEP); Fetch standard, 3.7 (CORP)",
    remediation="Send Cross-Origin-Opener-Policy: same-origin (or same-origin-allow-popups) with every page.",
    defects=("coop-missing",),
)
def check_isolation(responses: Responses, target: Target) -> Verdict:
    """Judge every page that is no error; the resource and embedder policies only where they are sent."""
    pages = [answer for answer in sound(responses) if answer.is_html]
    if not pages:
        target.require("paths.html", target.paths.html, example="paths:\n  html: /a/page   # or: none, with why")
    # An entry that answers without HTML has no pages; one that does not answer may have.
    silent = tuple(e for e in responses.exchanges if e.purpose is StatusClass.HTML and e.status is None)
    asked = dataclasses.replace(responses, exchanges=(*pages, *silent)) if pages else responses

    def grade(answer: Exchange) -> list[str]:
        opener = cross_origin.opener(answer.all(OPENER))
        others = (
            *cross_origin.embedder(answer.all(EMBEDDER)).findings,
            *cross_origin.resource(answer.all(RESOURCE)).findings,
        )
        if opener.findings or opener.isolates:
            return [*opener.findings, *others]
        return [f"{OPENER} is {opener.value or 'missing'}, so windows of other origins stay connected", *others]

    return conclude(asked, pages, grade, headers=(OPENER, EMBEDDER, RESOURCE), holds="pages are isolated")
