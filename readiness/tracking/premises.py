"""What has to hold before silence means anything."""

from __future__ import annotations

from readiness.facts.tracking import ErrorTracking
from readiness.verdict import Inconclusive, NotApplicable

__all__ = ["require_events", "require_way"]


def require_way(tracking: ErrorTracking) -> None:
    """Stop a judgement where what was sent may not have arrived.

    Raises:
        Inconclusive: the service does not reach the audit's own tracker, or that could not be tried.
    """
    if tracking.is_reachable is False:
        raise Inconclusive(
            "the service does not reach the audit's own tracker: a firewall of this machine, or no way out"
        )
    if tracking.is_reachable is None:
        raise Inconclusive("nothing arrived, and the service's image has no program to try the way with")
    if tracking.unreadable and not tracking.events:
        raise Inconclusive(f"what arrived could not be read: {'; '.join(tracking.unreadable)}")


def require_events(tracking: ErrorTracking) -> None:
    """Stop a judgement of events where there are none.

    Raises:
        NotApplicable: none was captured; whether that is right is judged by ``sentry.captures``.
        Inconclusive: as :func:`require_way`, or no error could be provoked.
    """
    require_way(tracking)
    if not tracking.provoked:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in tracking.not_done.items())
        raise Inconclusive(f"no error could be provoked: {reasons or 'no reason is known'}")
    if not tracking.events:
        raise NotApplicable("premise failed: no event arrived, so none can be judged")
