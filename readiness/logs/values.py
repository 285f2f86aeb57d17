"""Values of log fields: levels, instants, durations, addresses."""

from __future__ import annotations

import datetime as dt
import enum
import math
import re
from typing import Any

__all__ = ["Level", "duration_units", "instant", "is_iso8601", "level_named", "number", "seconds_in"]


class Level(enum.IntEnum):
    """How loud a line is; the numbers are Python's."""

    DEBUG = 10
    INFO = 20
    WARNING = 30
    ERROR = 40
    CRITICAL = 50


_NAMED = {
    "trace": Level.DEBUG, "verbose": Level.DEBUG, "debug": Level.DEBUG, "dbg": Level.DEBUG,
    "info": Level.INFO, "information": Level.INFO, "informational": Level.INFO, "notice": Level.INFO, "inf": Level.INFO,
    "log": Level.INFO,
    "warn": Level.WARNING, "warning": Level.WARNING, "wrn": Level.WARNING,
    "error": Level.ERROR, "err": Level.ERROR, "exception": Level.ERROR,
    "critical": Level.CRITICAL, "fatal": Level.CRITICAL, "alert": Level.CRITICAL, "emergency": Level.CRITICAL,
    "panic": Level.CRITICAL, "crit": Level.CRITICAL,
}  # fmt: skip
#: pino's and bunyan's numbers (pino documentation, levels); lower ones are syslog's.
_NUMBERED = ((60, Level.CRITICAL), (50, Level.ERROR), (40, Level.WARNING), (30, Level.INFO), (10, Level.DEBUG))
#: What a duration's name says of its unit.
_UNITS = (
    (re.compile(r"(?:_|\b|[a-z])(?:ms|millis|milliseconds)$", re.IGNORECASE), "ms"),
    (re.compile(r"(?:_|\b)(?:us|micros|microseconds)$", re.IGNORECASE), "us"),
    (re.compile(r"(?:_|\b)(?:ns|nanos|nanoseconds)$", re.IGNORECASE), "ns"),
    (re.compile(r"(?:_|\b)(?:s|sec|secs|seconds)$", re.IGNORECASE), "s"),
)
_PER_SECOND = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}
MAX_NUMBER_CHARS = 40
_NUMBER = re.compile(r"\s*(-?\d+(?:\.\d+)?(?:e-?\d+)?)\s*(ns|us|µs|ms|s|sec|seconds)?\s*", re.IGNORECASE)


def level_named(value: Any) -> Level | None:
    """The level that a field's value stands for, as a word or as pino's number; None for anything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return next((level for least, level in _NUMBERED if value >= least), None)
    return _NAMED.get(str(value).strip().lower()) if isinstance(value, str) else None


def is_iso8601(text: Any) -> bool:
    """Whether it is an instant as ISO 8601 writes one: date, time of day, and an offset or Z."""
    found = instant(text)
    return found is not None and found.tzinfo is not None


def instant(text: Any) -> dt.datetime | None:
    """The date and time of day that a text names in ISO 8601, aware where it has an offset; None otherwise."""
    if not isinstance(text, str) or len(text) < len("20260101T000000"):
        return None
    try:
        return dt.datetime.fromisoformat(text.strip())
    except ValueError:
        return None


def duration_units(place: str, declared: str | None) -> tuple[str, ...]:
    """The units that a duration at this place may have: the declared one, the one its name ends in, else each."""
    if declared:
        return (declared,)
    last = place.rpartition(".")[2]
    return next(((unit,) for pattern, unit in _UNITS if pattern.search(last)), tuple(_PER_SECOND))


def number(value: Any) -> tuple[float, str | None] | None:
    """A number and the unit written behind it, if any."""
    if isinstance(value, bool) or value is None:
        return None
    text = str(value)
    match = _NUMBER.fullmatch(text) if len(text) <= MAX_NUMBER_CHARS else None
    if match is None or not math.isfinite(float(match[1])):
        return None
    unit = (match[2] or "").lower().replace("µ", "u")
    return float(match[1]), {"": None, "sec": "s", "seconds": "s"}.get(unit, unit)


def seconds_in(value: Any, units: tuple[str, ...]) -> tuple[float, ...]:
    """The durations that a value may mean, one per unit; none for what is no number."""
    found = number(value)
    if found is None:
        return ()
    return tuple(found[0] / _PER_SECOND[unit] for unit in ((found[1],) if found[1] else units))
