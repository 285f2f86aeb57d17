"""Errors reach the tracker, with what is needed to find their cause."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from readiness import Category, Evidence, Finding, Inconclusive, Measurement, Severity, Verdict, check
from readiness.facts.tracking import ErrorTracking, Provoked
from readiness.tracking.premises import require_way

WORDS = {"unhandled": "an unhandled exception", "db": "a lost database", "redis": "a lost Redis"}


@dataclass(frozen=True, kw_only=True)
class CaptureLimits:
    """How soon an event has to be there."""

    event_seconds: float = 10.0  # claims ledger, sentry.captures


@check(
    id="sentry.captures",
    category=Category.SENTRY,
    severity=Severity.MEDIUM,
    title="Unhandled exceptions and failing dependencies are sent to the error tracker with their stack",
    why="An error that only the user sees is found when the user complains, without a trace of its cause.",
    source="Claims ledger, sentry.captures (memorai)",
    remediation="Initialise the client before the application is made, and capture what handlers turn into answers.",
    seeds=("memorai",),
    defects=("unhandled-not-sent",),
)
def check_captures(error_tracking: ErrorTracking, limits: CaptureLimits) -> Verdict:
    """Every error that was provoked has an event with an exception's type and frames."""
    require_way(error_tracking)
    if not error_tracking.provoked:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in error_tracking.not_done.items())
        raise Inconclusive(f"no error could be provoked: {reasons}", supply="error_path: /a/path/that/raises")
    findings = [finding for provoked in error_tracking.provoked for finding in _findings(provoked, limits)]
    if any(p.events == () for p in error_tracking.provoked) and error_tracking.unreadable:
        raise Inconclusive(f"what arrived could not all be read: {'; '.join(error_tracking.unreadable)}")
    measured = [
        Measurement(
            name=f"event of {WORDS.get(provoked.name, provoked.name)}",
            value=provoked.events[0].seconds,
            unit="s",
            at_most=limits.event_seconds,
        )
        for provoked in error_tracking.provoked
        if provoked.events
    ]
    seen = "; ".join(
        f"{WORDS.get(p.name, p.name)}: {p.events[0].exceptions[-1]} with {p.events[0].frames} frames"
        for p in error_tracking.provoked
        if p.events and p.events[0].exceptions
    )
    return Verdict(findings=tuple(findings), measured=tuple(measured), summary=seen)


def _findings(provoked: Provoked, limits: CaptureLimits) -> Iterator[Finding]:
    words = WORDS.get(provoked.name, provoked.name)
    proof = (Evidence(source="request that failed", text=provoked.request),)
    if not provoked.events:
        message = f"no event with an exception came of {words} within {limits.event_seconds:g} s"
        yield Finding(message=message, evidence=proof)
        return
    if not any(any(event.exceptions) for event in provoked.events):
        yield Finding(message=f"the event of {words} has no exception type", evidence=proof)
    if not any(event.frames for event in provoked.events):
        yield Finding(message=f"the event of {words} has no stack frames", evidence=proof)
