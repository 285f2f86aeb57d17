"""An exception that nobody handles is answered like any other error."""

from __future__ import annotations

from readiness import Category, Evidence, Finding, Inconclusive, Severity, Verdict, check
from readiness.declared.errors import errors_of
from readiness.facts.errors import ErrorRun
from readiness.facts.http import Exchange
from readiness.failures.raised import ERROR_PATH
from readiness.failures.shape import ID_NAMES, shape_of, value_at
from readiness.target import Target

#: A limiter's refusal says nothing.
LIMITED = 429
#: An unhandled error is the server's (RFC 9110, 15.6.1).
INTERNAL = 500


@check(
    id="errors.structured_500",
    category=Category.ERRORS,
    severity=Severity.MEDIUM,
    title="An unhandled exception is answered with 500 and the service's JSON, never with a cut connection or plain text",
    why="Clients read errors by program: what they cannot parse they show to the user, or retry for ever.",
    source="Claims ledger, errors.structured_500 (myragdb, brain)",
    remediation="Catch everything in one outermost handler that writes the common error body.",
    seeds=("myragdb", "brain"),
    defects=("plain-500",),
)
def check_structured_500(error_run: ErrorRun, target: Target) -> Verdict:
    """Judge the first provocation through every entry, and whatever else an exception was answered with."""
    target.require("error_path", target.paths.error, example=ERROR_PATH)
    answers = error_run.provocations.examples
    if not answers or answers[0].status == LIMITED:
        raise Inconclusive("; ".join(error_run.provocations.missing.values()) or "no exception could be provoked")
    declared, findings = errors_of(target).places, []
    judged = [answer for answer in answers if _is_judged(answer, answers[0])]
    for answer in {(a.entry, a.status): a for a in reversed(judged)}.values():
        problems = []
        shape = shape_of(answer)
        if answer.status is None:
            problems.append(f"gets no answer: {answer.error}")
        elif answer.status != INTERNAL:
            problems.append(f"is answered with {answer.status}")
        elif "errors" in target.declined:
            continue  # one shape of errors is not what the owner wants
        elif shape.problem:
            problems.append(f"has no structured answer: {shape.problem}")
        elif declared:
            problems += [f"leaves {place} out" for place in declared if _is_empty(value_at(answer, place))]
        elif not {place for place in shape.places if place.lower().replace("_", "") not in ID_NAMES}:
            problems.append("has an answer that says nothing")
        proof = (Evidence(source=answer.label, text=answer.body[:1000]),)
        findings += [Finding(message=f"an unhandled exception {problem}", evidence=proof) for problem in problems]
    if answers[0].status is not None and answers[0].status < INTERNAL:
        raise Inconclusive(
            f"error_path raises nothing: {answers[0].label}",
            supply=ERROR_PATH,
            undeclared="error_path",
        )
    said = f"{answers[0].label}: {', '.join(sorted(shape_of(answers[0]).places))}"
    return Verdict(findings=tuple(findings), summary=said)


def _is_judged(answer: Exchange, first: Exchange) -> bool:
    """Whether the exception was raised: an entry that redirects, or hides debug routes, passed nothing on."""
    if answer.status is None or answer.status >= INTERNAL:
        return True
    return answer.entry == first.entry and answer.status != LIMITED


def _is_empty(value: object) -> bool:
    return value is None or value == ""
