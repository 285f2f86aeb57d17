"""Pictures that belong to a verdict: what happened when. Data only; the formats draw them or leave them out.

Standard library only; everything is frozen, keyword-only and survives a JSON round trip.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

__all__ = ["MAX_MARKS", "Chart", "Lane", "Line", "Span", "Tone"]

#: A picture of more is no clearer, and a scorecard must stay a file that a browser opens at once.
MAX_MARKS = 500


class Tone(enum.StrEnum):
    """What a mark means to the reader; formats give it a colour *and* a shape or word."""

    GOOD = "good"
    WARN = "warn"
    BAD = "bad"
    NEUTRAL = "neutral"


@dataclass(frozen=True, kw_only=True)
class Span:
    """From ``start`` to ``end`` on the chart's horizontal axis; a moment where both are the same."""

    start: float
    end: float
    tone: Tone = Tone.NEUTRAL
    label: str = ""


@dataclass(frozen=True, kw_only=True)
class Lane:
    """One row of spans, for example one request, or all requests of one caller."""

    label: str
    spans: tuple[Span, ...]


@dataclass(frozen=True, kw_only=True)
class Line:
    """A curve of (x, y) points in ascending x; ``is_step`` where the value holds until the next point."""

    label: str
    points: tuple[tuple[float, float], ...]
    tone: Tone = Tone.NEUTRAL
    is_step: bool = False


@dataclass(frozen=True, kw_only=True)
class Chart:
    """Curves above, lanes below, over one horizontal axis.

    Attributes:
        title: what is shown, one line.
        x_unit, y_unit: spelled as in :class:`readiness.verdict.Measurement`.

    Raises:
        ValueError: more marks than :data:`MAX_MARKS`.
    """

    title: str
    x_unit: str = "s"
    y_unit: str = "count"
    lines: tuple[Line, ...] = ()
    lanes: tuple[Lane, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what nobody could read."""
        marks = sum(len(line.points) for line in self.lines) + sum(len(lane.spans) for lane in self.lanes)
        if marks > MAX_MARKS:
            raise ValueError(f"the chart {self.title!r} has {marks} marks; at most {MAX_MARKS}")
