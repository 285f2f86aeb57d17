"""What the log lines between two attempts tell of them. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from readiness.facts.startup import Attempt

__all__ = ["about", "naming", "silent", "tells_number", "tells_pause"]

#: Words of a line that tells of a dependency that cannot be reached, in whatever program.
_ABOUT = re.compile(
    r"retr(?:y|ies|ying)|attempt|reach|connect|refused|unavailable|not ready|waiting for|timed? ?out|timeout|"
    r"ECONN|OperationalError|InterfaceError|database|postgres|mysql|mongo|sql",
    re.IGNORECASE,
)
#: Figures that mean a moment: dates, times of day, seconds since 1970.
_MOMENTS = re.compile(
    r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2})?(?:[.,]\d+)?(?:Z|[+-]\d{2}:?\d{2})?)?|\b\d{1,2}:\d{2}:\d{2}(?:[.,]\d+)?|\b1[5-9]\d{8}(?:\d{3})?(?:\.\d+)?\b"
)
_NUMBER = re.compile(r"(?<![\w.])\d+(?:\.\d+)?")
#: A pause as told and as seen: an attempt takes time, too, and pauses are told in seconds or milliseconds.
PAUSE_SHARE, PAUSE_SECONDS = 0.25, 0.35


def about(lines: Sequence[str], names: Collection[str] = ()) -> tuple[str, ...]:
    """The lines that may tell of an attempt."""
    return tuple(line for line in lines if _ABOUT.search(line) or naming(line, names))


def naming(line: str, names: Collection[str]) -> bool:
    """Whether a line calls the dependency by one of its names."""
    return any(re.search(rf"(?<!\w){re.escape(name)}(?!\w)", line, re.IGNORECASE) for name in names if name)


def silent(attempts: Sequence[Attempt], names: Collection[str]) -> tuple[Attempt, ...]:
    """The attempts of which no line tells.

    On a busy machine an engine may note a line only after the next attempt: of two lines there one is of the first.
    """
    found: list[Attempt] = []
    owing: Attempt | None = None
    for attempt in attempts:
        lines = len(about(attempt.lines or (), names))
        if owing is not None and lines < 2:  # noqa: PLR2004  # its own, and that of the one before
            found.append(owing)
        owing = attempt if lines == 0 else None
    return (*found, owing) if owing is not None else tuple(found)


def _told(attempts: Sequence[Attempt]) -> list[set[float]]:
    """The figures told of each attempt; a line that was noted late stands with the next one's."""
    own = [_numbers(attempt.lines or ()) for attempt in attempts]
    return [numbers | following for numbers, following in zip(own, [*own[1:], set()], strict=False)]


def _numbers(lines: Sequence[str]) -> set[float]:
    return {float(found) for line in lines for found in _NUMBER.findall(_MOMENTS.sub(" ", line))}


def tells_number(attempts: Sequence[Attempt]) -> bool:
    """Whether a number in the lines goes up by one with every attempt; it takes three to tell."""
    told = _told(attempts)
    if len(told) < 3:  # noqa: PLR2004  # two numbers in a row are found in any two lines
        return False
    return any(
        first.is_integer() and all(first + step in numbers for step, numbers in enumerate(told)) for first in told[0]
    ) or any(
        # Of those left, for who counts down.
        first.is_integer() and all(first - step in numbers for step, numbers in enumerate(told))
        for first in told[0]
    )


def tells_pause(attempts: Sequence[Attempt], pauses: Sequence[float]) -> bool:
    """Whether the lines of every attempt hold the pause that then passed, in seconds or milliseconds."""
    pairs = list(zip(_told(attempts), pauses, strict=False))
    return bool(pairs) and all(
        any(_is_near(number, pause) or _is_near(number / 1000, pause) for number in numbers) for numbers, pause in pairs
    )


def _is_near(told: float, seen: float) -> bool:
    return told > 0 and abs(told - seen) <= PAUSE_SECONDS + PAUSE_SHARE * told and seen >= told * (1 - PAUSE_SHARE)
