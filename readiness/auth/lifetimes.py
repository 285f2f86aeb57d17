"""How long tokens last, against what the owner declares."""

from __future__ import annotations

from dataclasses import dataclass

from readiness.auth.answers import premise
from readiness.facts.auth import AuthTrials
from readiness.target import Target
from readiness.verdict import Evidence, Finding, Inconclusive, Measurement, NotApplicable, Verdict

__all__ = ["LifetimeLimits", "judge_lifetime"]


@dataclass(frozen=True, kw_only=True)
class LifetimeLimits:
    """How exactly a lifetime has to be the declared one."""

    # The ledger's tolerance for both rows: clocks are read a moment apart, and lifetimes are rounded.
    off_by_seconds: float = 5.0


def judge_lifetime(trials: AuthTrials, target: Target, limits: LifetimeLimits, *, which: str) -> Verdict:
    """Every source that tells a lifetime must tell the declared one, and one of them must be the service's own.

    Raises:
        NotApplicable, Inconclusive: nothing is declared, or nothing tells.
    """
    login = target.login
    target.require("login", login, example="login: {…}   # how a user logs in")
    if which == "refresh":
        target.require("login.refresh", value=True, example="")
    declared = None if login is None else login.access_seconds if which == "access" else login.refresh_seconds
    if (
        login is not None
        and which == "refresh"
        and login.refresh is None
        and declared is None
        and login.request is None
    ):
        raise NotApplicable("the declared login gives no refresh token")
    target.require(
        f"login.{which}_seconds", declared, example=f"login:\n  {which}_seconds: {900 if which == 'access' else 604800}"
    )
    assert declared is not None  # noqa: S101  # require() raised otherwise
    premise(trials.tokens, jwt=False)
    found = [lifetime for lifetime in trials.tokens.lifetimes if lifetime.token == which]
    findings = []
    for lifetime in found:
        said = "never ends" if lifetime.seconds is None else f"lasts {lifetime.seconds:.0f} s"
        if lifetime.seconds is None or abs(lifetime.seconds - declared) > limits.off_by_seconds:
            proof = Evidence(source=lifetime.source, text=said)
            message = f"the {which} token {said} by {lifetime.source}; {declared:.0f} s are declared"
            findings.append(Finding(message=message, evidence=(proof,)))
    if not findings and not any(lifetime.is_enforced for lifetime in found):
        problem = trials.tokens.refresh_problem if which == "refresh" else ""
        told = ", ".join(lifetime.source for lifetime in found) or problem or "nothing tells how long it lasts"
        raise Inconclusive(f"the service itself was not seen to end the {which} token: {told}")
    measured = tuple(
        Measurement(name=f"lifetime by {lifetime.source}", value=round(lifetime.seconds, 1), unit="s")
        for lifetime in found
        if lifetime.seconds is not None
    )
    return Verdict(findings=tuple(findings), measured=measured, summary="; ".join(m.describe() for m in measured))
