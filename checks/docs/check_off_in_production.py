"""In production the API is not described to everybody."""

from __future__ import annotations

from readiness import Category, Evidence, Finding, Inconclusive, NotApplicable, Severity, Verdict, check
from readiness.declared.docs import docs_of
from readiness.facts.docs import ApiDocuments, DocumentKind
from readiness.target import Target

TOO_MANY_REQUESTS, FIRST_SERVER_ERROR = 429, 500
MAX_EVIDENCE = 6


@check(
    id="docs.off_in_production",
    category=Category.DOCS,
    severity=Severity.MEDIUM,
    title="In production neither pages nor documents describe the API to everybody",
    why="A complete list of operations with a form to try each saves an attacker the search, forgotten ones included.",
    source="claims of a seed guide; OWASP API Security Top 10 2023, API9 (improper inventory management)",
    remediation="Switch off the pages *and* the document they read (FastAPI: docs_url, redoc_url and openapi_url), or ask for a login.",
    seeds=("memorai",),
    defects=("docs-open-in-production", "openapi-open-in-production"),
)
def check_off_in_production(api_documents: ApiDocuments, target: Target) -> Verdict:
    """Judge by content what every usual place answers to somebody who is not logged in, through every entry."""
    target.require("docs", value=True, example="")
    if docs_of(target).is_public:
        raise NotApplicable("docs.production: open, so everybody shall read them")
    answers = api_documents.answers
    shown = [answer for answer in answers if answer.is_shown and not answer.is_as_user]
    findings = []
    for kind, words in (
        (DocumentKind.DOCUMENT, "the OpenAPI document"),
        (DocumentKind.PAGE, "a page of the API's documents"),
    ):
        found = [answer for answer in shown if answer.kind is kind]
        if found:
            places = ", ".join(dict.fromkeys(answer.path for answer in found))
            proofs = tuple(Evidence(source=answer.label, text=answer.proof) for answer in found[:MAX_EVIDENCE])
            findings.append(Finding(message=f"{words} is open to everybody: {places}", evidence=proofs))
    if not findings:
        if not answers:
            raise Inconclusive("nothing was asked: no entry is known", undeclared="entry", supply="entry: {…}")
        untold = [
            answer.label
            for answer in answers
            if answer.status is None or answer.status == TOO_MANY_REQUESTS or answer.status >= FIRST_SERVER_ERROR
        ]
        if untold:
            raise Inconclusive(f"{len(untold)} of {len(answers)} places told nothing, such as {untold[0][:200]}")
    entries = ", ".join(dict.fromkeys(answer.entry for answer in answers))
    count = len({answer.path for answer in answers})
    return Verdict(findings=tuple(findings), summary=f"{count} usual places via {entries} show nothing of the API")
