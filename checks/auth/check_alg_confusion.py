"""The algorithm and the key are the service's choice, not the token's."""

from __future__ import annotations

from readiness import Category, Severity, Verdict, check
from readiness.auth.answers import judged, premise
from readiness.facts.auth import AuthTrials, TrialKind


@check(
    id="auth.alg_confusion",
    category=Category.AUTH,
    severity=Severity.HIGH,
    title="A token of another algorithm, or with a key of its own, is refused",
    why="A service that lets a token choose how it is verified, or bring its own key, can be told that anything is valid.",
    source="RFC 8725, 2.1, 2.6, 3.1 and 3.10; Claims ledger, auth.alg_confusion (brain)",
    remediation="Verify with one named algorithm and one configured key; ignore jwk, jku, x5u and unknown kid headers.",
    seeds=("brain",),
    defects=("jwt-any-hmac", "jwt-signature-unverified"),
)
def check_alg_confusion(auth_trials: AuthTrials) -> Verdict:
    """Judge other algorithms under the right key, and other keys under headers that offer them."""
    premise(auth_trials.tokens)
    return judged(auth_trials.tokens, TrialKind.CONFUSION, summary="tokens of other algorithms and keys are refused")
