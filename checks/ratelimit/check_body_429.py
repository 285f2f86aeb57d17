"""The refusal's body is JSON that a program and a person understand."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from readiness import Category, Evidence, Finding, Inconclusive, Severity, Verdict, check
from readiness.facts.limiter import DeployedLimit, Figures
from readiness.limiting.body import members, parsed
from readiness.limiting.declared import EXAMPLE
from readiness.limiting.judging import refusal_of

#: Names under which a machine finds which error it is: memorai's ``error``, the usual ``code``, RFC 9457's ``type`` and ``title``.
CODES = ("error", "code", "type", "title", "error_code")
MESSAGES = ("message", "detail", "title", "error_description", "msg")
WAITS = ("retry_after", "retryafter", "retry_after_seconds", "retry-after")
IS_LIMIT = re.compile(r"rate.?limit|too.?many|throttl|quota|limit.?exceeded", re.IGNORECASE)
FIGURE = re.compile(r"(?<![\w.])(\d{1,9})(?=\s*(?:requests?|calls?|hits|/|per\b))", re.IGNORECASE)


@check(
    id="ratelimit.body_429",
    category=Category.RATELIMIT,
    severity=Severity.LOW,
    title="A refusal's body names the limit in force and the wait",
    why="A caller who cannot tell a refusal from a failure retries it, and asks support what it means.",
    source="Claims ledger, ratelimit.body_429 (memorai)",
    remediation="Answer JSON with a code such as rate_limit_exceeded, a message with the figure, and retry_after as in the header.",
    seeds=("memorai",),
    defects=("refusal-names-other-figure",),
)
def check_body_429(deployed_limit: DeployedLimit) -> Verdict:
    """Judge one refusal; the names may stand at the top or one level below."""
    refusal, figures = refusal_of(deployed_limit), deployed_limit.figures
    if figures is None:
        raise Inconclusive("the figures of the limit are not known", supply=EXAMPLE)
    proof = (Evidence(source=refusal.label, text=refusal.body[:500]),)
    data = parsed(refusal.body)
    if not isinstance(data, Mapping):
        return Verdict(findings=(Finding(message="the body of a refusal is no JSON object", evidence=proof),))
    announced = refusal.first("retry-after")
    problems = list(_problems(dict(members(data)), figures, announced))
    return Verdict(
        findings=tuple(Finding(message=message, evidence=proof) for message in problems),
        summary=f"the refusal's body: {refusal.body[:200]}",
    )


def _problems(found: dict[str, Any], figures: Figures, announced: str | None) -> Iterator[str]:
    codes = [str(found[name]) for name in CODES if isinstance(found.get(name), str)]
    if not any(IS_LIMIT.search(code) for code in codes):
        yield f"no code in the body says that a limit refused ({', '.join(codes)[:100] or 'none of ' + ', '.join(CODES)})"
    messages = [str(found[name]) for name in MESSAGES if isinstance(found.get(name), str)]
    if not messages:
        yield "the body has no message"
    named = {int(number) for text in messages for number in FIGURE.findall(text)}
    if named and not named & {figures.requests, figures.capacity}:
        yield f"the message names {', '.join(map(str, sorted(named)))} requests; in force: {figures.words}"
    wait = next((found[name] for name in WAITS if name in found), None)
    if wait is None:
        yield "the body does not say how long to wait (retry_after)"
    elif (
        announced is not None
        and announced.isdigit()
        and (type(wait) not in {int, float} or abs(float(wait) - int(announced)) > 1)
    ):
        yield f"retry_after in the body is {wait!r:.40}; the header says {announced}"
