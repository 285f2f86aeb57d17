"""Other sites do not learn the addresses of the service's pages."""

from __future__ import annotations

from dataclasses import dataclass

from readiness import Category, Severity, Verdict, check
from readiness.facts.http import Exchange, Responses
from readiness.headers import referrer
from readiness.headers.answers import conclude, declared, is_subresource, sound
from readiness.target import Target

HEADER = "Referrer-Policy"


@dataclass(frozen=True, kw_only=True)
class ReferrerLimits:
    """Policies that are findings."""

    # The claims ledger: any value but these two, which give the full address to other sites.
    refused: tuple[str, ...] = ("unsafe-url", "no-referrer-when-downgrade")


@check(
    id="headers.referrer_policy",
    category=Category.HEADERS,
    severity=Severity.LOW,
    title="Every answer carries a Referrer-Policy that keeps addresses from other sites",
    why="Addresses hold search terms, ids and reset tokens; each outgoing link would hand them to somebody else.",
    source="W3C Referrer Policy, 3 and 8.1",
    remediation="Send Referrer-Policy: strict-origin-when-cross-origin, or no-referrer for an API.",
    seeds=("memorai", "brain"),
    defects=("referrer-unsafe-url",),
)
def check_referrer_policy(responses: Responses, target: Target, limits: ReferrerLimits) -> Verdict:
    """Judge every answer that is no error and no style, script or image."""

    def grade(answer: Exchange) -> list[str]:
        graded = referrer.grade(answer.all(HEADER), refused=frozenset(limits.refused))
        return list(graded.findings) or declared(target.security_headers, HEADER, answer)

    answers = [answer for answer in sound(responses) if not is_subresource(answer)]
    return conclude(responses, answers, grade, headers=(HEADER,), holds="addresses stay private")
