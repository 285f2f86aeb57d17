"""All errors have one format, whoever in the service answers."""

from __future__ import annotations

from collections.abc import Sequence

from readiness import Category, Evidence, Finding, Inconclusive, Severity, Verdict, check
from readiness.declared.errors import errors_of
from readiness.facts.errors import ErrorRun
from readiness.facts.http import Exchange, Responses
from readiness.failures.shape import Shape, common_places, shape_of
from readiness.target import Target

EXAMPLE = "errors: {code: error.code, message: error.message, request_id: error.request_id}"
#: With fewer kinds of errors there is nothing to compare.
KINDS = 3
FIRST_ERROR = 400


@check(
    id="errors.consistent_format",
    category=Category.ERRORS,
    severity=Severity.MEDIUM,
    title="All errors share one JSON format: 401, 404, 405, 413, 415, 422, 429 and 500",
    why="Layers, frameworks and handlers each have an error format of their own; a client can only be written for one.",
    source="Claims ledger, errors.consistent_format (brain)",
    remediation="Let every layer that answers by itself (limiter, body limit, router, validation) use the same function.",
    seeds=("brain",),
    defects=("other-format-for-404", "plain-500"),
)
def check_consistent_format(error_run: ErrorRun, limited_responses: Responses, target: Target) -> Verdict:
    """Compare one answer of each kind, as the application gives it; a proxy's own pages are not the application's."""
    target.require("errors", value=True, example=EXAMPLE)  # may be none
    run = error_run.provocations
    limited = [answer for answer in limited_responses.exchanges if _is_own(answer, target)]
    errors = [a for a in (*run.others, *run.examples, *limited) if a.status is not None and a.status >= FIRST_ERROR]
    shapes = [shape_of(answer) for answer in errors if _is_own(answer, target)]
    statuses = sorted({shape.exchange.status or 0 for shape in shapes})
    if len(statuses) < KINDS:
        raise Inconclusive(
            f"only {', '.join(map(str, statuses)) or 'no error'} could be provoked: that is too little to compare",
            supply="paths:\n  unauthorized: /me\n  invalid: {method: POST, path: /items, json: {}}\nerror_path: /boom",
        )
    wanted = frozenset(errors_of(target).places) or common_places([shape for shape in shapes if not shape.problem])
    findings = [finding for shape in shapes for finding in _judged(shape, wanted)]
    if not wanted:
        findings.append(Finding(message="no two kinds of errors have a member in common", evidence=_proof(shapes)))
    said = f"{', '.join(map(str, statuses))} share {', '.join(sorted(wanted))}"
    return Verdict(findings=tuple(_unique(findings)), summary=said)


def _is_own(answer: Exchange, target: Target) -> bool:
    """Whether the service under audit gave it; where no entry leads there directly, every answer counts."""
    own = {entry.name for entry in target.entries if entry.service == target.service}
    return not own or answer.entry in own


def _judged(shape: Shape, wanted: frozenset[str]) -> list[Finding]:
    answer = shape.exchange
    proof = (Evidence(source=answer.label, text=answer.body[:800]),)
    if shape.problem:
        return [Finding(message=f"{answer.status} has another format: {shape.problem}", evidence=proof)]
    if lacking := sorted(wanted - shape.places):
        return [Finding(message=f"{answer.status} has another format: {', '.join(lacking)} not in it", evidence=proof)]
    return []


def _unique(findings: Sequence[Finding]) -> list[Finding]:
    return list({finding.message: finding for finding in reversed(findings)}.values())[::-1]


def _proof(shapes: Sequence[Shape]) -> tuple[Evidence, ...]:
    by_status = {shape.exchange.status: shape.exchange for shape in shapes}
    return tuple(Evidence(source=answer.label, text=answer.body[:300]) for answer in list(by_status.values())[:5])
