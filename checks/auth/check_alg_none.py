"""Unsigned tokens are refused."""

from __future__ import annotations

from readiness import Category, Severity, Verdict, check
from readiness.auth.answers import judged, premise
from readiness.facts.auth import AuthTrials, TrialKind


@check(
    id="auth.alg_none",
    category=Category.AUTH,
    severity=Severity.CRITICAL,
    title="A token that says it is unsigned is refused",
    why="Whoever can write alg: none into a token's head becomes any user, the administrator included.",
    source="RFC 8725, 2.1 and 3.1; Claims ledger, auth.alg_none (brain)",
    remediation="Name the accepted algorithms when you verify, and never take them from the token.",
    seeds=("brain",),
    defects=("jwt-alg-none", "jwt-signature-unverified"),
)
def check_alg_none(auth_trials: AuthTrials) -> Verdict:
    """Judge every spelling of none, with the dot before the missing signature and without."""
    premise(auth_trials.tokens)
    return judged(auth_trials.tokens, TrialKind.ALG_NONE, summary="unsigned tokens are refused")
