"""A tracker that does not answer costs the users nothing."""

from __future__ import annotations

import statistics
from dataclasses import dataclass

from readiness import Category, Evidence, Finding, Inconclusive, Measurement, Severity, Verdict, check
from readiness.facts.tracking import ErrorTracking, Waiting
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
    title="A tracker that hangs slows no request, and does not keep the service from stopping in time",
    why="Otherwise the tracker's outage is the service's own, just when everything fails and much is sent.",
    source="Claims ledger, sentry.outage_harmless (memorai)",
    remediation="Send from a thread of its own with a bounded queue; never flush within a request; bound the last flush.",
    seeds=("memorai",),
    defects=("tracker-blocks-requests",),
)
def check_outage_harmless(error_tracking: ErrorTracking, limits: OutageLimits) -> Verdict:
    """Compare failing requests while the tracker answers with those while it hangs, and look at the stop after them."""
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
    measured = [
        Measurement(name="failing request, tracker answers", value=round(usual, 3), unit="s"),
        Measurement(name="failing request, tracker hangs", value=round(slow, 3), unit="s"),
    ]
    if waiting.stopped is not None:
        measured.append(Measurement(name="stop, tracker hangs", value=round(waiting.stopped.seconds, 3), unit="s"))
    findings = []
    if more > limits.blocked_seconds:
        times = ", ".join(f"{seconds:.2f}" for seconds in waiting.hanging)
        proof = Evidence(source="seconds of failing requests while the tracker hung", text=times)
        message = f"failing requests take {slow:.1f} s while the tracker hangs, and {usual:.1f} s otherwise"
        findings.append(Finding(message=message, evidence=(proof,)))
    if _keeps_from_stopping(waiting):
        findings.append(Finding(message=_killed(waiting)))
    if findings:
        return Verdict(findings=tuple(findings), measured=tuple(measured))
    if more > limits.harmless_seconds:
        raise Inconclusive(
            f"failing requests took {more:.2f} s longer while the tracker hung: a busy machine, or it blocks"
        )
    if waiting.hanging_errors:
        raise Inconclusive(f"some requests were not answered while the tracker hung: {waiting.hanging_errors[0]}")
    stop = _stop_words(waiting, error_tracking.not_done.get("stopping", "it was not tried"))
    return Verdict(
        measured=tuple(measured), summary=f"{slow:.3f} s with a hanging tracker, {usual:.3f} s otherwise; {stop}"
    )


def _keeps_from_stopping(waiting: Waiting) -> bool:
    """Whether the stop ends in time with a tracker that answers, and in a kill with one that hangs."""
    hung, answered = waiting.stopped, waiting.stopped_answering
    return hung is not None and hung.was_killed and answered is not None and not answered.was_killed


def _killed(waiting: Waiting) -> str:
    hung, answered = waiting.stopped, waiting.stopped_answering
    assert hung is not None  # noqa: S101  # as _keeps_from_stopping() said
    assert answered is not None  # noqa: S101
    return (
        f"asked to stop while the tracker hangs, the service is killed after {hung.seconds:.1f} s; "
        f"otherwise it stops within {answered.seconds:.1f} s"
    )


def _stop_words(waiting: Waiting, reason: str) -> str:
    """What the stop showed, where it accuses nobody.

    Raises:
        Inconclusive: it was not tried, or ended in a kill, and there is nothing to compare that with.
    """
    if waiting.stopped is None:
        raise Inconclusive(f"the service was not stopped while the tracker hung: {reason}")
    if not waiting.stopped.was_killed:
        return f"it stops within {waiting.stopped.seconds:.1f} s meanwhile"
    if waiting.stopped_answering is None:
        raise Inconclusive(
            f"the service was killed at its stop while the tracker hung; compared with nothing: {reason}"
        )
    return "it is killed at its stop, whether the tracker hangs or not"
