"""Each request is logged with what it was, how it ended and how long it took."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from readiness import Category, Evidence, Finding, Measurement, Severity, Verdict, check
from readiness.facts.logs import Asked, RequestLogs
from readiness.logs.values import duration_units, seconds_in
from readiness.logs.view import MAX_EVIDENCE, Entry, View, view_of
from readiness.target import Target

#: A duration in a line of text: a number with a unit.
_DURATION = re.compile(r"(?<![\w.])\d+(?:\.\d+)?\s?(?:ns|us|µs|ms|s|sec|seconds)\b")


@dataclass(frozen=True, kw_only=True)
class AccessLimits:
    """How far a logged duration may be from the measured one."""

    # What the client's own connecting and scheduling adds; the logged one may be shorter by as much and more.
    above_seconds: float = 0.05
    # The logged time of a request that waited a second for its body holds most of that second, unless a server reads
    # the whole body first, which is why a shorter one alone is no finding.
    constant_ratio: float = 0.5


@check(
    id="log.access_line",
    category=Category.LOG,
    severity=Severity.MEDIUM,
    title="Each request is logged with method, path, status and duration",
    why="Which requests fail, and since when they are slow, is the first question of every incident.",
    source="claims ledger, log.access_line",
    remediation="Log one line at the end of each request: method, path without query, status, duration, request id.",
    seeds=("memorai", "brain"),
    defects=("log-without-duration",),
)
def check_access_line(request_logs: RequestLogs, target: Target, limits: AccessLimits) -> Verdict:
    """Find the line of each request to a path that it has alone, and read the four facts in it."""
    view = view_of(request_logs, target)
    asked = request_logs.of("marker")
    lines = {a: [entry for entry in view.about_requests if a.marker in entry.text] for a in asked}
    unseen = [a for a in asked if not lines[a]]
    if unseen:
        proof = tuple(Evidence(source=a.label, text="no line names it") for a in unseen[:MAX_EVIDENCE])
        message = f"{len(unseen)} of {len(asked)} requests are in no line of {', '.join(request_logs.services)}"
        return Verdict(findings=(Finding(message=message, evidence=proof),))
    findings = [*_missing(view, lines), *_untrue(view, lines, request_logs, limits)]
    measured = (Measurement(name="requests with a line", value=len(asked) - len(unseen), unit="count"),)
    return Verdict(
        findings=tuple(findings), measured=measured, summary=f"{len(asked)} requests are logged with all four facts"
    )


def _missing(view: View, lines: dict[Asked, list[Entry]]) -> Iterator[Finding]:
    """A fact may be in any of the request's lines: some log its begin and its end."""
    lacking: dict[str, list[Entry]] = {}
    for asked, entries in lines.items():
        for name, is_told in _told(view, asked, entries).items():
            if not is_told:
                lacking.setdefault(name, []).append(entries[-1])
    for name, entries in lacking.items():
        message = f"{len(entries)} of {len(lines)} requests are logged without {name}"
        yield Finding(message=message, evidence=tuple(entry.evidence for entry in entries[:2]))


def _told(view: View, asked: Asked, entries: list[Entry]) -> dict[str, bool]:
    words = {word for entry in entries if entry.places is None for word in re.split(r'[\s="\[\],]+', entry.text)}
    status = str(asked.status)
    return {
        "its method": any(str(view.get(e, "method")).upper() == asked.method for e in entries) or asked.method in words,
        "its status": any(str(view.get(e, "status")) == status for e in entries) or status in words,
        "its duration": any(_seconds(view, e) for e in entries)
        or any(_DURATION.search(e.text) for e in entries if e.places is None),
    }


def _seconds(view: View, entry: Entry) -> tuple[float, ...]:
    """What the duration in a line may mean, in seconds."""
    place = view.places.of(entry, "seconds")
    return () if place is None else seconds_in(entry.get(place), duration_units(place, view.duration_unit))


def _untrue(view: View, lines: dict[Asked, list[Entry]], fact: RequestLogs, limits: AccessLimits) -> Iterator[Finding]:
    """Durations that cannot be: longer than the client waited, or the same for a slow request as for quick ones."""
    told = [(a, e, s) for a, entries in lines.items() for e in entries if (s := _seconds(view, e))]
    slow = [(a, e, s) for a in fact.of("slow") for e in view.access(a) if (s := _seconds(view, e))]
    longer = [(a, e) for a, e, s in (*told, *slow) if min(s) > a.seconds + limits.above_seconds]
    if longer:
        asked, entry = longer[0]
        proof = (Evidence(source=asked.label, text=f"answered within {asked.seconds:.3f} s"), entry.evidence)
        yield Finding(message=f"{len(longer)} requests are logged with more time than they took", evidence=proof)
    values = {s for _, _, s in (*told, *slow)}
    is_known_slow = any(max(s) < limits.constant_ratio * a.at_least_seconds for a, _, s in slow)
    if is_known_slow and len(values) == 1 and told:
        asked, entry, _ = slow[0]
        proof = (Evidence(source=asked.label, text=f"took {asked.seconds:.3f} s"), entry.evidence)
        yield Finding(message="every request is logged with the same duration, however long it took", evidence=proof)
