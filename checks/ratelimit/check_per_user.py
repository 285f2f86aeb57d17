"""The limit is counted per user: one exhausted user does not affect another, and a new login is no new allowance."""

from __future__ import annotations

from readiness import Category, Evidence, Finding, Inconclusive, Severity, Verdict, check
from readiness.facts.limiter import TOO_MANY, SmallLimit, Tried, is_let_through
from readiness.limiting.declared import limit_by
from readiness.limiting.judging import require_refusals, words_of
from readiness.target import Target

#: Who is not logged in may be turned away before anything is counted.
BEFORE_THE_LIMITER = frozenset({401, 403})


@check(
    id="ratelimit.per_user",
    category=Category.RATELIMIT,
    severity=Severity.MEDIUM,
    title="Each user has one allowance of their own",
    why="Counted together, one user takes the service from the others; counted per token, a login resets the count.",
    source="Claims ledger, ratelimit.per_user (memorai)",
    remediation="Count by the user's id, as the verified token names it, before anything else that tells callers apart.",
    seeds=("memorai",),
    defects=("limit-per-token",),
)
def check_per_user(small_limit: SmallLimit, target: Target) -> Verdict:
    """Judge what another user, and the same one after another login, got while one was exhausted."""
    limit_by(target, "user")
    require_refusals(small_limit)
    told = [t for t in small_limit.users if t.is_exhausted and t.statuses]
    findings, seen = [], []
    for tried in told:
        is_same = tried.name.startswith("the same")
        status = tried.statuses[0]
        is_wrong = tried.has_evaded if is_same else status == TOO_MANY and not _is_of_address(tried, target)
        if is_wrong:
            what = (
                "another login gives an exhausted user a new allowance"
                if is_same
                else "one exhausted user has another one refused"
            )
            proof = Evidence(
                source=words_of(tried), text=f"the exhausted one just before and after: {tried.before}, {tried.after}"
            )
            findings.append(Finding(message=what, evidence=(proof,)))
        elif tried.is_settled if is_same else is_let_through(status):
            seen.append(words_of(tried))
    shared = next((t for t in told if TOO_MANY in t.statuses and _is_of_address(t, target)), None)
    if not findings and shared is not None:
        raise Inconclusive(
            f"another user is refused, and a stranger at the same address gets {shared.stranger or 'no answer'}: perhaps it is "
            "the address that is exhausted, which has a limit too"
        )
    if not findings and not any(text.startswith("another user") for text in seen):
        reason = small_limit.not_done.get("another user") or small_limit.not_done.get("exhausted")
        raise Inconclusive(
            reason or "no second user was answered while the first was exhausted",
            supply="login:\n  users: [{name: alice, password: …}, {name: bob, password: …}]",
        )
    unsettled = "; ".join(words_of(t) for t in small_limit.users if words_of(t) not in seen)
    if not findings and unsettled:
        raise Inconclusive(f"while one user was refused, it could not be told of everybody: {unsettled}")
    return Verdict(findings=tuple(findings), summary=f"while one user is refused: {'; '.join(seen)}")


def _is_of_address(tried: Tried, target: Target) -> bool:
    """Whether another user's refusal may be the address's, which both have: only a stranger who is served there tells."""
    is_counted = any(limit.key == "address" for limit in target.limits)
    is_open = tried.stranger is not None and is_let_through(tried.stranger) and tried.stranger not in BEFORE_THE_LIMITER
    return not tried.name.startswith("the same") and is_counted and not is_open
