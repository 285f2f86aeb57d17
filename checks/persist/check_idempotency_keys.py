"""A request with an idempotency key is executed once, whatever ends in between."""

from __future__ import annotations

from readiness import Category, Evidence, Finding, Inconclusive, Severity, Verdict, check
from readiness.declared.persistence import IDEMPOTENCY_EXAMPLE, idempotency_of
from readiness.facts.http import Exchange
from readiness.facts.persistence import IdempotentRepeats, Repeat
from readiness.target import Target

WORDS = {
    "at once": "at once",
    "restart": "after a restart of Redis and of the service",
    "crash": "after a crash of Redis and of the service",
}
#: Who is not let in, or not now, learns nothing of the key.
KEPT_OUT = frozenset({401, 403, 429})


@check(
    id="persist.idempotency_keys",
    category=Category.PERSIST,
    severity=Severity.HIGH,
    title="An idempotency key holds through restarts, and a failed attempt does not use it up",
    why="A client that repeats an unanswered order is charged twice, or told for ever that its order is under way.",
    source="Claims ledger, persist.idempotency_keys; draft-ietf-httpapi-idempotency-key-header",
    remediation="Keep the key in the transaction that does the work, in a store that outlives the process.",
    seeds=("brainda",),
    defects=("idempotency-in-memory", "idempotency-key-poisoned"),
)
def check_idempotency_keys(idempotent_repeats: IdempotentRepeats, target: Target) -> Verdict:
    """Judge the repeats: the same id, the same rows, no refusal; and the second attempt after a failed one."""
    declared = idempotency_of(target)
    target.require("idempotency", declared, example=IDEMPOTENCY_EXAMPLE)
    fact, first = idempotent_repeats, idempotent_repeats.first
    if first is None or first.status is None or not _is_good(first):
        raise Inconclusive(
            f"the request with a key was not accepted: {first.label[:200] if first else 'it was not sent'}",
            supply=IDEMPOTENCY_EXAMPLE,
        )
    if not fact.first_id and fact.first_rows is None:
        raise Inconclusive(
            "neither the answer's id nor the rows of the database tell whether a repeat was executed",
            supply="idempotency:\n  id: where.the.answer.names.it",
        )
    if fact.first_id and fact.first_id == fact.other_id:
        raise Inconclusive(
            f"requests with different keys got the same id {fact.first_id[:50]!r}, so it tells nothing",
            supply="idempotency:\n  id: where.the.answer.names.it",
        )
    findings: list[Finding] = []
    doubts = [f"{part}: {why}" for part, why in fact.not_done.items()]
    for repeat in fact.repeats:
        if repeat.answer.status in {None, *KEPT_OUT}:
            doubts.append(f"{repeat.after}: {repeat.answer.label[:150]}")
        elif repeat.after == "failure":
            findings += _poisoned(repeat, fact.failed)
        else:
            findings += _executed_again(repeat, fact)
    if fact.failed is not None and _is_good(fact.failed):
        doubts.append("failure: the request was answered well without its database, so no attempt failed")
    ends = {repeat.after for repeat in fact.repeats}
    if not findings and (doubts or not {"restart", "crash"} <= ends):
        raise Inconclusive("; ".join(doubts) or "the request was not repeated")
    summary = f"the same answer after {', '.join(fact.events)}; a failed first attempt did not use its key up"
    return Verdict(findings=tuple(findings), summary=summary)


def _is_good(answer: Exchange) -> bool:
    return answer.status is not None and 200 <= answer.status < 300  # noqa: PLR2004  # RFC 9110, 15.3


def _executed_again(repeat: Repeat, fact: IdempotentRepeats) -> list[Finding]:
    word = WORDS[repeat.after]
    evidence = (Evidence(source=f"repeat {word}: {repeat.answer.label[:200]}", text=repeat.answer.body[:300]),)
    if not _is_good(repeat.answer):
        return [Finding(message=f"the repeat {word} was answered {repeat.answer.status}", evidence=evidence)]
    if fact.first_id and repeat.id != fact.first_id:
        message = f"the repeat {word} was executed again: it made {repeat.id or 'nothing'}, the first {fact.first_id}"
        return [Finding(message=message, evidence=evidence)]
    if fact.first_rows is not None and repeat.rows is not None and repeat.rows > fact.first_rows:
        message = f"the repeat {word} was executed again: {repeat.rows} rows hold its text, before {fact.first_rows}"
        return [Finding(message=message, evidence=evidence)]
    return []


def _poisoned(repeat: Repeat, failed: Exchange | None) -> list[Finding]:
    if _is_good(repeat.answer) or failed is None or _is_good(failed):
        return []
    message = (
        f"a key whose first attempt failed ({failed.status or failed.error}) is used up: the same request, when the "
        f"database was back, was answered {repeat.answer.status}"
    )
    return [
        Finding(message=message, evidence=(Evidence(source=repeat.answer.label[:200], text=repeat.answer.body[:300]),))
    ]
