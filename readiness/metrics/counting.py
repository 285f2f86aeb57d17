"""By how much counters moved between two looks, and whether that is what was sent."""

from __future__ import annotations

import enum
import itertools
import re
from dataclasses import dataclass

from readiness.facts.metrics import Burst, Scrape
from readiness.metrics.exposition import Exposition, read

__all__ = ["STATUS_LABELS", "Movement", "Truth", "counter_of", "has_moved", "movement_of", "went_back"]

#: How instrumentation libraries call the status: Python's and Go's, Java's, OpenTelemetry's, .NET's.
STATUS_LABELS = ("status", "status_code", "code", "http_status", "http_response_status_code", "http_status_code")
USUAL = "http_requests_total"
#: Names of request counters and of the counts of request durations.
_REQUESTS = re.compile(r"(?:^|_)http_(?:\w+_)?(?:requests?|responses?)(?:_\w+)?_(?:total|count)$|^http_requests?$")
#: Words of names that count what the service asks of others: Spring's http_client_requests_seconds_count,
#: OpenTelemetry's and .NET's http_client_request_duration_seconds_count, and hand-made ones.
_OUTWARD = frozenset({"client", "outgoing", "outbound", "upstream"})
#: A prober or two may ask during a burst, on top of what was seen while nothing was sent.
SLACK = 2


class Truth(enum.StrEnum):
    """What a movement says."""

    RIGHT = "right"
    STILL = "still"
    TOO_FEW = "too few"
    TWICE = "twice"
    UNCLEAR = "unclear"


@dataclass(frozen=True, kw_only=True)
class Movement:
    """How a counter moved over one burst.

    Attributes:
        counted: over all series of the burst's status.
        nearest: the movement of the one series that comes nearest to what was sent.
        spare: what others may have added meanwhile.
    """

    sent: int
    status: int
    counted: float
    nearest: float
    spare: float
    moved: tuple[str, ...] = ()

    @property
    def truth(self) -> Truth:
        """Whether it is the burst, twice the burst, or something else."""
        if self.sent in (self.nearest, self.counted):
            return Truth.RIGHT
        if self.counted == 0:
            return Truth.STILL
        if self.counted < self.sent:
            return Truth.TOO_FEW
        if self.counted - self.sent <= self.spare:
            return Truth.RIGHT
        if 0 <= self.counted - 2 * self.sent <= self.spare or self.nearest == 2 * self.sent:
            return Truth.TWICE
        return Truth.UNCLEAR


def counter_of(exposition: Exposition, *, name: str, label: str) -> tuple[str, str] | None:
    """The counter of requests and its label for the status: as declared, else by its usual names; None without one."""
    labels = (label,) if label else STATUS_LABELS
    known = {series.name for series in exposition.series}
    if name:
        candidates = [n for n in (name, f"{name}_total", f"{name}_count") if n in known][:1]
    else:
        candidates = sorted((n for n in known if _counts_what_comes_in(n)), key=_usual_first)
    for candidate in candidates:
        for status in labels:
            if any(series.label(status) is not None for series in exposition.series if series.name == candidate):
                return candidate, status
    return None


def _counts_what_comes_in(name: str) -> bool:
    return _REQUESTS.search(name) is not None and _OUTWARD.isdisjoint(name.split("_"))


def _usual_first(name: str) -> tuple[bool, bool, str]:
    return (name != USUAL, not name.endswith("_total"), name)


def movement_of(
    before: Scrape,
    after: Scrape,
    burst: Burst,
    *,
    name: str,
    label: str,
    path: str,
    quiet: tuple[Scrape, Scrape] | None,
) -> Movement:
    """How ``name`` moved; ``quiet`` are two looks between which nothing was sent, ``path`` the metrics' own."""
    status = burst.status
    assert status is not None  # noqa: S101  # the caller has looked
    moved = _moved(before, after, name=name, label=label, status=status, path=path)
    background = sum(_moved(*quiet, name=name, label=label, status=status, path=path).values()) if quiet else 0.0
    seconds = quiet[1].at_seconds - quiet[0].at_seconds if quiet else 0.0
    ratio = max(1.0, (after.at_seconds - before.at_seconds) / seconds) if seconds > 0 else 1.0
    return Movement(
        sent=burst.sent,
        status=status,
        counted=sum(moved.values()),
        nearest=min(moved.values(), key=lambda delta: abs(delta - burst.sent), default=0.0),
        # Looks may count themselves, under a label that does not name their path.
        spare=background * ratio + (after.number - before.number) + SLACK,
        moved=tuple(f"{words} +{delta:g}" for words, delta in sorted(moved.items())),
    )


def has_moved(before: str, after: str, *, name: str, label: str, status: int, by: int) -> bool:
    """Whether the counter has moved by so much already; True where there is no such counter to wait for."""
    found = counter_of(read(after), name=name, label=label)
    if found is None:
        return not name
    earlier, later = Scrape(url="", text=before), Scrape(url="", text=after)
    return sum(_moved(earlier, later, name=found[0], label=found[1], status=status, path="").values()) >= by


def _moved(before: Scrape, after: Scrape, *, name: str, label: str, status: int, path: str) -> dict[str, float]:
    """Series -> by how much it moved, of those with this status."""
    earlier, later = read(before.text).values(name), read(after.text)
    found: dict[str, float] = {}
    # A path that leads on to /metrics/ is counted under that name.
    path = path.rstrip("/")
    for series in later.series:
        if series.name != name or not _is_status(series.label(label), status):
            continue
        if path and any(value.rstrip("/").endswith(path) for key, value in series.labels if key != label):
            continue  # our own looks
        delta = series.value - earlier.get(series.labels, 0.0)
        if delta:
            found[series.words] = delta
    return found


def _is_status(value: str | None, status: int) -> bool:
    """``"200"``, ``"200 OK"``, ``"2xx"`` and ``"2XX"`` are 200."""
    text = (value or "").strip().lower()
    return text.split(" ")[0] in {str(status), f"{status}.0"} or text == f"{status // 100}xx"


def went_back(scrapes: tuple[Scrape, ...]) -> str:
    """A counter that is smaller in a later look than in an earlier one: another process has answered; empty if none."""
    for earlier, later in itertools.pairwise(scrapes):
        before, after = read(earlier.text), read(later.text)
        for family, kind in before.types.items():
            if kind != "counter":
                continue
            for name in (family, f"{family}_total"):
                past, present = before.values(name), after.values(name)
                for labels, value in past.items():
                    if present.get(labels, value) < value:
                        return f"{name} fell from {value:g} to {present[labels]:g}"
        started = "process_start_time_seconds"
        if before.values(started) and after.values(started) and before.values(started) != after.values(started):
            return f"{started} changed"
    return ""
