"""The limit is a token bucket: a burst at once, then refilled continuously."""

from __future__ import annotations

from readiness import Category, Finding, Inconclusive, Measurement, NotApplicable, Severity, Verdict, check
from readiness.facts.limiter import Figures, Refilled, SmallLimit
from readiness.limiting.declared import caller_limit
from readiness.limiting.judging import chart_of, evidence_of, require_refusals
from readiness.target import Target

#: Part of the capacity that must pass at once; a request or two may have been counted before (a login, for example).
BURST_RATIO = 0.8


@check(
    id="ratelimit.token_bucket",
    category=Category.RATELIMIT,
    severity=Severity.LOW,
    title="An idle caller may burst, and is refilled continuously",
    why="Windows of the clock let twice the limit through at their edge, and refuse all callers until the same moment.",
    source="Claims ledger, ratelimit.token_bucket (memorai)",
    remediation="Keep tokens and a time per caller, and add what the time since then is worth at each request.",
    seeds=("memorai",),
    defects=("limiter-fixed-window", "refusal-for-ever"),
)
def check_token_bucket(small_limit: SmallLimit, target: Target) -> Verdict:
    """Judge a burst, and what was let through after each of two short waits."""
    limit = caller_limit(target)
    if limit.algorithm is None:
        raise Inconclusive(
            "not configured: limit.algorithm", supply="limit:\n  algorithm: token_bucket", undeclared="limit.algorithm"
        )
    if limit.algorithm != "token_bucket":
        raise NotApplicable(f"the limit is declared as {limit.algorithm.replace('_', ' ')}")
    require_refusals(small_limit)
    figures, burst = small_limit.figures, small_limit.phase("until refused")
    if burst is None or not small_limit.refills:
        raise Inconclusive(small_limit.not_done.get("refill", "the limit was not met by a caller of its own"))
    phases = [p for p in small_limit.phases if p.name == burst.name or p.name.startswith("after a wait")]
    charts = (chart_of(f"A burst and two waits at {figures.words}", phases),)
    if burst.failed or burst.let_through < BURST_RATIO * figures.capacity:
        raise Inconclusive(f"a rested caller could not burst: {burst.words}; in force: {figures.words}")
    wrong = [r for r in small_limit.refills if not _least(r, figures) <= r.let_through <= _most(r, figures)]
    measured = tuple(
        Measurement(name=f"let through after {r.waited_seconds:.1f} s", value=r.let_through, unit="count")
        for r in small_limit.refills
    )
    findings = tuple(
        Finding(
            message=f"{r.let_through} requests were let through after {r.waited_seconds:.1f} s; a bucket of {figures.words} refills one in {figures.interval_seconds:.2g} s",
            evidence=tuple(map(evidence_of, phases)),
        )
        for r in wrong[:1]
    )
    summary = f"{burst.let_through} at once, then {', '.join(str(r.let_through) for r in small_limit.refills)} after {small_limit.refills[0].waited_seconds:.1f} s each"
    return Verdict(findings=findings, measured=measured, summary=summary, charts=charts)


def _least(refill: Refilled, figures: Figures) -> int:
    """Whole tokens of the wait alone; what was left in the bucket comes on top."""
    return int(refill.waited_seconds / figures.interval_seconds)


def _most(refill: Refilled, figures: Figures) -> float:
    """A fraction of a token was left, more came while the requests were sent, and one for rounding."""
    return (refill.waited_seconds + refill.seconds) / figures.interval_seconds + 2
