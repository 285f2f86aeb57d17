"""A token is for one issuer and one audience."""

from __future__ import annotations

from readiness import Category, NotApplicable, Severity, Verdict, check
from readiness.auth.answers import judged, premise
from readiness.facts.auth import AuthTrials, TrialKind


@check(
    id="auth.issuer",
    category=Category.AUTH,
    severity=Severity.MEDIUM,
    title="A token of another issuer, or for another audience, is refused",
    why="Where services share a key or an identity provider, a token for the least of them would open all of them.",
    source="RFC 8725, 3.8 and 3.9",
    remediation="Verify iss and aud against the values that your own tokens carry.",
    defects=("jwt-issuer-ignored",),
)
def check_issuer(auth_trials: AuthTrials) -> Verdict:
    """Judge sound tokens with a stranger's name in ``iss`` or ``aud``, where the service's own have these claims."""
    tokens = auth_trials.tokens
    premise(tokens)
    if not {"iss", "aud"} & set(tokens.claims):
        raise NotApplicable("the service's tokens name neither issuer nor audience")
    return judged(tokens, TrialKind.ISSUER, summary="tokens of another issuer or audience are refused")
