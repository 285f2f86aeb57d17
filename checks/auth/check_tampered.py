"""A signature holds for what it was made for and for nothing else."""

from __future__ import annotations

from readiness import Category, Severity, Verdict, check
from readiness.auth.answers import judged, premise
from readiness.facts.auth import AuthTrials, TrialKind


@check(
    id="auth.tampered",
    category=Category.AUTH,
    severity=Severity.CRITICAL,
    title="A token with changed claims or a changed signature is refused",
    why="Claims are readable and writable by everybody; the signature alone tells that they are the service's own.",
    source="RFC 7519, 7.2; Claims ledger, auth.tampered (brain)",
    remediation="Verify the signature of every token before reading its claims.",
    seeds=("brain",),
    defects=("jwt-signature-unverified",),
)
def check_tampered(auth_trials: AuthTrials) -> Verdict:
    """Judge changed claims under the old signature, a changed signature and a missing one."""
    premise(auth_trials.tokens, jwt=False)
    return judged(auth_trials.tokens, TrialKind.TAMPERED, summary="changed tokens are refused")
