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
#: One alone says little: any record has a name, and a health answer often has a version.
LEAST_PARTS = 2
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
    """Judge the declared path, else what looks like a description at ``/api``.

    A secret is one wherever it is told; that something is missing is held only against a description.
    """
    target.require("docs.info", value=True, example="")
    answers = api_documents.info
    if not docs_of(target).info:
        said = "; ".join(answer.label for answer in answers) or "nothing was asked"
        answers = tuple(
            answer for answer in answers if _is_object(answer) and (answer.leaks or _is_description(answer))
        )
        if not answers:
            raise Inconclusive(
                f"no description is declared, and none is seen: {said[:300]}", supply=EXAMPLE, undeclared="docs.info"
            )
    findings = []
    for answer in answers:
        proof = Evidence(source=answer.label, text=texts_of(answer.data))
        messages = list(_told_too_much(answer))
        if docs_of(target).info or _is_description(answer):
            messages += _wrong(answer, api_documents.services)
        findings += [Finding(message=message, evidence=(proof,)) for message in messages]
    if not findings:
        untold = [answer.label for answer in answers if not _is_told(answer)]
        if untold or not answers:
            raise Inconclusive(f"no description to judge: {'; '.join(untold)[:300] or 'no entry is known'}")
    entries = ", ".join(answer.entry for answer in answers)
    return Verdict(
        findings=tuple(findings), summary=f"{answers[0].path} via {entries} tells name, version, capabilities"
    )


def _is_description(answer: ApiInfo) -> bool:
    """Whether an undeclared answer is meant to describe the API: not what every path gets, and two of the three are there."""
    found = names(answer.data)
    parts = sum(bool(found & wanted) for wanted in (NAMES, VERSIONS, CAPABILITIES))
    return not answer.is_anything and parts >= LEAST_PARTS


def _is_object(answer: ApiInfo) -> bool:
    return answer.status == OK and isinstance(answer.data, dict)


def _is_told(answer: ApiInfo) -> bool:
    return answer.status is not None and answer.status != TOO_MANY_REQUESTS and answer.status < FIRST_SERVER_ERROR


def _told_too_much(answer: ApiInfo) -> Iterator[str]:
    if _is_told(answer) and answer.leaks:
        yield f"the description holds the value of {', '.join(answer.leaks)}"


def _wrong(answer: ApiInfo, services: tuple[str, ...]) -> Iterator[str]:
    if not _is_told(answer):
        return
    if not _is_object(answer):
        yield f"{answer.path} is answered {answer.status}, not with a JSON object"
        return
    found = names(answer.data)
    for wanted, words in ((NAMES, "name"), (VERSIONS, "version"), (CAPABILITIES, "capabilities")):
        if not found & wanted:
            yield f"the description has no {words}"
    for inside in internals(answer.data, services):
        yield f"the description tells {inside}"
