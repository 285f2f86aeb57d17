from __future__ import annotations

import pytest

from readiness.facts.startup import Attempt, Away
from readiness.starting.attempts import before_the_end, grouped, rhythm_of


def attempts(*seconds: float) -> tuple[Attempt, ...]:
    return tuple(Attempt(seconds=at) for at in seconds)


def test_connections_that_follow_at_once_are_one_attempt() -> None:
    assert list(grouped([1.0, 1.01, 1.03, 1.5, 2.5, 2.52])) == [(1.0, 3), (1.5, 1), (2.5, 2)]


def test_a_loop_without_a_pause_stays_many_attempts() -> None:
    found = list(grouped([number / 1000 for number in range(1000)]))
    assert len(found) > 10
    assert sum(count for _, count in found) == 1000


def test_no_connection_is_no_attempt() -> None:
    assert list(grouped([])) == []


def test_what_comes_after_the_end_is_another_run() -> None:
    away = Away(seconds=12, attempts=attempts(1, 2, 5), first_end_seconds=2.5)
    assert [attempt.seconds for attempt in before_the_end(away)] == [1, 2]


@pytest.mark.parametrize(
    ("moments", "grows", "is_steady"),
    [
        ((0, 1, 3, 7, 15), True, False),
        ((0, 0.25, 0.75, 1.75, 3.75, 5.75, 7.75), True, False),
        ((0, 2, 4, 6.2, 8.1), False, True),
        ((0, 5, 6, 11, 12), False, False),
    ],
)
def test_growth_and_steadiness_are_told_apart(moments: tuple[float, ...], grows: bool, is_steady: bool) -> None:
    rhythm = rhythm_of(attempts(*moments), until=moments[-1] + 1)
    assert (rhythm.grows, rhythm.is_steady) == (grows, is_steady)


def test_the_factor_is_that_of_growing_pauses() -> None:
    rhythm = rhythm_of(attempts(0, 1, 3, 7, 11, 15), until=15)
    assert rhythm.factor == pytest.approx(2)
    assert rhythm_of(attempts(0, 2, 4, 6), until=8).factor is None


def test_the_rate_is_that_of_the_second_half() -> None:
    # Many quick attempts at the beginning are no hammering when they become rare.
    rhythm = rhythm_of(attempts(0, 0.1, 0.2, 0.3, 1, 4, 9), until=12)
    assert rhythm.per_second < 0.5
