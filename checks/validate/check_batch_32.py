"""A list in a request holds as many items as are allowed, and not one more."""

from __future__ import annotations

from collections.abc import Iterator

from readiness import Category, Evidence, Finding, Inconclusive, NotApplicable, Severity, Verdict, check
from readiness.facts.validation import InputLimits, SizeTrial, SizeTrials
from readiness.inputs.said import SIZE_REFUSALS, Said, said_by
from readiness.target import Target

EXAMPLE = "validation:\n  batch: {request: {method: POST, path: /embed, json: {texts: [hello]}}, at: texts, items: 32}"


@check(
    id="validate.batch_32",
    category=Category.VALIDATE,
    severity=Severity.MEDIUM,
    title="A batch holds the declared number of items at most, and not none",
    why="Work grows with the items of one request, and no rate limit counts those.",
    source="Claims ledger, validate.batch_32 (aistack)",
    remediation="Bound the list in the request's schema (maxItems, minItems), so that it is refused before any work is done.",
    seeds=("aistack",),
    defects=("batch-unlimited",),
)
def check_batch_32(input_limits: InputLimits, target: Target) -> Verdict:
    """Judge a full batch, one item more, and none."""
    target.require("validation.batch", value=True, example=EXAMPLE)
    batch = input_limits.batch
    if batch.is_absent:
        raise NotApplicable(f"premise failed: {batch.problem}")
    if not batch.trials:
        raise Inconclusive(batch.problem or "no batch was tried", supply=EXAMPLE, undeclared="validation.batch")
    findings = [finding for trial in batch.trials for finding in _judged(trial, batch)]
    return Verdict(findings=tuple(findings), summary=f"{batch.limit} items in {batch.at} at most, says {batch.source}")


def _judged(trial: SizeTrial, batch: SizeTrials) -> Iterator[Finding]:
    answer, what = trial.exchange, f"{trial.size} items in {batch.at}"
    said = said_by(answer)
    proof = (Evidence(source=f"{what}: {answer.label}", text=answer.body[:500]),)
    if not said.is_telling:
        raise Inconclusive(f"{what}: {answer.label}")
    if trial.kind != "at":
        if said is not Said.REFUSED:
            yield Finding(message=f"{what} are answered with {answer.status}", evidence=proof)
        elif not answer.body.strip():
            yield Finding(message=f"{what} are refused without a word", evidence=proof)
    elif said is Said.ACCEPTED:
        if trial.returned in {None, 0, trial.size}:
            return
        if trial.returned == trial.distinct:
            reason = f"{what}, {trial.distinct} of them different, are answered with {trial.returned} results"
            raise Inconclusive(reason, supply=f"{EXAMPLE}   # with items that differ")
        yield Finding(message=f"{what} are answered with {trial.returned} results", evidence=proof)
    elif answer.status in SIZE_REFUSALS and not batch.is_made_up:
        yield Finding(message=f"{what} are refused with {answer.status}, though allowed", evidence=proof)
    else:
        # Nothing can be said of one more where the full batch is refused for another reason: items that were made up
        # may name things that are not there.
        raise Inconclusive(f"the batch at its limit is not accepted: {answer.label}", supply=EXAMPLE)
