"""The API says what it is, and nothing of its inside."""

from __future__ import annotations

from collections.abc import Iterator

from readiness import Category, Evidence, Finding, Inconclusive, Severity, Verdict, check
from readiness.declared.docs import docs_of
from readiness.docs.inside import internals, names, texts_of
from readiness.facts.docs import ApiDocuments, ApiInfo
from readiness.target import Target

EXAMPLE = "docs:\n  info: /api   # or none, with why"
NAMES = frozenset({"name", "title", "service", "app", "application", "app_name"})
VERSIONS = frozenset({"version", "api_version", "app_version"})
CAPABILITIES = frozenset({"capabilities", "features", "endpoints", "modules", "operations", "supports", "resources"})
OK = 200
TOO_MANY_REQUESTS, FIRST_SERVER_ERROR = 429, 500


@check(
    id="docs.api_info",
    category=Category.DOCS,
    severity=Severity.LOW,
    title="The API describes itself by name, version and capabilities, without secrets or internal hosts",
    why="Clients see what they talk to; what is told beyond that helps only those who should not be inside.",
    source="claims of a seed guide (GET /api)",
    remediation="Answer with a fixed list of what callers need, never with the settings.",
    seeds=("memorai",),
    defects=("api-info-leaks",),
)
def check_api_info(api_documents: ApiDocuments, target: Target) -> Verdict:
    """Judge the declared path, else ``/api`` where it answers with JSON."""
    target.require("docs.info", value=True, example="")
    answers = api_documents.info
    is_declared = bool(docs_of(target).info)
    if not is_declared and not any(isinstance(answer.data, dict) and answer.status == OK for answer in answers):
        said = "; ".join(answer.label for answer in answers) or "nothing was asked"
        raise Inconclusive(f"no description is declared, and {said[:300]}", supply=EXAMPLE, undeclared="docs.info")
    findings = []
    for answer in answers:
        proof = Evidence(source=answer.label, text=texts_of(answer.data))
        findings += [Finding(message=message, evidence=(proof,)) for message in _wrong(answer, api_documents.services)]
    if not findings:
        untold = [answer.label for answer in answers if not _is_told(answer)]
        if untold or not answers:
            raise Inconclusive(f"no description to judge: {'; '.join(untold)[:300] or 'no entry is known'}")
    entries = ", ".join(answer.entry for answer in answers)
    return Verdict(
        findings=tuple(findings), summary=f"{answers[0].path} via {entries} tells name, version, capabilities"
    )


def _is_told(answer: ApiInfo) -> bool:
    return answer.status is not None and answer.status != TOO_MANY_REQUESTS and answer.status < FIRST_SERVER_ERROR


def _wrong(answer: ApiInfo, services: tuple[str, ...]) -> Iterator[str]:
    if not _is_told(answer):
        return
    if answer.leaks:
        yield f"the description holds the value of {', '.join(answer.leaks)}"
    if answer.status != OK or not isinstance(answer.data, dict):
        yield f"{answer.path} is answered {answer.status}, not with a JSON object"
        return
    found = names(answer.data)
    for wanted, words in ((NAMES, "name"), (VERSIONS, "version"), (CAPABILITIES, "capabilities")):
        if not found & wanted:
            yield f"the description has no {words}"
    for inside in internals(answer.data, services):
        yield f"the description tells {inside}"
