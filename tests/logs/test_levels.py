from __future__ import annotations

import json

import pytest

from readiness.logs.fields import Line, places_of
from readiness.logs.levels import level_of, numbering_of
from readiness.logs.values import Level, Numbering


def made(*objects: dict[str, object]) -> list[Line]:
    return [Line(json.dumps(value)) for value in objects]


NODE_TIME = 1_790_000_000_000


@pytest.mark.parametrize(
    ("lines", "numbering"),
    [
        (made({"level": 40, "time": NODE_TIME}), Numbering.NODE),
        (made({"level": 60}), Numbering.NODE),
        (made({"level": 30, "status": 200}, {"level": 20}, {"level": 20}), Numbering.NODE),
        (made({"level": 20, "pid": 7, "hostname": "a"}), Numbering.NODE),
        (
            made({"level": 20, "status": 200}, {"level": 30, "status": 404}, {"level": 30, "status": 404}),
            Numbering.PYTHON,
        ),
        (made({"level": 20, "status": 200, "pid": 7, "hostname": "a"}), Numbering.PYTHON),
        (made({"level": 20}, {"level": 30, "status": 404}), None),
        (made({"level": 6, "status": 200}), None),
        (made({"level": True, "status": 200}), None),
        (made({"level": "info", "status": 200}), None),
        ([], None),
    ],
)
def test_whose_numbers_levels_are_is_told_by_what_else_the_lines_say(
    lines: list[Line], numbering: Numbering | None
) -> None:
    assert numbering_of(lines, places_of(lines, {})) is numbering


def test_a_line_is_as_loud_as_it_says_in_its_field_or_in_front() -> None:
    lines = [*made({"level": 20}, {"severity": "Error"}), Line("DEBUG x"), Line("ValueError: x")]
    places = places_of(lines, {})
    found = [level_of(line, places, Numbering.PYTHON) for line in lines]
    assert found == [Level.INFO, Level.ERROR, Level.DEBUG, None]
