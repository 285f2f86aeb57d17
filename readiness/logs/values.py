"""Values of log fields: levels, instants, durations, addresses."""

from __future__ import annotations

import datetime as dt
import enum
import math
import re
from typing import Any

__all__ = [
    "Level",
    "Numbering",
    "duration_units",
    "instant",
    "is_iso8601",
    "level_named",
    "level_of_text",
    "number",
    "seconds_in",
]


class Level(enum.IntEnum):
    """How loud a line is; the numbers are Python's."""

    DEBUG = 10
    INFO = 20
    WARNING = 30
    ERROR = 40
    CRITICAL = 50


class Numbering(enum.Enum):
    """Whose numbers stand for levels."""

    PYTHON = "python"  # logging: DEBUG 10, INFO 20, WARNING 30, ERROR 40, CRITICAL 50
    NODE = "node"  # pino and bunyan: trace 10, debug 20, info 30, warn 40, error 50, fatal 60


_NAMED = {
    "trace": Level.DEBUG, "verbose": Level.DEBUG, "debug": Level.DEBUG, "dbg": Level.DEBUG,
    "info": Level.INFO, "information": Level.INFO, "informational": Level.INFO, "notice": Level.INFO, "inf": Level.INFO,
    "log": Level.INFO, "success": Level.INFO,
    "warn": Level.WARNING, "warning": Level.WARNING, "wrn": Level.WARNING,
    "error": Level.ERROR, "err": Level.ERROR, "exception": Level.ERROR,
    "critical": Level.CRITICAL, "fatal": Level.CRITICAL, "alert": Level.CRITICAL, "emergency": Level.CRITICAL,
    "panic": Level.CRITICAL, "crit": Level.CRITICAL,
}  # fmt: skip
#: A pair of a line of text as logfmt writes it: ``level=debug msg="a text"``.
_PAIR = re.compile(r'([\w.@-]{1,60})=("(?:[^"\\]|\\.)*"|[^\s"]*)')
_LEVEL_KEYS = frozenset({"level", "lvl", "severity", "loglevel", "levelname", "log.level"})
#: A level in a line of text: one of the words in capitals, or in brackets as nginx and structlog's console write it.
_WORDS = "|".join(sorted(_NAMED, key=len, reverse=True))
_WORD = re.compile(rf"(?<![\w./=\"'-])(?:{_WORDS.upper()})(?![\w.=\"']|-\w)|\[ *(?:{_WORDS}) *\](?=\s*\S)")
#: Room for what loggers put before the level: date, time, process, thread and the logger's name.
MAX_CHARS_BEFORE = 120
#: As much of a line of pairs as is read: the level stands before long texts.
MAX_PAIRS_CHARS = 4000
#: What separates fields, where it is more than a blank; a colon also ends half a sentence.
_SEPARATORS = ("]", ")", ">", "|", "-")
#: The least number of each level (Python documentation, logging levels; pino documentation, levels).
_NUMBERED = {
    Numbering.PYTHON: (
        (50, Level.CRITICAL),
        (40, Level.ERROR),
        (30, Level.WARNING),
        (20, Level.INFO),
        (1, Level.DEBUG),
    ),
    Numbering.NODE: ((60, Level.CRITICAL), (50, Level.ERROR), (40, Level.WARNING), (30, Level.INFO), (10, Level.DEBUG)),
}
#: What a duration's name says of its unit.
_UNITS = (
    (re.compile(r"(?:_|\b|[a-z])(?:ms|millis|milliseconds)$", re.IGNORECASE), "ms"),
    (re.compile(r"(?:_|\b)(?:us|micros|microseconds)$", re.IGNORECASE), "us"),
    (re.compile(r"(?:_|\b)(?:ns|nanos|nanoseconds)$", re.IGNORECASE), "ns"),
    (re.compile(r"(?:_|\b)(?:s|sec|secs|seconds)$", re.IGNORECASE), "s"),
)
_PER_SECOND = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}
MAX_NUMBER_CHARS, MAX_LEVEL_DIGITS = 40, 4
_NUMBER = re.compile(r"\s*(-?\d+(?:\.\d+)?(?:e-?\d+)?)\s*(ns|us|µs|ms|s|sec|seconds)?\s*", re.IGNORECASE)


def level_named(value: Any, numbering: Numbering | None = None) -> Level | None:
    """The level that a field's value stands for, as a word or as a number of ``numbering``; None for anything else."""
    if isinstance(value, bool) or value is None:
        return None
    text = str(value).strip().lower()
    if not text.isdecimal():
        return _NAMED.get(text)
    if numbering is None or len(text) > MAX_LEVEL_DIGITS:
        return None
    return next((level for least, level in _NUMBERED[numbering] if int(text) >= least), None)


def level_of_text(line: str) -> str | None:
    """The level that a line of text names, as it is written there; None where it names none.

    In a pair (``level=debug``) of a line that begins with one; else as a word in capitals or in brackets among the first
    fields. What stands further on, or in a sentence, belongs to the message.
    """
    text = line.strip()
    if _PAIR.match(text):
        pairs = ((match[1].lower(), match[2].strip("\"'")) for match in _PAIR.finditer(text[:MAX_PAIRS_CHARS]))
        return next((value for key, value in pairs if key in _LEVEL_KEYS and level_named(value) is not None), None)
    match = _WORD.search(text[: MAX_CHARS_BEFORE * 2])
    if match is None or match.start() > MAX_CHARS_BEFORE or not _are_fields(text[: match.start()].strip()):
        return None
    return match[0].strip("[] ")


def _are_fields(before: str) -> bool:
    """Whether a text is no sentence: it ends with a separator, or is of times and numbers and one name at most."""
    names = [word for word in before.split() if any(character.islower() for character in word)]
    return before.endswith(_SEPARATORS) or len(names) <= 1


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
