"""Bodies under a content type that the service does not take are refused as such."""

from __future__ import annotations

from collections.abc import Iterator

from readiness import Category, Evidence, Finding, Inconclusive, Severity, Verdict, check
from readiness.declared.validation import EXAMPLE
from readiness.facts.validation import InputLimits, TypeTrial
from readiness.inputs.said import WRONG_TYPE, Said, said_by
from readiness.target import Target


@check(
    id="validate.content_type",
    category=Category.VALIDATE,
    severity=Severity.MEDIUM,
    title="Bodies are accepted under the declared content types alone, others are refused with 415",
    why="A form of a foreign page can send text/plain without a preflight; parsers for XML or serialised objects run code.",
    source="Claims ledger, validate.content_type (myragdb); RFC 9110, 15.5.16",
    remediation="Compare the content type with a short list before the body is parsed, and answer 415 to the rest.",
    seeds=("myragdb",),
    defects=("content-type-unchecked",),
)
def check_content_type(input_limits: InputLimits, target: Target) -> Verdict:
    """Judge the good body under every type that was tried; one without a type may be taken as either."""
    target.require("validation.content_types", value=True, example=EXAMPLE)
    if not input_limits.types:
        reason = input_limits.problem or "no content type was tried"
        raise Inconclusive(f"no request to try types with: {reason}", supply=EXAMPLE, undeclared="validation.request")
    allowed = {kind.lower() for kind in input_limits.types_allowed}
    doubts = [_shown(trial) for trial in input_limits.types if not said_by(trial.exchange).is_telling]
    findings = [finding for trial in input_limits.types for finding in _judged(trial, allowed)]
    if not findings and doubts:
        raise Inconclusive("; ".join(doubts))
    refused = [_shown(trial) for trial in input_limits.types if trial.exchange.status == WRONG_TYPE]
    summary = f"allowed: {', '.join(input_limits.types_allowed)}; refused: {', '.join(refused)}"
    return Verdict(findings=tuple(findings), summary=summary)


def _shown(trial: TypeTrial) -> str:
    return f"{trial.content_type or 'no content type'} ({trial.exchange.status or trial.exchange.error})"


def _judged(trial: TypeTrial, allowed: set[str]) -> Iterator[Finding]:
    answer, kind = trial.exchange, trial.content_type or ""
    said, shown = said_by(answer), kind or "no content type"
    proof = (Evidence(source=f"{answer.label} under {shown}", text=answer.body[:500]),)
    if not said.is_telling:
        return
    if said is Said.FAILED:
        yield Finding(message=f"a body under {shown} is answered with {answer.status}", evidence=proof)
    elif kind.split(";")[0].lower() in allowed:
        if answer.status == WRONG_TYPE:
            yield Finding(message=f"{shown} is refused, though it is allowed", evidence=proof)
    elif not kind:
        return  # the recipient may guess (RFC 9110, 8.3)
    elif said is Said.ACCEPTED:
        yield Finding(message=f"a body under {shown} is accepted", evidence=proof)
    elif answer.status != WRONG_TYPE:
        message = f"a body under {shown} is refused with {answer.status} in place of 415: its content is looked at"
        yield Finding(message=message, evidence=proof)
