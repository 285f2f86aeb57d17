"""No well-known key signs."""

from __future__ import annotations

from readiness import Category, NotApplicable, Severity, Verdict, check
from readiness.auth.answers import judged, of_kind, premise
from readiness.facts.auth import AuthTrials, TrialKind


@check(
    id="auth.default_key_rejected",
    category=Category.AUTH,
    severity=Severity.CRITICAL,
    title="Tokens signed with well-known or example keys are refused",
    why="Keys of tutorials and example files are the first that are tried, and each makes its finder every user.",
    source="OWASP ASVS 4.0, 2.10.4; Claims ledger, auth.default_key_rejected (brain)",
    remediation="Generate the key (openssl rand -hex 32), keep it out of the repository, and refuse to start with a known one.",
    seeds=("brain",),
    defects=("jwt-default-key", "jwt-signature-unverified"),
)
def check_default_key_rejected(auth_trials: AuthTrials) -> Verdict:
    """Judge tokens signed with tutorials' keys and with those in the owner's own example files."""
    tokens = auth_trials.tokens
    premise(tokens)
    kind = TrialKind.DEFAULT_KEY
    is_tried = bool(of_kind(tokens.trials, kind)) or kind in tokens.not_tried
    if not is_tried and not tokens.algorithm.startswith("HS"):
        raise NotApplicable(
            f"premise failed: a private key signs ({tokens.algorithm}), and no example file and no default holds one"
        )
    return judged(tokens, kind, summary="well-known keys are refused")
