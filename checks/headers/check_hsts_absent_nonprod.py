"""A developer's browser is not locked into https."""

from __future__ import annotations

from readiness import Category, Finding, Inconclusive, NotApplicable, Severity, Verdict, check
from readiness.facts.http import Responses
from readiness.headers import hsts
from readiness.headers.answers import MAX_EVIDENCE, SECURITY_HEADERS, carried, evidence, representative

HEADER = "Strict-Transport-Security"


@check(
    id="headers.hsts_absent_nonprod",
    category=Category.HEADERS,
    severity=Severity.LOW,
    title="Outside production Strict-Transport-Security is not sent, and the other headers stay",
    why="HSTS seen once on localhost or a test host locks browsers out of everything there that has no certificate.",
    source="RFC 6797, 11.2 and 14.4; claims of two of the seed guides",
    remediation="Send the header only where the environment is production; keep all other security headers everywhere.",
    seeds=("memorai", "brain"),
    defects=("hsts-in-development",),
)
def check_hsts_absent_nonprod(responses: Responses, development_responses: Responses) -> Verdict:
    """Compare the stack in production with its development variant, entry by entry."""
    production, development = carried(responses), carried(development_responses)
    # Behind a proxy that ends TLS only the answers to requests that say so carry it.
    if not any(hsts.grade(answer.all(HEADER)).max_age_seconds for answer in responses.answered):
        raise NotApplicable("Strict-Transport-Security is not sent in production either, so its absence shows nothing")
    findings = []
    # max-age=0 ends what an earlier visit may have remembered (RFC 6797, 6.1.1).
    sent = [a for a in development_responses.answered if hsts.grade(a.all(HEADER)).max_age_seconds]
    if sent:
        proofs = tuple(evidence(answer, HEADER) for answer in sent[:MAX_EVIDENCE])
        findings.append(Finding(message=f"{HEADER} is sent in development ({len(sent)} answers)", evidence=proofs))
    for entry, headers in development.items():
        others = production.get(entry, frozenset()) - {HEADER}
        findings += [
            Finding(
                message=f"{name} is gone in development (via {entry})",
                evidence=tuple(evidence(a, name) for a in representative(development_responses) if a.entry == entry)[
                    :6
                ],
            )
            for name in SECURITY_HEADERS
            if name in others - headers
        ]
    silent = [entry for entry in production if entry not in development]
    if silent and not findings:
        causes = "; ".join(e.label for e in development_responses.exchanges if e.entry in silent) or "nothing was asked"
        raise Inconclusive(f"the development variant gave no answer to judge via {', '.join(silent)}: {causes[:300]}")
    summary = (
        f"{len(development_responses.answered)} answers in development without {HEADER}, the other headers as before"
    )
    return Verdict(findings=tuple(findings), summary=summary)
