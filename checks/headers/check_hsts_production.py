"""Browsers never come back over plain http."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from readiness import Category, Inconclusive, Severity, Verdict, check
from readiness.facts.http import Exchange, Responses
from readiness.headers import hsts
from readiness.headers.answers import conclude, declared, is_forwarded_https, sound
from readiness.target import Target

HEADER = "Strict-Transport-Security"


@dataclass(frozen=True, kw_only=True)
class HstsLimits:
    """What the header must say."""

    max_age_seconds: int = hsts.ONE_YEAR_SECONDS  # hstspreload.org, and what the seed guides state
    include_subdomains: bool = True  # the same; without it a subdomain over plain http can set the site's cookies


@check(
    id="headers.hsts_production",
    category=Category.HEADERS,
    severity=Severity.MEDIUM,
    title="Every https answer carries Strict-Transport-Security for a year and all subdomains, once",
    why="On a strange network the first plain request is all that an attacker needs to take the session over.",
    source="RFC 6797, 6.1, 7.1 and 8.1; hstspreload.org, submission requirements",
    remediation="Send Strict-Transport-Security: max-age=31536000; includeSubDomains in one place only, proxy or application.",
    seeds=("memorai", "brain"),
    defects=("hsts-short", "hsts-twice"),
)
def check_hsts_production(responses: Responses, target: Target, limits: HstsLimits) -> Verdict:
    """Judge https answers, errors left out; without https, answers to a request that says it came over https.

    Over plain http the header may be there or not (RFC 6797, 7.2: it must not be sent; 8.1: it is ignored).
    """

    def grade(answer: Exchange) -> list[str]:
        graded = hsts.grade(
            answer.all(HEADER),
            at_least_seconds=limits.max_age_seconds,
            require_subdomains=limits.include_subdomains,
        )
        return list(graded.findings) or declared(target.security_headers, HEADER, answer)

    secure = {exchange.entry for exchange in responses.exchanges if exchange.https}
    asked = tuple(e for e in responses.exchanges if (e.https if secure else is_forwarded_https(e)))
    if not asked:
        raise Inconclusive(
            "no entry speaks https and none was asked as if it did, so the header means nothing",
            supply="entry: {service: YOUR_PROXY, port: 443, https: true}",
            undeclared="entry.https",
        )
    if not secure:
        target.require("tls", value=True, example="")
    if not secure and not any(exchange.all(HEADER) for exchange in asked):
        raise Inconclusive(
            "no entry speaks https, and the service itself sends no such header to what says that it came over https: whether "
            "what ends TLS before the stack does cannot be seen",
            supply="entry: {service: YOUR_PROXY, port: 443, https: true}   # or: tls: none, with why",
            undeclared="entry.https",
        )
    # Plain entries owe no answer here.
    judged = dataclasses.replace(responses, exchanges=asked)
    return conclude(judged, sound(judged), grade, headers=(HEADER,), holds="https is remembered")
