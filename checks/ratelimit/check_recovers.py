"""A refused caller is served again."""

from __future__ import annotations

from readiness import Category, Evidence, Finding, Inconclusive, Severity, Verdict, check
from readiness.facts.limiter import TOO_MANY, SmallLimit, is_let_through
from readiness.limiting.judging import require_refusals


@check(
    id="ratelimit.recovers",
    category=Category.RATELIMIT,
    severity=Severity.HIGH,
    title="A refused caller who waits is served again",
    why="A refusal that does not end is a ban: the caller who was too quick once is lost.",
    source="Claims ledger, ratelimit.recovers (memorai, brain; implied by myragdb)",
    remediation="Let counts expire with their window, also those of refused requests.",
    seeds=("myragdb", "memorai", "brain"),
    defects=("refusal-for-ever",),
)
def check_recovers(small_limit: SmallLimit) -> Verdict:
    """Judge the first request after the announced wait, else the one after a whole window in silence."""
    require_refusals(small_limit)
    seen = small_limit.reopened
    if seen is None:
        raise Inconclusive(
            small_limit.not_done.get("one after another", "no caller was refused after requests one by one")
        )
    for seconds, status in ((seen.later_seconds, seen.later_status), (seen.last_seconds, seen.last_status)):
        if seconds is not None and status is not None and is_let_through(status):
            return Verdict(summary=f"served again after {seconds:.1f} s in silence")
    is_waited_out = seen.later_seconds is not None or seen.announced_seconds is None
    if not is_waited_out and seen.last_seconds is not None and seen.last_status == TOO_MANY:
        raise Inconclusive(
            f"Retry-After: {seen.raw} is longer than an audit waits; whether that is true, ratelimit.retry_after judges",
            supply="limit:\n  env: {requests: RATE_LIMIT_PER_MINUTE, window_seconds: RATE_LIMIT_WINDOW_SECONDS}",
        )
    if seen.last_status == TOO_MANY and seen.last_seconds is not None:
        figures = small_limit.figures
        message = f"still refused after {seen.last_seconds:.0f} s in silence; {figures.words} are forgotten in {figures.capacity * figures.interval_seconds:g} s"
        proof = Evidence(
            source="after the refusal",
            text=f"Retry-After: {seen.raw}; then {seen.later_status}, then {seen.last_status}",
        )
        return Verdict(findings=(Finding(message=message, evidence=(proof,)),))
    raise Inconclusive(
        "the wait for a new allowance is longer than an audit waits, or its end was not answered",
        supply="limit:\n  env: {requests: RATE_LIMIT_PER_MINUTE, window_seconds: RATE_LIMIT_WINDOW_SECONDS}",
    )
