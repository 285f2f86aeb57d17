"""A refusal says truthfully when to come back."""

from __future__ import annotations

from dataclasses import dataclass

from readiness import Category, Evidence, Finding, Inconclusive, Measurement, Severity, Verdict, check
from readiness.facts.limiter import TOO_MANY, Figures, Reopened, SmallLimit, is_let_through
from readiness.limiting.declared import caller_limit
from readiness.limiting.judging import require_refusals
from readiness.target import Target


@dataclass(frozen=True, kw_only=True)
class RetryAfterLimits:
    """How exact the announced wait must be."""

    # One second of rounding up, and one in which a busy machine had the early request wait.
    rounding_seconds: float = 2.0


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
def check_retry_after(small_limit: SmallLimit, target: Target, limits: RetryAfterLimits) -> Verdict:
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
    # A date may be less than a second ahead; a number is rounded up, and 0 is no wait.
    least = 1 if seen.raw.isdecimal() else 0
    if not least <= seen.announced_seconds <= whole:
        message = (
            f"Retry-After: {seen.raw} is not between {least} and {whole:.0f} s, in which {figures.words} are forgotten"
        )
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
    if _is_too_long(seen, figures, caller_limit(target).algorithm, limits):
        message = f"a refusal announces {seen.early_announced_seconds:g} s, and {seen.early_seconds or 0:.1f} s later a request is served"
        return Verdict(findings=(Finding(message=message, evidence=proof),))
    measured = Measurement(name="announced wait", value=seen.announced_seconds, unit="s", at_least=least, at_most=whole)
    return Verdict(measured=(measured,), summary=_course(small_limit))


def _is_too_long(seen: Reopened, figures: Figures, algorithm: str | None, limits: RetryAfterLimits) -> bool:
    """Whether a request was served long before the end of the announced wait, which the declared algorithm does not do.

    Not of a sliding window: those that weigh two windows against each other give requests back one by one.
    """
    announced, waited, status = seen.early_announced_seconds, seen.early_seconds, seen.early_status
    if announced is None or waited is None or status is None or not is_let_through(status):
        return False
    if announced - waited <= limits.rounding_seconds:
        return False
    # A bucket has a request again after an interval, rounded up.
    is_bucket = algorithm in {"token_bucket", "leaky_bucket"}
    return algorithm == "fixed_window" or (is_bucket and announced > figures.interval_seconds + 1)


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
