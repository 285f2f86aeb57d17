"""From connections to attempts, and from attempts to the rhythm in which they come. Pure."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from readiness.facts.startup import Attempt, Away

__all__ = ["Rhythm", "before_the_end", "grouped", "rhythm_of"]

#: One attempt may be several connections: with and without TLS, by several addresses, by several processes that start
#: together. They follow each other at once; the shortest pause that anybody means as one is longer.
TOGETHER_SECONDS = 0.06
#: A pause that is so much longer than the first one has grown, whatever a busy machine adds to both.
GROWN = 1.6
#: Pauses that differ by less than this are one pause: jitter, and the time that an attempt takes.
STEADY = 0.35


def grouped(arrivals: Sequence[float]) -> Iterator[tuple[float, int]]:
    """Moment and number of connections of each attempt.

    An attempt begins with a connection and lasts a moment, so that a loop without a pause stays many attempts.
    """
    begun, count = None, 0
    for moment in sorted(arrivals):
        if begun is not None and moment - begun <= TOGETHER_SECONDS:
            count += 1
            continue
        if begun is not None:
            yield begun, count
        begun, count = moment, 1
    if begun is not None:
        yield begun, count


def before_the_end(away: Away) -> tuple[Attempt, ...]:
    """The attempts of the first run of the program: what comes after its end is another one's beginning."""
    attempts = away.attempts or ()
    end = away.first_end_seconds
    return attempts if end is None else tuple(attempt for attempt in attempts if attempt.seconds <= end)


@dataclass(frozen=True, kw_only=True)
class Rhythm:
    """How attempts follow each other.

    Attributes:
        pauses: seconds between each and the next.
        per_second: attempts in a second, in the second half of the time they were watched.
        grows: whether later pauses are longer than the first one.
        is_steady: whether all are about one pause.
    """

    pauses: tuple[float, ...]
    per_second: float
    grows: bool
    is_steady: bool

    @property
    def factor(self) -> float | None:
        """By how much a pause is longer than the one before, while they grow; None where that cannot be told."""
        ratios = [later / earlier for earlier, later in itertools.pairwise(self.pauses) if earlier > 0]
        growing = [ratio for ratio in ratios if ratio > 1 + STEADY]
        return statistics.median(growing) if growing else None


def rhythm_of(attempts: Sequence[Attempt], *, until: float) -> Rhythm:
    """The rhythm of at least two attempts that were watched until ``until``."""
    moments = [attempt.seconds for attempt in attempts]
    pauses = tuple(later - earlier for earlier, later in itertools.pairwise(moments))
    middle = moments[0] + (until - moments[0]) / 2
    late = [moment for moment in moments if moment >= middle]
    usual = statistics.median(pauses)
    return Rhythm(
        pauses=pauses,
        per_second=len(late) / max(until - middle, 0.001),
        grows=statistics.median(pauses[-3:]) >= GROWN * min(pauses[:2]),
        is_steady=all(abs(pause - usual) <= STEADY * usual for pause in pauses),
    )
