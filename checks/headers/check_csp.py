"""Injected script does not run."""

from __future__ import annotations

from dataclasses import dataclass

from readiness import Category, Evidence, Finding, Severity, Verdict, check
from readiness.facts.http import Exchange, Responses
from readiness.headers import csp
from readiness.headers.answers import conclude, entries_of, is_document, is_subresource, sound
from readiness.headers.meta import http_equiv
from readiness.target import Target

HEADER, REPORT_ONLY = "Content-Security-Policy", "Content-Security-Policy-Report-Only"


@dataclass(frozen=True, kw_only=True)
class CspLimits:
    """How strict a policy of a document must be beyond keeping injected script from running."""

    require_base_uri: bool = False  # asked for anyway where scripts are trusted by nonce
    require_form_action: bool = False  # default-src does not stand in for it; the seed's own policy lacks it


@check(
    id="headers.csp",
    category=Category.HEADERS,
    severity=Severity.HIGH,
    title="Every answer carries a Content-Security-Policy under which injected script does not run",
    why="One forgotten escape lets an attacker's script act as every user who sees the page; the policy is the second wall.",
    source="CSP Level 3; OWASP Content Security Policy Cheat Sheet; Weichselbaum et al., CSP Is Dead, Long Live CSP! (2016)",
    remediation=(
        "Enforce default-src 'self' with scripts by nonce or hash and base-uri 'none'; for a JSON API default-src 'none'; "
        "frame-ancestors 'none'. A fresh random nonce per answer; no 'unsafe-inline', 'unsafe-eval', wildcard or data:."
    ),
    seeds=("memorai", "brain"),
    defects=("csp-unsafe-inline", "csp-report-only", "csp-nonce-repeated", "proxy-drops-csp"),
)
def check_csp(responses: Responses, target: Target, limits: CspLimits) -> Verdict:
    """Judge every answer that is no error and no style, script or image; documents strictly, others for a sound policy."""
    stated = next((v for k, v in target.security_headers.items() if k.lower() == HEADER.lower()), None)

    def grade(answer: Exchange) -> list[str]:
        values = answer.all(HEADER)
        graded = csp.grade(
            values,
            meta=http_equiv(answer.body, HEADER) if answer.is_html else (),
            report_only=answer.all(REPORT_ONLY),
            is_document=is_document(answer),
            require_base_uri=limits.require_base_uri,
            require_form_action=limits.require_form_action,
        )
        differs = stated is not None and csp.normalised(values) != csp.normalised((stated,))
        return [*graded.findings, *([f"{HEADER} has other directives than stated: {stated}"] if differs else [])]

    answers = [answer for answer in sound(responses) if not is_subresource(answer)]
    repeated = _repeated(responses)
    if repeated:
        # An entry that gave no answer must not hide what is already seen.
        findings = repeated + tuple(
            Finding(
                message=message, evidence=(Evidence(source=answer.label, text=" | ".join(answer.all(HEADER))[:400]),)
            )
            for answer in answers
            for message in grade(answer)
        )
        return Verdict(findings=findings)
    return conclude(responses, answers, grade, headers=(HEADER, REPORT_ONLY), holds="injected script does not run")


def _repeated(responses: Responses) -> tuple[Finding, ...]:
    """Nonces that come back, entry by entry, in answers to the same request."""
    findings = []
    for entry in entries_of(responses):
        answers = [answer for answer in responses.repeated if answer.entry == entry]
        reason = csp.predictable(csp.nonces(csp.parse(answer.all(HEADER))) for answer in answers)
        if reason:
            proofs = [Evidence(source=answer.label, text=" | ".join(answer.all(HEADER))[:400]) for answer in answers]
            findings.append(Finding(message=f"{reason} (via {entry})", evidence=tuple(proofs)))
    return tuple(findings)
