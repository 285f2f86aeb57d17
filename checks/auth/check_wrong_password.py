"""Only the password itself logs in."""

from __future__ import annotations

from readiness import Category, Evidence, Finding, Inconclusive, NotApplicable, Severity, Verdict, check
from readiness.auth.answers import Answer, answer_of
from readiness.facts.auth import AuthTrials
from readiness.target import Target


@check(
    id="auth.wrong_password",
    category=Category.AUTH,
    severity=Severity.CRITICAL,
    title="A wrong password is refused, in every variant",
    why="A comparison that is cut short or folds case makes passwords guessable, and nobody notices by logging in.",
    source="OWASP Authentication Cheat Sheet; Claims ledger, auth.wrong_password (brain)",
    remediation="Compare whole passwords by the library's own verification; hash or refuse what is longer than bcrypt takes.",
    seeds=("brain",),
    defects=("password-truncated",),
)
def check_wrong_password(auth_trials: AuthTrials, target: Target) -> Verdict:
    """Judge wrong, empty, shortened, lengthened and case-folded passwords, each after a right one that is let in."""
    target.require("login", target.login, example="login: {…}   # how a user logs in")
    if target.login is not None and target.login.request is None:
        raise NotApplicable("nobody logs in with a password")
    passwords = auth_trials.passwords
    if passwords.problem:
        raise Inconclusive(passwords.problem, supply=passwords.supply)
    findings, doubts = [], []
    for trial in passwords.trials:
        answer = answer_of(trial.status)
        if answer_of(trial.before) is not Answer.ACCEPTED:
            doubts.append(f"{trial.name}: the right password just before was answered with {trial.before or 'nothing'}")
        elif answer is Answer.ACCEPTED:
            proof = Evidence(source=f"{trial.request}: {trial.status}", text=f"sent: {trial.name}")
            findings.append(Finding(message=f"{trial.name} logs in", evidence=(proof,)))
        elif answer is not Answer.REFUSED:
            doubts.append(f"{trial.name}: {trial.status or trial.error or 'no answer'}")
    if not findings and (doubts or not passwords.trials):
        raise Inconclusive("; ".join(doubts)[:500] or "no login was tried")
    left_out = "; ".join(passwords.not_tried)
    summary = f"{len(passwords.trials)} wrong passwords are refused" + (f"; not tried: {left_out}" if left_out else "")
    return Verdict(findings=tuple(findings), summary=summary)
