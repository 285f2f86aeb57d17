"""The list of allowed origins is the one in the setting."""

from __future__ import annotations

from readiness import Category, Severity, Verdict, check
from readiness.cors.answers import ORIGINS, accepts, at_the_edge, gathered, refuses, require_told, require_written_out
from readiness.facts.cors import CrossOrigin, OriginKind
from readiness.target import Target


@check(
    id="cors.origins_configurable",
    category=Category.CORS,
    severity=Severity.LOW,
    title="The allowed origins come from the setting, and changing it changes the answers",
    why="A list that is also written elsewhere keeps a domain allowed after it was given up and sold to somebody else.",
    source="claims of two of the seed guides (CORS_ORIGINS)",
    remediation="Read the list from the setting alone, in the application or in the proxy, not in both.",
    seeds=("myragdb", "memorai"),
    defects=("cors-reflects-any", "cors-origins-fixed", "cors-second-origin-forgotten"),
)
def check_origins_configurable(cross_origin_reset: CrossOrigin, target: Target) -> Verdict:
    """Judge a variant whose list is two invented origins: both are allowed, the former ones are not."""
    target.require("cors", value=True, example="")
    target.require(
        "origins", cross_origin_reset.settings.origins or cross_origin_reset.settings.pattern, example=ORIGINS
    )
    require_written_out(cross_origin_reset.settings)
    variable = cross_origin_reset.settings.variable
    new = at_the_edge(cross_origin_reset.of(OriginKind.INVENTED))
    former = cross_origin_reset.of(OriginKind.FORMER)
    messages = [(f"with {variable} set to it, {a.origin} is not allowed", a) for a in new if refuses(a)]
    messages += [(f"with {variable} set to others, {a.origin} is still allowed", a) for a in former if accepts(a)]
    findings = gathered(messages)
    if not findings:
        require_told((*new, *former))
    origins = len({answer.origin for answer in new})
    return Verdict(findings=findings, summary=f"{variable} set to {origins} invented origins: they alone are allowed")
