"""Guessing a password comes to an end."""

from __future__ import annotations

from readiness import Category, Evidence, Finding, Inconclusive, Measurement, NotApplicable, Severity, Verdict, check
from readiness.facts.auth import MOST_GUESSES, AuthTrials
from readiness.target import Target


@check(
    id="auth.guesses",
    category=Category.AUTH,
    severity=Severity.MEDIUM,
    title="After a hundred wrong passwords in a row at most, an account takes no more for a while",
    why="Passwords that people choose are among the first thousands of every list; without an end to guessing they fall.",
    source="NIST SP 800-63B, 5.2.2; OWASP ASVS 4.0, 2.2.1; OWASP API Security Top 10 2023, API2",
    remediation="Count failed logins by account, and refuse further ones with 429 for some minutes after ten or twenty.",
    seeds=(),
    defects=("guesses-unlimited",),
)
def check_guesses(auth_trials: AuthTrials, target: Target) -> Verdict:
    """Judge wrong passwords for one account, against the limits as deployed; a lock that nobody is told of counts."""
    target.require("login", target.login, example="login: {…}   # how a user logs in")
    if target.login is not None and target.login.request is None:
        raise NotApplicable("nobody logs in with a password")
    guesses = auth_trials.guesses
    if guesses.problem:
        raise Inconclusive(guesses.problem, supply=guesses.supply)
    tried = Measurement(
        name="wrong passwords compared in a row", value=guesses.failed, unit="count", at_most=MOST_GUESSES
    )
    if guesses.stopped is not None:
        wait = f", for {guesses.announced} s" if guesses.announced else ""
        return Verdict(measured=(tried,), summary=f"refused with {guesses.stopped} after {guesses.failed}{wait}")
    if guesses.failed <= MOST_GUESSES:
        raise Inconclusive(f"only {guesses.failed} wrong passwords could be tried in {guesses.seconds:.0f} s")
    if not guesses.is_right_let_in:
        return Verdict(summary=f"after {guesses.failed} the right password is answered {guesses.right_status} too")
    message = f"{guesses.failed} wrong passwords for one account were compared in {guesses.seconds:.0f} s, and the right one then logs in"
    proof = Evidence(source="login with the right password afterwards", text=f"status {guesses.right_status}")
    return Verdict(findings=(Finding(message=message, evidence=(proof,)),))
