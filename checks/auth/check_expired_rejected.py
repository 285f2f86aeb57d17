"""Tokens end."""

from __future__ import annotations

from readiness import Category, Severity, Verdict, check
from readiness.auth.answers import judged, premise
from readiness.facts.auth import AuthTrials, TrialKind


@check(
    id="auth.expired_rejected",
    category=Category.AUTH,
    severity=Severity.HIGH,
    title="An expired token is refused",
    why="A stolen token that never ends works for ever.",
    source="RFC 7519, 4.1.4; Claims ledger, auth.expired_rejected (brain)",
    remediation="Require exp and verify it, with a leeway of a minute at most.",
    seeds=("brain",),
    defects=("jwt-expiry-ignored",),
)
def check_expired_rejected(auth_trials: AuthTrials) -> Verdict:
    """Judge a token that ended an hour ago, signed as the service signs."""
    premise(auth_trials.tokens)
    return judged(auth_trials.tokens, TrialKind.EXPIRED, summary="an expired token is refused")
