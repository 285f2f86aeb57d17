"""The limiter does not stand in a developer's way."""

from __future__ import annotations

from readiness import Category, Evidence, Finding, Inconclusive, NotApplicable, Severity, Verdict, check
from readiness.facts.http import Responses, StatusClass
from readiness.facts.limiter import TOO_MANY, DeployedLimit
from readiness.limiting.declared import VARIABLE_EXAMPLE


@check(
    id="ratelimit.off_in_development",
    category=Category.RATELIMIT,
    severity=Severity.LOW,
    title="Outside production nothing is limited",
    why="Test runs and reloads of a developer look like an attack, and a limit there is switched off for good.",
    source="Claims ledger, ratelimit.off_in_development (brain)",
    remediation="Mount the limiter in production only, by the setting that says which environment this is.",
    seeds=("brain",),
    defects=("limiter-in-development",),
)
def check_off_in_development(deployed_limit: DeployedLimit, development_responses: Responses) -> Verdict:
    """Judge a burst against the variant outside production, where production limits."""
    if deployed_limit.phase is None:
        raise Inconclusive(deployed_limit.reason or "no burst was sent to production", supply=VARIABLE_EXAMPLE)
    if deployed_limit.phase.refused == 0:
        raise NotApplicable("premise failed: production refuses nothing either, which ratelimit.enforced judges")
    refusals = [
        e for e in development_responses.exchanges if e.purpose is StatusClass.TOO_MANY and e.status == TOO_MANY
    ]
    if refusals:
        proof = Evidence(source=refusals[0].label, text=refusals[0].body[:300])
        return Verdict(findings=(Finding(message="requests are refused outside production too", evidence=(proof,)),))
    if not development_responses.unrefused:
        reasons = [v for k, v in development_responses.not_provoked.items() if k.startswith(StatusClass.TOO_MANY.value)]
        raise Inconclusive(reasons[0] if reasons else "no burst was sent outside production")
    entry, count = next(iter(development_responses.unrefused.items()))
    return Verdict(summary=f"{count} requests via {entry} outside production, none refused")
