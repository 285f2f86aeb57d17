"""What is no token is refused like a wrong one."""

from __future__ import annotations

from readiness import Category, Evidence, Finding, Inconclusive, Severity, Verdict, check
from readiness.auth.answers import Answer, answer_of, of_kind, premise
from readiness.facts.auth import AuthTrials, TrialKind

#: Overloaded, or too late: a crowded machine gives these as well.
BUSY = frozenset({503, 504})


@check(
    id="auth.malformed_handled",
    category=Category.AUTH,
    severity=Severity.MEDIUM,
    title="Malformed tokens are refused, and are no server error",
    why="An unhandled error tells that the token reaches code that trusts it, fills the logs, and pages somebody.",
    source="Claims ledger, auth.malformed_handled (brain); OWASP ASVS 4.0, 7.4.1",
    remediation="Catch every error of the token library where the token is read, and answer 401.",
    seeds=("brain",),
    defects=("jwt-malformed-raises",),
)
def check_malformed(auth_trials: AuthTrials) -> Verdict:
    """Judge everything from a single word to 100 kB; a server may also close the connection on what is no HTTP."""
    tokens = auth_trials.tokens
    premise(tokens, jwt=False)
    trials = of_kind(tokens.trials, TrialKind.MALFORMED)
    findings, doubts, refused = [], [], 0
    for trial in trials:
        answer = answer_of(trial.status, nobody=tokens.without_token)
        proof = Evidence(source=f"{trial.request}: {trial.status}", text=f"sent as token: {trial.name}")
        if answer is Answer.ACCEPTED:
            findings.append(Finding(message=f"what is no token is accepted: {trial.name}", evidence=(proof,)))
        elif answer is Answer.BROKEN and trial.status not in BUSY:
            findings.append(Finding(message=f"a malformed token is a server error: {trial.name}", evidence=(proof,)))
        elif answer is Answer.REFUSED or trial.status in {404, 413, 414}:
            refused += 1
        elif trial.status is not None:
            doubts.append(f"{trial.name}: {trial.status}")
    if not findings:
        if doubts:
            raise Inconclusive(f"not told for {len(doubts)} of {len(trials)} tokens: {'; '.join(doubts)[:400]}")
        if refused * 2 < len(trials) or not trials:
            raise Inconclusive(f"only {refused} of {len(trials)} malformed tokens were answered at all")
        if answer_of(tokens.after) is not Answer.ACCEPTED:
            raise Inconclusive(f"the right token was answered with {tokens.after} after the trials")
    return Verdict(
        findings=tuple(findings),
        summary=f"{refused} of {len(trials)} malformed tokens are refused, none is a server error",
    )
