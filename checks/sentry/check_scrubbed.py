"""What is sent to the tracker holds no secrets."""

from __future__ import annotations

from readiness import Category, Evidence, Finding, Inconclusive, Severity, Verdict, check
from readiness.facts.tracking import ErrorTracking
from readiness.tracking.premises import require_events


@check(
    id="sentry.scrubbed",
    category=Category.SENTRY,
    severity=Severity.HIGH,
    title="Events hold no tokens and no passwords",
    why="A tracker keeps its events for months, and many may read it: a token in one of them is given away.",
    source="Claims ledger, sentry.scrubbed (memorai); CWE-532",
    remediation="Send no bodies, no locals and no queries, or scrub them by value in the client, before they leave.",
    seeds=("memorai",),
    defects=("tracker-secrets-sent",),
)
def check_scrubbed(error_tracking: ErrorTracking) -> Verdict:
    """None of the secrets that failing requests carried came out in any envelope."""
    require_events(error_tracking)
    places: dict[str, list[str]] = {}
    for leak in error_tracking.leaks:
        places.setdefault(leak.secret, []).append(leak.place)
    findings = tuple(
        Finding(
            message=f"a secret of the {_words(secret)} is in what is sent: {found[0]}",
            evidence=(Evidence(source="envelopes received in the tracker's place", text="\n".join(found)),),
        )
        for secret, found in places.items()
    )
    if not findings and error_tracking.unreadable:
        raise Inconclusive(f"not everything could be read: {'; '.join(error_tracking.unreadable)}")
    if not error_tracking.secrets:
        raise Inconclusive("no secret was sent with a failing request")
    sent = ", ".join(_words(secret) for secret in error_tracking.secrets)
    return Verdict(findings=findings, summary=f"{error_tracking.envelopes} envelopes; secrets were sent as {sent}")


def _words(label: str) -> str:
    return {"body": "request's body", "query": "URL's query"}.get(label, label)
