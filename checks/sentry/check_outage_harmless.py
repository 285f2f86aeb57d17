"""A tracker that does not answer costs the users nothing."""

from __future__ import annotations

import statistics
from dataclasses import dataclass

from readiness import Category, Evidence, Finding, Inconclusive, Measurement, Severity, Verdict, check
from readiness.facts.tracking import ErrorTracking
from readiness.tracking.premises import require_events

FEWEST = 3


@dataclass(frozen=True, kw_only=True)
class OutageLimits:
    """What waiting for a tracker looks like."""

    # Clients that block wait for a timeout or a flush: two seconds with Sentry's own, five and more with others'.
    blocked_seconds: float = 1.0
    # Below this no user feels it, and a busy machine does it without any tracker.
    harmless_seconds: float = 0.5


@check(
    id="sentry.outage_harmless",
    category=Category.SENTRY,
    severity=Severity.MEDIUM,
    title="A tracker that hangs does not slow requests",
    why="Otherwise the tracker's outage is the service's own, just when everything fails and much is sent.",
    source="Claims ledger, sentry.outage_harmless (memorai)",
    remediation="Send from a thread of its own with a bounded queue; never flush within a request.",
    seeds=("memorai",),
    defects=("tracker-blocks-requests",),
)
def check_outage_harmless(error_tracking: ErrorTracking, limits: OutageLimits) -> Verdict:
    """Compare failing requests while the tracker answers with those while it hangs."""
    require_events(error_tracking)
    waiting = error_tracking.waiting
    if waiting is None:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in error_tracking.not_done.items())
        raise Inconclusive(f"failing requests were not compared: {reasons or 'none failed'}")
    if not waiting.was_asked:
        raise Inconclusive("the hanging tracker was never called, so nothing was shown")
    # Two that take very long are enough: the look then ends.
    if len(waiting.hanging) < FEWEST and min(waiting.hanging, default=0.0) <= limits.blocked_seconds:
        raise Inconclusive(f"only {len(waiting.hanging)} requests were answered while the tracker hung")
    usual, slow = statistics.median(waiting.answering), statistics.median(waiting.hanging)
    more = slow - usual
    measured = (
        Measurement(name="failing request, tracker answers", value=round(usual, 3), unit="s"),
        Measurement(name="failing request, tracker hangs", value=round(slow, 3), unit="s"),
    )
    if more > limits.blocked_seconds:
        times = ", ".join(f"{seconds:.2f}" for seconds in waiting.hanging)
        proof = Evidence(source="seconds of failing requests while the tracker hung", text=times)
        message = f"failing requests take {slow:.1f} s while the tracker hangs, and {usual:.1f} s otherwise"
        return Verdict(findings=(Finding(message=message, evidence=(proof,)),), measured=measured)
    if more > limits.harmless_seconds:
        raise Inconclusive(
            f"failing requests took {more:.2f} s longer while the tracker hung: a busy machine, or it blocks"
        )
    if waiting.hanging_errors:
        raise Inconclusive(f"some requests were not answered while the tracker hung: {waiting.hanging_errors[0]}")
    return Verdict(measured=measured, summary=f"{slow:.3f} s with a hanging tracker, {usual:.3f} s otherwise")
