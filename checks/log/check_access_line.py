"""Each request is logged with what it was, how it ended and how long it took."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from readiness import Category, Evidence, Finding, Inconclusive, Measurement, Severity, Verdict, check
from readiness.facts.logs import Asked, RequestLogs
from readiness.logs.fields import is_usual
from readiness.logs.values import duration_units, seconds_in
from readiness.logs.view import MAX_EVIDENCE, Entry, View, view_of
from readiness.target import Role, Target

#: A duration in a text: a number with a unit; or bare, as nginx writes $request_time (seconds with three decimals) and
#: gunicorn its L (six); or HAProxy's five timers (its configuration manual, HTTP log format).
_DURATION = re.compile(
    r"(?<![\w.])\d+(?:\.\d+)?\s?(?:ns|us|µs|ms|s|sec|seconds)\b"
    r"|(?<!\S)\"?\d{1,4}\.\d{3,6}\"?(?!\S)"
    r"|(?<!\S)\d+/-?\d+/-?\d+/-?\d+/\+?\d+(?!\S)"
)
#: A number behind a key: ``duration_ms=3``, ``"took": 0.2``.
_NUMBER_OF = re.compile(r"(?<![\w.])(\w{1,40})[\"']?\s?[=:]\s?[\"']?\d+(?:\.\d+)?")
#: What stands between the words of a line of text.
_BETWEEN_WORDS = re.compile(r"[\s=:;,|\"'()\[\]]+")


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
    every = [*view.about_requests, *view.of_proxies]
    findings = _faults(view, asked, every, limits)
    proxied = {entry.name for entry in target.entries if entry.service in target.services_of(Role.PROXY)}
    through = tuple(a for a in request_logs.of("client") if a.entry in proxied)
    is_past = not any(a.entry in proxied for a in asked)
    if findings and through and is_past and _is_up_to_proxies(view, through, limits):
        # Whether anybody but the audit can go past the proxy, only the owner knows.
        raise Inconclusive(
            f"past the proxy, {findings[0].message}; through it, the proxy's log has all four facts",
            supply="entry:   # without those that no caller can reach\n  - {name: proxy, service: PROXY, port: 443}",
        )
    measured = (Measurement(name="requests with a line", value=len(_lines(asked, every)), unit="count"),)
    return Verdict(
        findings=tuple(findings), measured=measured, summary=f"{len(asked)} requests are logged with all four facts"
    )


def _is_up_to_proxies(view: View, through: tuple[Asked, ...], limits: AccessLimits) -> bool:
    """Whether it is the proxies that log these requests in full, and not the application."""
    own = view.about_requests
    return not _faults(view, through, [*own, *view.of_proxies], limits) and bool(_faults(view, through, own, limits))


def _lines(asked: tuple[Asked, ...], entries: list[Entry]) -> dict[Asked, list[Entry]]:
    """The lines of each request that has any."""
    lines = {a: [entry for entry in entries if a.marker in entry.text] for a in asked}
    return {a: found for a, found in lines.items() if found}


def _faults(view: View, asked: tuple[Asked, ...], entries: list[Entry], limits: AccessLimits) -> list[Finding]:
    lines = _lines(asked, entries)
    unseen = [a for a in asked if a not in lines]
    if not unseen:
        return [*_missing(view, lines), *_untrue(view, lines, limits)]
    proof = tuple(Evidence(source=a.label, text="no line names it") for a in unseen[:MAX_EVIDENCE])
    message = f"{len(unseen)} of {len(asked)} requests are in no line of {', '.join(view.fact.services)}"
    return [Finding(message=message, evidence=proof)]


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
    texts = [_text(view, entry) for entry in entries]
    words = {word for text in texts for word in _BETWEEN_WORDS.split(text)}
    status = str(asked.status)
    return {
        "its method": any(str(view.get(e, "method")).upper() == asked.method for e in entries) or asked.method in words,
        "its status": any(str(view.get(e, "status")) == status for e in entries) or status in words,
        "its duration": any(_seconds(view, e) for e in entries) or any(map(_tells_duration, texts)),
    }


def _text(view: View, entry: Entry) -> str:
    """What is written for people: a line of text as it is, of an object its message."""
    return entry.text if entry.places is None else str(view.get(entry, "message") or "")


def _tells_duration(text: str) -> bool:
    keys = (match[1] for match in _NUMBER_OF.finditer(text))
    return _DURATION.search(text) is not None or any(is_usual(key, "seconds") for key in keys)


def _seconds(view: View, entry: Entry) -> tuple[float, ...]:
    """What the duration in a line may mean, in seconds. The declared unit is that of the application's log."""
    place = view.places.of(entry, "seconds")
    declared = view.duration_unit if entry.service in view.fact.services else None
    return () if place is None else seconds_in(entry.get(place), duration_units(place, declared))


def _untrue(view: View, lines: dict[Asked, list[Entry]], limits: AccessLimits) -> Iterator[Finding]:
    """Durations that cannot be: longer than the client waited, or the same for a slow request as for quick ones."""
    told = [(a, e, s) for a, entries in lines.items() for e in entries if (s := _seconds(view, e))]
    slow = [(a, e, s) for a in view.fact.of("slow") for e in view.access(a) if (s := _seconds(view, e))]
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
