"""What the numbers that were written during a backup tell of it, once it is restored."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from readiness.facts.backup_drill import Marks

__all__ = ["Fate", "fate_of"]


@dataclass(frozen=True, kw_only=True)
class Fate:
    """What became of one store's numbers.

    Attributes:
        during: so many were acknowledged while the command ran.
        present: so many of the acknowledged ones are everywhere where they belong.
        torn: number -> the places that have it, which are not all; a place that has none at all is lost, not torn.
        lost: places that have no number at all, while others have some.
        early: acknowledged before the command began, and nowhere.
        holes: acknowledged before the last one that is there, and nowhere.
        last_seconds: when the last one that is there was acknowledged, from the beginning of the command; None where none is.
        stalled_seconds: the longest that no number was acknowledged while the command ran.
    """

    during: int = 0
    present: int = 0
    torn: tuple[tuple[int, str], ...] = ()
    lost: tuple[str, ...] = ()
    early: tuple[int, ...] = ()
    holes: tuple[int, ...] = ()
    last_seconds: float | None = None
    stalled_seconds: float = 0.0


def fate_of(marks: Marks, run_seconds: float) -> Fate:
    """Judge one store's numbers.

    Args:
        marks: what was acknowledged, and what is there.
        run_seconds: that the command took.
    """
    kept = {place: frozenset(numbers) for place, numbers in marks.present.items() if numbers}
    anywhere = frozenset().union(*kept.values()) if kept else frozenset()
    everywhere = frozenset.intersection(*kept.values()) if kept else frozenset()
    torn = tuple(
        (number, ", ".join(place for place, numbers in kept.items() if number in numbers))
        for number in sorted(anywhere - everywhere)
    )
    there = [mark for mark in marks.acknowledged if mark.number in everywhere]
    last = there[-1] if there else None
    missing = [mark for mark in marks.acknowledged if mark.number not in anywhere]
    early = tuple(mark.number for mark in missing if mark.seconds < 0)
    return Fate(
        during=sum(0 <= mark.seconds <= run_seconds for mark in marks.acknowledged),
        present=len(there),
        torn=torn,
        lost=tuple(place for place, numbers in marks.present.items() if not numbers) if kept else (),
        early=early,
        holes=tuple(
            mark.number
            for mark in missing
            if last is not None and mark.number < last.number and mark.number not in early
        ),
        last_seconds=None if last is None else last.seconds,
        stalled_seconds=_stalled(marks, run_seconds),
    )


def _stalled(marks: Marks, run_seconds: float) -> float:
    times = [mark.seconds for mark in marks.acknowledged]
    gaps = [later - earlier for earlier, later in itertools.pairwise(times) if later >= 0 and earlier <= run_seconds]
    return round(max(gaps, default=0.0), 3)
