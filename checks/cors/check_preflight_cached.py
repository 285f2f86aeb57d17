"""Browsers may remember the answer to a preflight."""

from __future__ import annotations

from dataclasses import dataclass

from readiness import Category, Inconclusive, Measurement, Severity, Verdict, check
from readiness.cors.answers import ORIGINS, accepts, at_the_edge, gathered, require_written_out, untold
from readiness.facts.cors import CrossOrigin, CrossOriginAnswer, OriginKind
from readiness.target import Target

SUCCESS = range(200, 300)


@dataclass(frozen=True, kw_only=True)
class PreflightLimits:
    """How long is long enough."""

    at_least_seconds: int = 1  # more than 0, as claimed; browsers cap it at 7200 (Chromium) or 86400 (Firefox)


@check(
    id="cors.preflight_cached",
    category=Category.CORS,
    severity=Severity.LOW,
    title="The answer to a preflight may be remembered",
    why="Otherwise every request of the owner's pages costs two, and the first one waits for nothing.",
    source="Fetch standard, 4.9 (CORS-preflight cache)",
    remediation="Send Access-Control-Max-Age with preflights, for example 600.",
    seeds=("memorai",),
    defects=("cors-preflight-uncached",),
)
def check_preflight_cached(cross_origin: CrossOrigin, target: Target, limits: PreflightLimits) -> Verdict:
    """Judge the accepted preflights of allowed origins through each entry."""
    target.require("cors", value=True, example="")
    target.require("origins", cross_origin.settings.origins or cross_origin.settings.pattern, example=ORIGINS)
    require_written_out(cross_origin.settings)
    edge = at_the_edge(cross_origin.of(OriginKind.ALLOWED))
    asked = [answer for answer in edge if answer.is_preflight]
    accepted = [answer for answer in asked if answer.status in SUCCESS and accepts(answer)]
    ages = [(answer, _age(answer)) for answer in accepted]
    findings = gathered(
        (
            f"preflights may not be remembered: Access-Control-Max-Age is {' | '.join(answer.all('access-control-max-age')) or 'missing'}",
            answer,
        )
        for answer, age in ages
        if age < limits.at_least_seconds
    )
    # An origin that is refused is judged by cors.allowed_origin; one accepted preflight shows what all are told.
    silent = [answer.label for answer in asked if answer.entry not in {a.entry for a in accepted}]
    if not findings and (not asked or silent or untold(asked)):
        missing = [*silent, *untold(asked), "nothing was asked"]
        raise Inconclusive(f"no accepted preflight to judge, such as {missing[0][:200]}")
    shortest = min(age for _, age in ages)
    return Verdict(
        findings=findings,
        measured=(Measurement(name="shortest Access-Control-Max-Age", value=shortest, unit="s"),),
        summary=f"{len(accepted)} preflights may be remembered for at least {shortest} s",
    )


def _age(answer: CrossOriginAnswer) -> int:
    """Seconds; 0 where there is no number, which browsers take for their few seconds of default."""
    values = [value.strip()[:12] for value in answer.all("access-control-max-age")]
    numbers = [int(value) if value.isascii() and value.isdigit() else 0 for value in values]
    return min(numbers, default=0)
