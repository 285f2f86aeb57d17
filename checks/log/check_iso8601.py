"""Every line says when it was written, in ISO 8601 with an offset."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

from readiness import Category, Evidence, Finding, Measurement, NotApplicable, Severity, Verdict, check
from readiness.facts.logs import RequestLogs
from readiness.logs.values import instant
from readiness.logs.view import MAX_EVIDENCE, Entry, View, view_of
from readiness.target import Target


@dataclass(frozen=True, kw_only=True)
class TimeLimits:
    """How far a line's time may be from that of its request."""

    away_seconds: float = 2.0  # the claims ledger's


@check(
    id="log.iso8601",
    category=Category.LOG,
    severity=Severity.MEDIUM,
    title="Log lines carry ISO 8601 timestamps with an offset",
    why="Local times without offset cannot be put in order across machines, and are ambiguous for an hour every autumn.",
    source="ISO 8601; RFC 3339, 4.4 (unqualified local time); claims ledger, log.iso8601",
    remediation='Write UTC with its offset: "2026-01-01T12:00:00.123Z".',
    seeds=("myragdb",),
    defects=("log-local-time",),
)
def check_iso8601(request_logs: RequestLogs, target: Target, limits: TimeLimits) -> Verdict:
    """Judge the time of every line that is kept, and compare those of known requests with this machine's clock."""
    view = view_of(request_logs, target)
    parsed = [entry for entry in view.entries if entry.places is not None]
    if not parsed:
        raise NotApplicable("no line is JSON, so none has a field for its time; log.json judges that")
    place = view.places["time"]
    if place is None:
        message = "no line has a field for its time"
        return Verdict(findings=(Finding(message=message, evidence=(parsed[0].evidence,)),))
    bare = [e for e in parsed if instant(view.get(e, "time")) is None]
    local = [e for e in parsed if (found := instant(view.get(e, "time"))) is not None and found.tzinfo is None]
    findings = []
    if bare:
        findings.append(_finding(f"{len(bare)} of {len(parsed)} lines have no ISO 8601 time in {place!r}", bare))
    if local:
        findings.append(_finding(f"{len(local)} of {len(parsed)} lines have a local time without offset", local))
    findings += _wrong(view, request_logs, limits)
    measured = (Measurement(name="lines judged", value=len(parsed), unit="count"),)
    return Verdict(findings=tuple(findings), measured=measured, summary=f"{len(parsed)} lines, times in {place!r}")


def _finding(message: str, entries: list[Entry]) -> Finding:
    return Finding(message=message, evidence=tuple(entry.evidence for entry in entries[:MAX_EVIDENCE]))


def _wrong(view: View, fact: RequestLogs, limits: TimeLimits) -> Iterator[Finding]:
    """Lines whose time is another than that of their request, by the clock of the same machine."""
    for asked in fact.of("marker", "ok"):
        for entry in view.of(asked):
            written = instant(view.get(entry, "time"))
            if written is None or written.tzinfo is None:
                continue
            after = written.timestamp() - asked.began
            if not -limits.away_seconds <= after <= asked.seconds + limits.away_seconds:
                sent = dt.datetime.fromtimestamp(asked.began, dt.UTC).isoformat()
                proof = (Evidence(source=asked.label, text=f"sent at {sent}"), entry.evidence)
                yield Finding(message=f"a line's time is {after:.0f} s from its request's", evidence=proof)
                return
