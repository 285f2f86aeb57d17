"""Developers have the documents where they work."""

from __future__ import annotations

from readiness import Category, Evidence, Finding, Inconclusive, Severity, Verdict, check
from readiness.declared.docs import docs_of
from readiness.facts.development import Development
from readiness.facts.docs import DocumentAnswer, DocumentKind
from readiness.target import Target

EXAMPLE = "variants:\n  development: {SERVICE: {ENVIRONMENT: development}}"
PAGES = "docs:\n  pages: [/docs, /redoc]\n  document: /openapi.json   # or docs: none, with why"
LOGIN = "login: {…}   # of a user who may see them; what takes another login cannot be seen here: docs: none, with why"
TOO_MANY_REQUESTS = 429


@check(
    id="docs.on_in_development",
    category=Category.DOCS,
    severity=Severity.LOW,
    title="In development the API's documents are served, and browsers can show them",
    why="Without them developers read the code instead, or open them in production.",
    source="claims of a seed guide",
    remediation="Serve pages and document where the environment is not production, with a content policy that lets the page run.",
    seeds=("memorai",),
    defects=("docs-closed-in-development",),
)
def check_on_in_development(development: Development, target: Target) -> Verdict:
    """Judge the declared pages and document, else that any page is there, in the development variant."""
    target.require("docs", value=True, example="")
    target.require("variants.development", target.variants.get("development"), example=EXAMPLE)
    if development.reason:
        raise Inconclusive(f"the development variant was not asked: {development.reason}")
    declared = docs_of(target)
    answers = development.documents
    by_entry = {answer.entry: [a for a in answers if a.entry == answer.entry] for answer in answers}
    if not by_entry:
        raise Inconclusive("nothing was asked: no entry is known", undeclared="entry", supply="entry: {…}")
    findings = [finding for here in by_entry.values() for finding in _missing(here, declared.pages, declared.document)]
    if not declared.pages and not any(answer.kind is DocumentKind.PAGE for answer in answers):
        raise Inconclusive(
            "no page was found at the usual places, and none is declared", supply=PAGES, undeclared="docs.pages"
        )
    if not findings:
        wanted = (*declared.pages, declared.document)
        locked = [a.label for a in answers if a.wants_login and not a.is_shown and a.path in wanted]
        if locked:
            raise Inconclusive(f"they are behind a login that is not known: {locked[0][:200]}", supply=LOGIN)
        untold = [a.label for a in answers if a.status is None or a.status == TOO_MANY_REQUESTS]
        if untold:
            raise Inconclusive(f"the development variant did not answer: {untold[0][:200]}")
    shown = ", ".join(dict.fromkeys(answer.path for answer in answers if answer.is_shown))
    return Verdict(findings=tuple(findings), summary=f"served in development via {', '.join(by_entry)}: {shown}")


def _missing(answers: list[DocumentAnswer], pages: tuple[str, ...], document: str) -> list[Finding]:
    findings = []
    for answer in answers:
        is_page, is_document = answer.path in pages, answer.path == document
        proof = (Evidence(source=answer.label, text=answer.proof or "shows nothing of the API"),)
        if answer.status is None or answer.status == TOO_MANY_REQUESTS:
            continue
        if answer.wants_login and not answer.is_shown:
            continue  # developers may have a login that the audit has not
        if is_page and answer.kind is not DocumentKind.PAGE:
            findings.append(Finding(message=f"{answer.path} shows no documents in development", evidence=proof))
        if is_document and answer.kind is not DocumentKind.DOCUMENT:
            findings.append(Finding(message=f"{answer.path} is no OpenAPI document in development", evidence=proof))
        if answer.kind is DocumentKind.PAGE and answer.is_scriptless and (is_page or not pages):
            message = f"{answer.path} stays empty in browsers: its content security policy lets no script run"
            findings.append(Finding(message=message, evidence=proof))
    return findings
