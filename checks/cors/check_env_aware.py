"""Developers' pages are allowed outside production, and there alone."""

from __future__ import annotations

from readiness import Category, Inconclusive, Severity, Verdict, check
from readiness.cors.answers import (
    ORIGINS,
    accepts,
    at_the_edge,
    gathered,
    is_list_known,
    is_told,
    may_be_meant,
    require_told,
    untold,
)
from readiness.facts.cors import CrossOrigin, OriginKind
from readiness.facts.development import Development
from readiness.target import Target

KINDS = (OriginKind.FOREIGN, OriginKind.LOCAL)
EXAMPLE = "variants:\n  development: {SERVICE: {ENVIRONMENT: development}}"


@check(
    id="cors.env_aware",
    category=Category.CORS,
    severity=Severity.LOW,
    title="Origins that are not listed are refused in production and allowed in development",
    why="Where developers cannot work with the strict list, they loosen it, and the loose one reaches production.",
    source="claims of a seed guide",
    remediation="Choose the origins by the environment: the list in production, local ones too in development.",
    seeds=("memorai",),
    defects=("cors-reflects-any", "cors-strict-in-development"),
)
def check_env_aware(cross_origin: CrossOrigin, development: Development, target: Target) -> Verdict:
    """Compare what a stranger and a developer's machine are told in both."""
    target.require("cors", value=True, example="")
    target.require("variants.development", target.variants.get("development"), example=EXAMPLE)
    strict = cross_origin.of(*KINDS)
    is_known = is_list_known(cross_origin.settings, target.declined)
    welcome_now = [answer for answer in strict if accepts(answer)]
    wrong = [answer for answer in welcome_now if is_known or not may_be_meant(answer, strict)]
    messages = [(f"in production {answer.origin} is allowed", answer) for answer in wrong]
    listed = cross_origin.settings.origins
    loose = at_the_edge(a for a in development.cross_origin if a.kind in KINDS and a.origin not in listed)
    entries = dict.fromkeys(answer.entry for answer in loose)
    for entry in entries:
        here = [answer for answer in loose if answer.entry == entry]
        # What works needs both: the preflight and the request.
        welcome = [
            origin
            for origin in dict.fromkeys(answer.origin for answer in here)
            if all(accepts(answer) for answer in here if answer.origin == origin)
        ]
        if not welcome and not untold(here):
            messages += [
                (f"in development no origin is allowed that is not listed, via {entry}", answer)
                for answer in here
                if answer.kind is OriginKind.LOCAL and is_told(answer)
            ][:1]
    findings = gathered(messages)
    if not findings:
        if development.reason:
            raise Inconclusive(f"the development variant was not asked: {development.reason}")
        if welcome_now:
            raise Inconclusive(
                "everybody may read in production, and whether that is meant is not known",
                supply=ORIGINS,
                undeclared="origins",
            )
        require_told(strict)
        if not loose or any(untold(loose)):
            raise Inconclusive(f"the development variant did not answer: {(untold(loose) or ['no entry'])[0][:200]}")
    return Verdict(
        findings=findings,
        summary=f"unlisted origins are refused in production and allowed in development via {', '.join(entries)}",
    )
