"""Users reach their own records and no others."""

from __future__ import annotations

from readiness import Category, Evidence, Finding, Inconclusive, NotApplicable, Severity, Verdict, check
from readiness.auth.answers import Answer, answer_of
from readiness.declared.record import RECORD_EXAMPLE
from readiness.facts.auth import AuthTrials, Trial
from readiness.target import Target

#: How a stranger is refused: by right, or as if there were nothing (RFC 9110, 15.5.4).
REFUSED = frozenset({401, 403, 404, 410})


@check(
    id="auth.principal_isolation",
    category=Category.AUTH,
    severity=Severity.CRITICAL,
    title="A user cannot read, change or delete another user's records",
    why="Ids are guessed or counted up: where only the id is asked for, every user reads everybody's data.",
    source="OWASP API Security Top 10 2023, API1; Claims ledger, auth.principal_isolation",
    remediation="Put the owner into every query that finds a record by its id, and answer 404 where it finds none.",
    seeds=("memorai", "brain"),
    defects=("item-deletable-by-others", "job-readable-by-others"),
)
def check_principal_isolation(auth_trials: AuthTrials, target: Target) -> Verdict:
    """Judge what a second user could do to what the first one had made, and what the first one then saw."""
    isolation = auth_trials.isolation
    if isolation.problem:
        target.require(isolation.undeclared or "record", not isolation.undeclared, example=RECORD_EXAMPLE)
        raise Inconclusive(isolation.problem)
    findings, doubts, told = [], list(isolation.not_told), 0
    for trial in isolation.trials:
        doubt = _doubt(trial)
        if not doubt and _is_let_in(trial):
            proof = Evidence(source=f"{trial.request}: {trial.status}", text="as a user who does not own the record")
            findings.append(Finding(message=f"a stranger {trial.name} another user's record", evidence=(proof,)))
        elif doubt:
            doubts.append(doubt)
        else:
            told += 1
    for words in isolation.changed if not findings else ():
        proof = Evidence(source="the owner's record", text=words)
        findings.append(Finding(message=f"a refused request had an effect: {words}", evidence=(proof,)))
    if not findings:
        if doubts:
            raise Inconclusive("; ".join(doubts)[:500])
        if not told:
            public = ", ".join(isolation.public)
            raise NotApplicable(f"premise failed: records are everybody's by declaration ({public})")
    return Verdict(findings=tuple(findings), summary=f"a stranger was refused {told} times, and nothing changed")


def _is_let_in(trial: Trial) -> bool:
    """A success without an effect is a refusal: an empty list, or a 204 for no rows."""
    return answer_of(trial.status) is Answer.ACCEPTED and trial.took_effect is not False


def _doubt(trial: Trial) -> str:
    """Why an answer tells nothing, or an empty text."""
    is_success = answer_of(trial.status) is Answer.ACCEPTED
    if is_success and trial.took_effect:
        return ""
    if is_success and trial.took_effect is None:
        return f"a stranger {trial.name}: {trial.status}, and it is not seen whether that had an effect"
    if not is_success and trial.status not in REFUSED:
        return f"a stranger {trial.name}: {trial.status or trial.error or 'no answer'}"
    if answer_of(trial.before) is not Answer.ACCEPTED:
        return f"the owner {trial.name}: {trial.before or 'no answer'}, so a stranger's refusal shows nothing"
    return ""
