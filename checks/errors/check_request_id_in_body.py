"""What a user copies from an error message finds the request in the logs."""

from __future__ import annotations

from readiness import Category, Evidence, Finding, Inconclusive, Severity, Verdict, check
from readiness.declared.errors import errors_of
from readiness.declared.logs import request_id_of
from readiness.facts.errors import ErrorRun
from readiness.facts.http import Exchange
from readiness.failures.raised import ERROR_PATH
from readiness.failures.shape import body_ids
from readiness.logs.ids import HEADERS, id_of
from readiness.target import Target

EXAMPLE = "errors: {request_id: error.request_id}\nrequest_id: {header: X-Request-ID}"
INTERNAL = 500


@check(
    id="errors.request_id_in_body",
    category=Category.ERRORS,
    severity=Severity.LOW,
    title="The request id in an error's body is the one in its header",
    why="Users report what they see; headers they do not see.",
    source="Claims ledger, errors.request_id_in_body (brain)",
    remediation="Let the outermost layer make the id, and every handler take it from there.",
    seeds=("brain",),
    defects=("id-missing-in-error-body", "id-missing-on-errors", "other-id-in-error-body", "plain-500"),
)
def check_request_id_in_body(error_run: ErrorRun, target: Target) -> Verdict:
    """Judge the answers to unhandled exceptions, and compare every other error that carries both."""
    target.require("error_path", target.paths.error, example=ERROR_PATH)
    target.require("errors.request_id", value=True, example=EXAMPLE)  # may be none
    target.require("request_id", value=True, example=EXAMPLE)  # as above
    run = error_run.provocations
    unhandled = [answer for answer in run.examples if answer.status == INTERNAL]
    if not unhandled:
        raise Inconclusive("no unhandled exception was answered with 500, so there is no body to look into")
    place, declared = errors_of(target).request_id, request_id_of(target).header
    findings = []
    for answer in (*unhandled, *run.others):
        sent, told = _sent(answer, declared), body_ids(answer, place)
        header = ", ".join(sent) or declared or HEADERS[0]
        shown = "\n".join(f"{name}: {value}" for name, value in sent.items())
        proof = (Evidence(source=answer.label, text=f"{shown}\n{answer.body[:800]}"),)
        is_unhandled = answer in unhandled
        is_same = not {id_of(value) for value in sent.values()}.isdisjoint(id_of(value) for _, value in told)
        if is_unhandled and not told:
            where = f"at {place}" if place else "under any usual name"
            findings.append(Finding(message=f"the body of {answer.status} holds no request id {where}", evidence=proof))
        elif is_unhandled and not sent:
            findings.append(Finding(message=f"{answer.status} has no header {header} to compare with", evidence=proof))
        elif told and sent and not is_same:
            message = f"{told[0][0]} in the body of {answer.status} is not the id in {header}"
            findings.append(Finding(message=message, evidence=proof))
    at = ", ".join(at for at, _ in body_ids(unhandled[0], place))
    return Verdict(findings=tuple(findings), summary=f"{at} equals {', '.join(_sent(unhandled[0], declared))}")


def _sent(answer: Exchange, declared: str | None) -> dict[str, str]:
    """The headers that name the request, with their values: the declared one, else all usual ones that are there."""
    values = {name: answer.first(name) for name in ((declared,) if declared else HEADERS)}
    return {name: value for name, value in values.items() if value}
