"""The API's document is valid, and leaves nothing out."""

from __future__ import annotations

from collections.abc import Iterator

from readiness import Category, Evidence, Finding, Inconclusive, Severity, Verdict, check
from readiness.docs.completeness import operations, undescribed, undocumented, unexampled, unprotected, without_flow
from readiness.facts.development import Development
from readiness.facts.docs import OpenApi
from readiness.facts.http import Responses
from readiness.target import Target

SUPPLY = "openapi: openapi.json   # or variants.development, where it is served"
MAX_NAMES = 20


@check(
    id="docs.openapi_complete",
    category=Category.DOCS,
    severity=Severity.LOW,
    title="The OpenAPI document is valid and holds every operation, with descriptions, examples and how to log in",
    why="Clients are generated from it: what it leaves out is guessed, and what is invalid in it is not generated at all.",
    source="OpenAPI Specification 3.1; claims of a seed guide",
    remediation="Describe each operation beside its code, give bodies an example, and name the security scheme where a login is needed.",
    seeds=("memorai",),
    defects=("operation-undescribed", "operation-undocumented"),
)
def check_openapi_complete(development: Development, responses: Responses, target: Target) -> Verdict:
    """Judge the document as development serves it, else the declared one, also against what the service answered."""
    target.require("docs", value=True, example="")
    found = development.openapi
    if found is None:
        reason = f" ({development.reason})" if development.reason else ""
        raise Inconclusive(f"there is no OpenAPI document to judge{reason}", supply=SUPPLY, undeclared="openapi")
    findings = tuple(_problems(found, responses, target))
    if not findings and found.not_validated:
        raise Inconclusive(f"{found.source} was not validated: {found.not_validated}")
    count = sum(1 for _ in operations(found.data))
    return Verdict(findings=findings, summary=f"{found.source} is valid, with {count} operations, all described")


def _problems(found: OpenApi, responses: Responses, target: Target) -> Iterator[Finding]:
    data = found.data

    def finding(words: str, names: list[str]) -> Iterator[Finding]:
        if names:
            shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")  # noqa: PLR2004
            text = "\n".join(names[:MAX_NAMES])
            yield Finding(message=f"{words}: {shown}", evidence=(Evidence(source=found.source, text=text),))

    yield from finding("the document is not valid", list(found.problems))
    yield from finding("operations without a description", undescribed(data))
    yield from finding("bodies without an example", unexampled(data))
    if target.login is not None and (missing := without_flow(data)):
        yield from finding("how to log in", [missing])
    bases = {entry.name: entry.base for entry in target.entries}
    answered = responses.answered
    probes = frozenset(probe.path for probe in target.probes.values())
    left_out = undocumented(data, answered, bases, probes=probes)
    yield from finding("operations that answer and are not in the document", left_out)
    yield from finding("operations that need a login and do not say so", unprotected(data, answered, bases))
