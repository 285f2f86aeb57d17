"""As many traces are sent as declared."""

from __future__ import annotations

from dataclasses import dataclass

from readiness import Category, Finding, Inconclusive, Measurement, NotApplicable, Severity, Verdict, check
from readiness.declared.tracking import tracking_of
from readiness.facts.tracking import ErrorTracking
from readiness.target import Target
from readiness.tracking.premises import require_way
from readiness.tracking.sampling import interval

SUPPLY = "tracking: {traces_sample_ratio: 0.1}"


@dataclass(frozen=True, kw_only=True)
class SamplingLimits:
    """How far the ratio may be off."""

    off_ratio: float = 0.4  # claims ledger, sentry.sampling: 60 to 140 of 1000 where 0.1 is claimed
    confidence: float = 0.999  # one audit in a thousand may be wrong about a sound stack, and it must then be far off


@check(
    id="sentry.sampling",
    category=Category.SENTRY,
    severity=Severity.LOW,
    title="Traces are sampled at the declared ratio",
    why="Each trace costs time and money: at 1.0 the tracker's quota is gone by noon, and with it the errors of the day.",
    source="Claims ledger, sentry.sampling (memorai: 0.1)",
    remediation="Set the client's traces_sample_rate from the settings, and nothing else that decides before it.",
    seeds=("memorai",),
    defects=("traces-all-sent",),
)
def check_sampling(error_tracking: ErrorTracking, target: Target, limits: SamplingLimits) -> Verdict:
    """Compare the number of transactions with the declared ratio; where chance leaves it open, the told rate decides."""
    ratio = tracking_of(target).traces_sample_ratio
    if ratio is None:
        target.require("tracking.traces_sample_ratio", None, example=SUPPLY)
    assert ratio is not None  # noqa: S101  # require() raised otherwise; tells the type checker
    require_way(error_tracking)
    sampled = error_tracking.sampled
    if sampled is None or sampled.answered == 0:
        raise Inconclusive(f"no traces were counted: {error_tracking.not_done.get('sampling', 'nothing was answered')}")
    if error_tracking.envelopes == 0 and ratio > 0:
        raise NotApplicable("premise failed: nothing at all arrived, neither errors nor traces")
    lowest, highest = ratio * (1 - limits.off_ratio), ratio * (1 + limits.off_ratio)
    low, high = interval(min(sampled.transactions, sampled.answered), sampled.answered, confidence=limits.confidence)
    share = sampled.transactions / sampled.answered
    shown = Measurement(name="transactions per request", value=round(share, 4), unit="ratio")
    said = f"{sampled.transactions} transactions of {sampled.answered} requests, {ratio:g} is declared"
    told = f"; told: {', '.join(f'{r:g}' for r in sampled.told_ratios)}" if sampled.told_ratios else ""
    if high < lowest or low > highest:
        return Verdict(findings=(Finding(message=f"{said}{told}"),), measured=(shown,))
    if lowest <= low and high <= highest:
        return Verdict(measured=(shown,), summary=said)
    if sampled.told_ratios and all(lowest <= told_ratio <= highest for told_ratio in sampled.told_ratios):
        return Verdict(measured=(shown,), summary=f"{said}{told}")
    if sampled.told_ratios and not any(lowest <= told_ratio <= highest for told_ratio in sampled.told_ratios):
        return Verdict(findings=(Finding(message=f"the traces themselves tell another ratio: {said}{told}"),))
    raise Inconclusive(f"{said}: chance alone could make it {low:.3g} to {high:.3g}")
