"""A refresh token gives access tokens, and is none."""

from __future__ import annotations

from readiness import Category, Evidence, Finding, Inconclusive, Severity, Verdict, check
from readiness.auth.answers import Answer, answer_of, of_kind, premise
from readiness.facts.auth import AuthTrials, TrialKind
from readiness.target import Target


@check(
    id="auth.refresh_flow",
    category=Category.AUTH,
    severity=Severity.HIGH,
    title="A refresh token yields a working access token, and neither stands in for the other",
    why="Taken as an access token, a refresh token turns minutes into days; an access token that refreshes never ends.",
    source="Claims ledger, auth.refresh_flow (brain); RFC 6749, 1.5; RFC 8725, 3.11 and 3.12",
    remediation="Give each token a type (a typ header, a claim, or another form altogether), and verify it where it is used.",
    seeds=("brain",),
    defects=("refresh-token-is-access-token",),
)
def check_refresh_flow(auth_trials: AuthTrials, target: Target) -> Verdict:
    """Judge the exchange, the new token, and both swaps."""
    login = target.login
    target.require("login", login, example="login: {…}   # how a user logs in")
    refresh = login.refresh if login is not None else None
    example = "login:\n  refresh: {method: POST, path: /auth/refresh}   # {refresh_token} in its body, else the login's cookies"
    target.require("login.refresh", refresh, example=example)
    tokens = auth_trials.tokens
    premise(tokens, jwt=False)
    if tokens.refresh_problem:
        raise Inconclusive(tokens.refresh_problem)
    findings, doubts = [], []
    for trial in of_kind(tokens.trials, TrialKind.REFRESH):
        answer = answer_of(trial.status, nobody=tokens.without_token)
        if answer is Answer.ACCEPTED:
            proof = Evidence(source=f"{trial.request}: {trial.status}", text=f"sent: {trial.name}")
            findings.append(Finding(message=f"{trial.name}, is accepted", evidence=(proof,)))
        elif answer is not Answer.REFUSED:
            doubts.append(f"{trial.name}: {trial.status}")
    exchanged, works = answer_of(tokens.refreshed), answer_of(tokens.refreshed_works)
    if exchanged is Answer.REFUSED:
        proof = Evidence(source="the login's own refresh token", text=f"answered with {tokens.refreshed}")
        findings.append(Finding(message="the refresh token of a login is refused", evidence=(proof,)))
    elif exchanged is Answer.ACCEPTED and works is Answer.REFUSED:
        proof = Evidence(source=tokens.request, text=f"answers {tokens.refreshed_works} to the new access token")
        findings.append(Finding(message="the new access token does not work", evidence=(proof,)))
    elif exchanged is not Answer.ACCEPTED or works is not Answer.ACCEPTED:
        doubts.append(
            f"the exchange was answered with {tokens.refreshed}, and the new token with {tokens.refreshed_works}"
        )
    if not findings and doubts:
        raise Inconclusive("; ".join(doubts))
    return Verdict(
        findings=tuple(findings), summary="the exchange works, and each token is refused in the other's place"
    )
