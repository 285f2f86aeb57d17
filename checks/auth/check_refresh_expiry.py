"""How long refresh tokens last."""

from __future__ import annotations

from readiness import Category, Severity, Verdict, check
from readiness.auth.lifetimes import LifetimeLimits, judge_lifetime
from readiness.facts.auth import AuthTrials
from readiness.target import Target


@check(
    id="auth.refresh_expiry_7d",
    category=Category.AUTH,
    severity=Severity.MEDIUM,
    title="Refresh tokens last as long as declared",
    why="A refresh token that outlives its promise keeps a lost device logged in.",
    source="Claims ledger, auth.refresh_expiry_7d (brain); OWASP ASVS 4.0, 3.3",
    remediation="Give the stored token, or its exp claim, the configured lifetime; the cookie's Max-Age binds only the browser.",
    seeds=("brain",),
    defects=("refresh-token-eternal",),
)
def check_refresh_expiry(auth_trials: AuthTrials, target: Target, limits: LifetimeLimits) -> Verdict:
    """Compare with ``login.refresh_seconds``: the figure is the owner's, not the ledger's."""
    return judge_lifetime(auth_trials, target, limits, which="refresh")
