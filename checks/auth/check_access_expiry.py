"""How long access tokens last."""

from __future__ import annotations

from readiness import Category, Severity, Verdict, check
from readiness.auth.lifetimes import LifetimeLimits, judge_lifetime
from readiness.facts.auth import AuthTrials
from readiness.target import Target


@check(
    id="auth.access_expiry_30m",
    category=Category.AUTH,
    severity=Severity.MEDIUM,
    title="Access tokens last as long as declared",
    why="An access token cannot be taken back: what somebody steals works until it ends.",
    source="Claims ledger, auth.access_expiry_30m (brain); OWASP ASVS 4.0, 3.3",
    remediation="Set exp from the configured lifetime, and declare that lifetime.",
    seeds=("brain",),
    defects=("access-token-long",),
)
def check_access_expiry(auth_trials: AuthTrials, target: Target, limits: LifetimeLimits) -> Verdict:
    """Compare with ``login.access_seconds``: the figure is the owner's, not the ledger's."""
    return judge_lifetime(auth_trials, target, limits, which="access")
