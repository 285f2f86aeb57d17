"""The documented rate limit is the one in force."""

from __future__ import annotations

from readiness import Category, Evidence, Finding, Inconclusive, Severity, Verdict, check
from readiness.docs.limits import statements, told
from readiness.facts.development import Development
from readiness.facts.http import Responses
from readiness.target import Target

DOCUMENT = "openapi: openapi.json   # or variants.development, where it is served"
LIMIT = "limit: {path: /items, requests: 100, window_seconds: 60}   # or none, with why"


@check(
    id="docs.rate_limits_documented",
    category=Category.DOCS,
    severity=Severity.LOW,
    title="The OpenAPI document states the rate limit, and the running service agrees",
    why="Clients pace themselves by the document; one that promises more has them refused, and they retry.",
    source="claims of a seed guide",
    remediation="Write the figure into the document from the same setting that the limiter reads.",
    seeds=("memorai",),
    defects=("documented-limit-wrong",),
)
def check_rate_limits_documented(development: Development, responses: Responses, target: Target) -> Verdict:
    """Compare the figures in the document's texts with those in the answers, else with the declared ones."""
    target.require("docs", value=True, example="")
    target.require("limit", value=True, example="")
    found = development.openapi
    if found is None:
        reason = f" ({development.reason})" if development.reason else ""
        raise Inconclusive(f"there is no OpenAPI document to judge{reason}", supply=DOCUMENT, undeclared="openapi")
    running = told(responses.answered)
    source = "; ".join(running.values())
    if not running:
        target.require("limit", target.limits, example=LIMIT)
        running = {limit.requests: "" for limit in target.limits}
        source = "limit of readiness.yaml: no answer tells a figure"
    windows = {limit.requests: limit.window_seconds for limit in target.limits}
    stated = statements(found.data)
    if not stated:
        proof = Evidence(source=source[:400], text=f"the limit is {', '.join(map(str, running))}")
        finding = Finding(message=f"{found.source} states no rate limit", evidence=(proof,))
        return Verdict(findings=(finding,))
    agreeing = [
        one for one in stated if one.requests in running and windows.get(one.requests, one.seconds) == one.seconds
    ]
    words = ", ".join(one.text for one in stated)
    if agreeing:
        return Verdict(summary=f"the document states {agreeing[0].text}, as the running service does")
    proofs = (
        Evidence(source=found.source, text=words[:400]),
        Evidence(source=source[:400], text=f"{', '.join(map(str, running))}"),
    )
    message = f"the document states {words[:200]}; the limit in force is {', '.join(map(str, running))}"
    return Verdict(findings=(Finding(message=message, evidence=proofs),))
