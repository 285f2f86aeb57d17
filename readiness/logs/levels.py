"""The level of a line, whichever logger wrote it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from readiness.logs.fields import Line, Places
from readiness.logs.values import Level, Numbering, level_named, level_of_text

__all__ = ["level_of", "level_written", "numbering_of"]

#: The numbers that Python's logging has names for; only Node's loggers also have FATAL.
PYTHON_NUMBERS, NODE_FATAL = frozenset({10, 20, 30, 40, 50}), 60
#: pino's and bunyan's clock counts milliseconds since 1970; seconds have fewer digits until the year 33658.
FIRST_MILLISECOND = 1e12
FIRST_SUCCESS, FIRST_NOT_SUCCESS = 200, 300


def level_written(line: Line, places: Places) -> Any:
    """The level as it stands in the line: in its field, or in front of a line of text; None where there is none."""
    return level_of_text(line.text) if line.places is None else places.get(line, "level")


def level_of(line: Line, places: Places, numbering: Numbering | None) -> Level | None:
    """How loud the line is; None where it does not say so, or in a way that is not known."""
    return level_named(level_written(line, places), numbering)


def numbering_of(lines: Iterable[Line], places: Places) -> Numbering | None:
    """Whose numbers these lines have for levels, None where there are none or nothing tells.

    Python's 20 is INFO and Node's is DEBUG. How often each occurs tells nothing, because the audit itself provokes more
    warnings than anything else. What tells: Node's clock, else the level of requests that succeeded, else Node's bindings.
    """
    numbered = [(line, value) for line in lines if isinstance(value := places.get(line, "level"), int)]
    values = {value for _, value in numbered}
    if NODE_FATAL in values or any(_has_milliseconds(line) for line, _ in numbered):
        return Numbering.NODE
    if not values <= PYTHON_NUMBERS:
        return None
    successes = Counter(value for line, value in numbered if _is_success(places.get(line, "status")))
    commonest = next((value for value, _ in successes.most_common(1)), None)
    if commonest is None and any(line.get("pid") and line.get("hostname") for line, _ in numbered):
        return Numbering.NODE
    return {Level.INFO.value: Numbering.PYTHON, Level.WARNING.value: Numbering.NODE}.get(commonest or 0)


def _has_milliseconds(line: Line) -> bool:
    written = line.get("time")
    return isinstance(written, int | float) and written >= FIRST_MILLISECOND


def _is_success(status: Any) -> bool:
    text = str(status)
    return text.isdecimal() and len(text) == len(str(FIRST_SUCCESS)) and FIRST_SUCCESS <= int(text) < FIRST_NOT_SUCCESS
