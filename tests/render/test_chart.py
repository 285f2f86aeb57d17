from __future__ import annotations

import re

import pytest

from readiness.chart import MAX_MARKS, Chart, Lane, Line, Span, Tone
from readiness.render import render
from readiness.render._chart import draw
from tests.render.cards import sample_card

CURVES = Chart(
    title="Accepted",
    lines=(Line(label="accepted", points=((0, 0), (3, 7), (12, 7)), is_step=True), Line(label="sent", points=())),
)
LANES = Chart(
    title="Requests",
    lanes=(Lane(label="a", spans=(Span(start=-1, end=4, tone=Tone.GOOD), Span(start=9, end=9, tone=Tone.BAD))),),
)


def test_axes_have_round_figures_that_cover_every_mark() -> None:
    assert [tick.text for tick in draw(CURVES).x_ticks] == ["0", "5", "10", "15"]
    assert [tick.text for tick in draw(CURVES).y_ticks] == ["0", "2", "4", "6", "8"]
    assert [tick.text for tick in draw(LANES).x_ticks] == ["-2", "0", "2", "4", "6", "8", "10"]


def test_everything_stands_inside_the_picture() -> None:
    for drawing in (draw(CURVES), draw(LANES)):
        boxes = [box for row in drawing.rows for box in row.boxes]
        assert all(drawing.left <= box.x and box.x + box.width <= drawing.right + 3 for box in boxes)
        numbers = [float(n) for curve in drawing.curves for n in re.findall(r"-?\d+\.?\d*", curve.path)]
        assert all(0 <= n <= drawing.width for n in numbers)


def test_a_moment_can_be_seen() -> None:
    assert draw(LANES).rows[0].boxes[1].width > 0


def test_a_step_holds_until_the_next_point() -> None:
    assert re.fullmatch(r"M[\d.]+,[\d.]+H[\d.]+V[\d.]+H[\d.]+V[\d.]+", draw(CURVES).curves[0].path)


def test_an_empty_chart_is_drawn_all_the_same() -> None:
    assert draw(Chart(title="Nothing")).x_ticks


def test_who_cannot_see_it_is_told() -> None:
    assert draw(CURVES).summary == "Accepted. accepted ends at 7."
    assert draw(LANES).summary == "Requests. a: 1 good, 1 bad."


def test_more_marks_than_anybody_could_read_are_refused() -> None:
    with pytest.raises(ValueError, match="at most"):
        Chart(title="x", lines=(Line(label="y", points=((0.0, 0.0),) * (MAX_MARKS + 1)),))


def test_a_long_curve_reaches_the_page_whole() -> None:
    page = render("html", sample_card())
    paths = re.findall(r'<path class="curve[^"]*" d="([^"]*)"', page)
    assert max(len(path) for path in paths) > 500
    assert "…" not in "".join(paths)
    assert "readiness &lt;db&gt;" in page
