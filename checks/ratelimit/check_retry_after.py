"""A refusal says truthfully when to come back."""

from __future__ import annotations

from readiness import Category, Evidence, Finding, Inconclusive, Measurement, Severity, Verdict, check
from readiness.facts.limiter import TOO_MANY, SmallLimit, is_let_through
from readiness.limiting.judging import require_refusals


@check(
    id="ratelimit.retry_after",
    category=Category.RATELIMIT,
    severity=Severity.MEDIUM,
    title="Retry-After says when the next request is served",
    why="Clients that are told nothing, or the wrong time, come back at once and again.",
    source="Claims ledger, ratelimit.retry_after (memorai); RFC 6585, 4; RFC 9110, 10.2.3",
    remediation="Compute Retry-After from the bucket or window that refuses, in whole seconds, rounded up.",
    seeds=("memorai",),
    defects=("retry-after-zero", "refusal-for-ever"),
)
def check_retry_after(small_limit: SmallLimit) -> Verdict:
    """Judge the announced wait against what came before and after it."""
    require_refusals(small_limit)
    seen, figures = small_limit.reopened, small_limit.figures
    if seen is None:
        raise Inconclusive(
            small_limit.not_done.get("one after another", "no caller was refused after requests one by one")
        )
    proof = (Evidence(source="the refusal, and what followed", text=_course(small_limit)),)
    if seen.raw is None:
        return Verdict(findings=(Finding(message="a refusal carries no Retry-After", evidence=proof),))
    if seen.announced_seconds is None:
        message = f"Retry-After is neither seconds nor a date: {seen.raw}"
        return Verdict(findings=(Finding(message=message, evidence=proof),))
    whole = figures.capacity * figures.interval_seconds + 1
    if not 1 <= seen.announced_seconds <= whole:
        message = f"Retry-After: {seen.raw} is not between 1 and {whole:.0f} s, in which {figures.words} are forgotten"
        return Verdict(findings=(Finding(message=message, evidence=proof),))
    if seen.later_status is None or seen.later_seconds is None:
        raise Inconclusive(
            f"Retry-After: {seen.raw} is longer than an audit waits",
            supply="limit:\n  env: {requests: RATE_LIMIT_PER_MINUTE, window_seconds: RATE_LIMIT_WINDOW_SECONDS}",
        )
    if seen.later_status == TOO_MANY:
        message = f"Retry-After: {seen.raw}, and a request {seen.later_seconds:.1f} s later is refused"
        return Verdict(findings=(Finding(message=message, evidence=proof),))
    if not is_let_through(seen.later_status):
        raise Inconclusive(f"the request after the announced wait was not served: {seen.later_status or 'no answer'}")
    measured = Measurement(name="announced wait", value=seen.announced_seconds, unit="s", at_least=1, at_most=whole)
    return Verdict(measured=(measured,), summary=_course(small_limit))


def _course(small: SmallLimit) -> str:
    seen = small.reopened
    if seen is None:
        return ""
    parts = [f"Retry-After: {seen.raw}"]
    for name, seconds, status in (
        ("after", seen.later_seconds, seen.later_status),
        ("after a whole window,", seen.last_seconds, seen.last_status),
        ("too early, after", seen.early_seconds, seen.early_status),
    ):
        if seconds is not None:
            parts.append(f"{name} {seconds:.1f} s: {status or 'no answer'}")
    return "; ".join(parts)
