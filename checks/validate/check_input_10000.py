"""A text in a request has as many characters as are allowed, counted as characters, and not one more."""

from __future__ import annotations

from readiness import Category, Evidence, Finding, Inconclusive, Severity, Verdict, check
from readiness.facts.validation import InputLimits
from readiness.inputs.said import SIZE_REFUSALS, Said, said_by
from readiness.target import Target

EXAMPLE = (
    "validation:\n  input: {request: {method: POST, path: /embed, json: {text: hello}}, at: text, characters: 10000}"
)


@check(
    id="validate.input_10000",
    category=Category.VALIDATE,
    severity=Severity.MEDIUM,
    title="A text holds the declared number of characters at most, whatever alphabet it is written in",
    why="Unbounded texts are unbounded work; a bound in bytes refuses two thirds of what Greek or Japanese users may write.",
    source="Claims ledger, validate.input_10000 (aistack)",
    remediation="Bound the text in the request's schema (maxLength), which counts characters.",
    seeds=("aistack",),
    defects=("input-counts-bytes",),
)
def check_input_10000(input_limits: InputLimits, target: Target) -> Verdict:
    """Judge a text at its limit, one character more, and one at the limit that is larger in bytes."""
    target.require("validation.input", value=True, example=EXAMPLE)
    tried = input_limits.input
    if not tried.trials:
        raise Inconclusive(tried.problem or "no text was tried", supply=EXAMPLE, undeclared="validation.input")
    is_fine_at_limit = any(each.kind == "at" and said_by(each.exchange) is Said.ACCEPTED for each in tried.trials)
    findings = []
    for trial in tried.trials:
        answer, what = trial.exchange, f"{trial.size} characters in {tried.at}"
        said = said_by(answer)
        proof = (Evidence(source=f"{what} ({trial.kind}): {answer.label}", text=answer.body[:500]),)
        if not said.is_telling:
            raise Inconclusive(f"{what}: {answer.label}")
        if trial.kind == "over":
            if said is not Said.REFUSED:
                findings.append(Finding(message=f"{what} are answered with {answer.status}", evidence=proof))
        elif trial.kind == "at" and said is not Said.ACCEPTED:
            if answer.status not in SIZE_REFUSALS:
                raise Inconclusive(f"the text at its limit is not accepted: {answer.label}", supply=EXAMPLE)
            findings.append(Finding(message=f"{what} are refused with {answer.status}, though allowed", evidence=proof))
        elif trial.kind == "multibyte" and said is not Said.ACCEPTED and is_fine_at_limit:
            message = f"{what} are refused with {answer.status} where each takes two bytes: bytes are counted"
            findings.append(Finding(message=message, evidence=proof))
    says = f"{tried.limit} characters in {tried.at} at most, says {tried.source}"
    says += f"; not tried: {tried.untried}" if tried.untried else ""
    return Verdict(findings=tuple(findings), summary=says)
