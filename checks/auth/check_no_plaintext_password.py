"""A password is nowhere but in its user's head."""

from __future__ import annotations

from readiness import Category, Evidence, Finding, Inconclusive, NotApplicable, Severity, Verdict, check
from readiness.facts.auth import AuthTrials
from readiness.target import Target


@check(
    id="auth.no_plaintext_password",
    category=Category.AUTH,
    severity=Severity.CRITICAL,
    title="A password stands in plain text in no store and in no log",
    why="Who reads a backup or a log reads the password, and people use one password in many places.",
    source="OWASP Password Storage and Logging Cheat Sheets; Claims ledger, auth.no_plaintext_password (brain)",
    remediation="Keep request bodies and locals out of logs, mark passwords as secrets in the models, and store hashes only.",
    seeds=("brain",),
    defects=("password-logged",),
)
def check_no_plaintext_password(auth_trials: AuthTrials, target: Target) -> Verdict:
    """Judge where a password turned up that was registered once and exists nowhere else. Volumes are not searched."""
    target.require("login", target.login, example="login: {…}   # how a user logs in")
    if target.login is not None and target.login.request is None:
        raise NotApplicable("nobody logs in with a password")
    passwords = auth_trials.passwords
    if passwords.problem:
        raise Inconclusive(passwords.problem, supply=passwords.supply)
    searched = passwords.searched
    findings = tuple(
        Finding(
            message=f"the password stands in the {place.where}",
            evidence=(Evidence(source=place.where, text=place.detail),),
        )
        for place in searched
        if place.is_found
    )
    if not findings and passwords.not_searched:
        missed = "; ".join(f"{where}: {why}" for where, why in passwords.not_searched.items())
        raise Inconclusive(f"not everything could be searched: {missed[:400]}", supply="roles:\n  db: SERVICE")
    return Verdict(findings=findings, summary=f"searched: {', '.join(place.where for place in searched)}")
