"""Events tell where, for whom and in which environment an error happened."""

from __future__ import annotations

from collections.abc import Iterator

from readiness import Category, Evidence, Finding, Inconclusive, Severity, Verdict, check
from readiness.facts.tracking import Captured, ErrorTracking, Provoked
from readiness.tracking.premises import require_events


@check(
    id="sentry.context",
    category=Category.SENTRY,
    severity=Severity.LOW,
    title="Events carry URL, headers, user, environment and breadcrumbs",
    why="Without its circumstances an error cannot be reproduced; without its environment, production drowns in tests.",
    source="Claims ledger, sentry.context (memorai)",
    remediation="Set the environment when the client is initialised, and the user's number where the login is checked.",
    seeds=("memorai",),
    defects=("tracker-environment-missing",),
)
def check_context(error_tracking: ErrorTracking) -> Verdict:
    """Each kind of error has an event that has it all; of two events of one error the better one counts."""
    require_events(error_tracking)
    findings = []
    for provoked in error_tracking.provoked:
        judged = [tuple(_lacks(event, provoked, error_tracking.expected_environment)) for event in provoked.events]
        for lack in min(judged, key=len, default=()):
            proof = Evidence(source=f"event of {provoked.request}", text=_shown(provoked.events[0]))
            findings.append(Finding(message=f"the event of {provoked.request} {lack}", evidence=(proof,)))
    # A route that fails at once has left no trail yet; two errors without one have none.
    if not any(event.breadcrumbs for _, event in error_tracking.events):
        if len([p for p in error_tracking.provoked if p.events]) > 1:
            findings.append(Finding(message="no event has breadcrumbs"))
        elif not findings:
            raise Inconclusive("the one event has no breadcrumbs, and nothing may have happened before its error")
    is_somebody = any(p.as_user for p in error_tracking.provoked)
    if is_somebody and not findings and not any(event.user for _, event in error_tracking.events):
        # Where a login is not asked for, or the store of the users is away, the service need not know who it is.
        raise Inconclusive(
            "no event tells the user, and no request that failed is refused without a login",
            supply="tracking: {error: /a/path/that/needs/a/login/and/raises}",
        )
    user = "" if is_somebody else "; nobody was logged in, so no user was expected"
    provoked, event = error_tracking.events[0]
    return Verdict(findings=tuple(findings), summary=f"{_shown(event)}{user}{_trace_words(provoked)}")


def _trace_words(provoked: Provoked) -> str:
    """Told, and judged by nobody: at its edge a service may well begin traces of its own."""
    if provoked.is_trace_continued is None:
        return ""
    return "; the caller's trace goes on in it" if provoked.is_trace_continued else "; it begins a trace of its own"


def _lacks(event: Captured, provoked: Provoked, environment: str) -> Iterator[str]:
    if event.url is None:
        yield "does not tell the URL"
    if not event.headers:
        yield "does not tell the request's headers"
    if provoked.as_user and provoked.is_protected and not event.user:
        yield "does not tell the user, without whose login the request is refused"
    if not event.environment:
        yield "does not tell the environment"
    elif environment and event.environment.lower() != environment.lower():
        yield f"tells the environment {event.environment}, and the service runs as {environment}"


def _shown(event: Captured) -> str:
    return (
        f"{event.url or 'no URL'}, {len(event.headers)} headers, user by {' and '.join(event.user) or 'nothing'}, "
        f"environment {event.environment or 'none'}, {event.breadcrumbs} breadcrumbs"
    )
