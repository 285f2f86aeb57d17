"""Where the marks of a chart come to stand in its picture; drawing is the template's.

Our own few lines, because chart libraries bring their own style and script, which the page's policy forbids.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from readiness.chart import Chart, Lane, Line, Tone

__all__ = ["Drawing", "draw"]

WIDTH, LEFT, RIGHT = 760.0, 58.0, 10.0
CURVES_HEIGHT, LANE_HEIGHT, AXIS_HEIGHT = 150.0, 18.0, 30.0
#: Names of lanes stand left of them and need more room than figures.
LANES_LEFT = 190.0
#: A moment is drawn this wide, so that it can be seen.
MOMENT_WIDTH = 2.5
TICKS = 5


@dataclass(frozen=True, kw_only=True)
class Tick:
    """A figure on an axis."""

    at: float
    text: str


@dataclass(frozen=True, kw_only=True)
class Curve:
    """A line as SVG path data."""

    label: str
    tone: Tone
    path: str


@dataclass(frozen=True, kw_only=True)
class Box:
    """A span as a rectangle."""

    x: float
    width: float
    tone: Tone
    text: str


@dataclass(frozen=True, kw_only=True)
class Row:
    """A lane: its name and its boxes at ``y``."""

    label: str
    y: float
    boxes: tuple[Box, ...]


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """A chart, placed. Lengths are SVG user units."""

    chart: Chart
    width: float
    height: float
    left: float
    right: float
    bottom: float
    curves_bottom: float
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    curves: tuple[Curve, ...]
    rows: tuple[Row, ...]

    @property
    def summary(self) -> str:
        """The picture in one sentence, for who cannot see it."""
        curves = [f"{line.label} ends at {line.points[-1][1]:g}" for line in self.chart.lines if line.points]
        lanes = [f"{lane.label}: {_tally(lane)}" for lane in self.chart.lanes]
        return f"{self.chart.title}. {'; '.join([*curves, *lanes])}."


def draw(chart: Chart) -> Drawing:
    """Place a chart."""
    left = LANES_LEFT if chart.lanes else LEFT
    xs = [x for line in chart.lines for x, _ in line.points]
    xs += [edge for lane in chart.lanes for span in lane.spans for edge in (span.start, span.end)]
    lowest, highest = min([0.0, *xs]), max([0.0, *xs])
    x_ticks = _ticks(lowest, highest)
    lowest, highest = min(lowest, x_ticks[0]), max(highest, x_ticks[-1])
    scale = (WIDTH - left - RIGHT) / ((highest - lowest) or 1.0)

    def x_of(value: float) -> float:
        return round(left + (value - lowest) * scale, 1)

    curves_bottom = CURVES_HEIGHT if chart.lines else 0.0
    tops = _ticks(0.0, max((y for line in chart.lines for _, y in line.points), default=0.0))

    def y_of(value: float) -> float:
        return round(curves_bottom - value / (tops[-1] or 1.0) * (curves_bottom - 12.0), 1)

    rows = tuple(
        Row(
            label=lane.label,
            y=curves_bottom + 6.0 + index * LANE_HEIGHT,
            boxes=tuple(
                Box(
                    x=x_of(span.start),
                    width=max(round((span.end - span.start) * scale, 1), MOMENT_WIDTH),
                    tone=span.tone,
                    text=span.label,
                )
                for span in lane.spans
            ),
        )
        for index, lane in enumerate(chart.lanes)
    )
    bottom = curves_bottom + (6.0 + len(rows) * LANE_HEIGHT if rows else 0.0)
    return Drawing(
        chart=chart,
        width=WIDTH,
        height=bottom + AXIS_HEIGHT,
        left=left,
        right=WIDTH - RIGHT,
        bottom=bottom,
        curves_bottom=curves_bottom,
        x_ticks=tuple(Tick(at=x_of(value), text=f"{value:g}") for value in x_ticks),
        y_ticks=tuple(Tick(at=y_of(value), text=f"{value:g}") for value in tops) if chart.lines else (),
        curves=tuple(Curve(label=line.label, tone=line.tone, path=_path(line, x_of, y_of)) for line in chart.lines),
        rows=rows,
    )


def _path(line: Line, x_of: Callable[[float], float], y_of: Callable[[float], float]) -> str:
    steps = []
    for index, (x, y) in enumerate(line.points):
        if index and line.is_step:
            steps.append(f"H{x_of(x)}V{y_of(y)}")
        else:
            steps.append(f"{'L' if index else 'M'}{x_of(x)},{y_of(y)}")
    return "".join(steps)


def _ticks(lowest: float, highest: float) -> tuple[float, ...]:
    """A handful of round figures that cover the range: steps of 1, 2 or 5 times a power of ten."""
    span = (highest - lowest) or 1.0
    power = 10.0 ** math.floor(math.log10(span / TICKS))
    step = next(power * factor for factor in (1, 2, 5, 10) if span / (power * factor) <= TICKS)
    first, last = math.floor(lowest / step + 1e-9), math.ceil(highest / step - 1e-9)
    return tuple(round(step * count, 9) for count in range(first, max(last, first + 1) + 1))


def _tally(lane: Lane) -> str:
    counts: dict[str, int] = {}
    for span in lane.spans:
        word = span.label or span.tone.value
        counts[word] = counts.get(word, 0) + 1
    return ", ".join(f"{count} {word}" for word, count in counts.items()) or "nothing"
