"""What an answer says about a credential that must not work."""

from __future__ import annotations

import enum
from collections.abc import Iterable

from readiness.declared.access import PRIVATE_EXAMPLE
from readiness.facts.auth import Tokens, Trial, TrialKind
from readiness.verdict import Evidence, Finding, Inconclusive, NotApplicable, Verdict

__all__ = ["Answer", "answer_of", "judged", "of_kind", "premise"]

_REFUSED = frozenset({400, 401, 403, 407, 422, 431})
_TOO_MANY = 429
_FIRST_SUCCESS, _FIRST_NOT_SUCCESS, _FIRST_SERVER_ERROR = 200, 300, 500


class Answer(enum.Enum):
    """Accepted and refused are told; the others are not."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    BROKEN = "answered with an error of the server"
    UNTOLD = "not told"


def answer_of(status: int | None, *, nobody: int | None = None) -> Answer:
    """What a status means; ``nobody`` is the one for a request without any credential, which is a refusal too."""
    if status is None or status == _TOO_MANY:
        return Answer.UNTOLD
    if _FIRST_SUCCESS <= status < _FIRST_NOT_SUCCESS:
        return Answer.ACCEPTED
    if status >= _FIRST_SERVER_ERROR:
        return Answer.BROKEN
    return Answer.REFUSED if status in _REFUSED or status == nobody else Answer.UNTOLD


def of_kind(trials: Iterable[Trial], kind: TrialKind) -> tuple[Trial, ...]:
    """The trials of one kind, in order."""
    return tuple(trial for trial in trials if trial.kind is kind)


def premise(tokens: Tokens, *, jwt: bool = True) -> None:
    """Stop where a refusal of a forged token would show nothing.

    Raises:
        NotApplicable: the service's tokens are of another kind, or it has no login by design.
        Inconclusive: nobody could log in, or the right token did not work, or no login is needed there.
    """
    if tokens.is_declined:
        raise NotApplicable(tokens.problem)
    if tokens.problem:
        raise Inconclusive(tokens.problem, supply=tokens.supply)
    if answer_of(tokens.with_token) is not Answer.ACCEPTED:
        raise Inconclusive(
            f"{tokens.request} answers {tokens.with_token} to the right token, so a refusal shows nothing",
            supply=PRIVATE_EXAMPLE,
        )
    if answer_of(tokens.without_token) is Answer.ACCEPTED:
        raise Inconclusive(
            f"{tokens.request} answers {tokens.without_token} without any token, so an acceptance shows nothing",
            supply=PRIVATE_EXAMPLE,
        )
    if jwt and not tokens.is_jwt:
        raise NotApplicable("the access token is no JSON Web Token")


def judged(tokens: Tokens, kind: TrialKind, *, summary: str) -> Verdict:
    """Every trial of ``kind`` must have been refused; what was accepted is a finding.

    Raises:
        Inconclusive: nothing was accepted, and not all was told.
    """
    trials = of_kind(tokens.trials, kind)
    findings, doubts = [], []
    for trial in trials:
        answer = answer_of(trial.status, nobody=tokens.without_token)
        if answer is Answer.ACCEPTED:
            proof = Evidence(source=f"{trial.request}: {trial.status}", text=f"sent: {trial.name}")
            findings.append(Finding(message=f"a token is accepted that is {trial.name}", evidence=(proof,)))
        elif answer is not Answer.REFUSED:
            doubts.append(f"{trial.name}: {trial.status or trial.error or 'no answer'}")
    if not findings:
        if doubts:
            raise Inconclusive(f"not told for {len(doubts)} of {len(trials)} tokens: {'; '.join(doubts)[:400]}")
        if left_out := tokens.not_tried.get(kind, "" if trials else "nothing was tried"):
            raise Inconclusive(
                left_out, supply="login:\n  key: {env: JWT_SECRET}   # the variable that holds the signing key"
            )
        if answer_of(tokens.after) is not Answer.ACCEPTED:
            raise Inconclusive(
                f"the right token was answered with {tokens.after} after the trials, so their refusals show nothing"
            )
    return Verdict(findings=tuple(findings), summary=f"{summary}: {len(trials)} tokens")
