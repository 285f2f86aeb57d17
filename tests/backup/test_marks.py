"""What numbers written during a backup tell of it."""

from __future__ import annotations

from readiness.backup.marks import Fate, fate_of
from readiness.facts.backup_drill import Mark, Marks

EVERY = tuple(Mark(number=n, seconds=n - 3.5) for n in range(1, 9))  # -2.5, -1.5 … 4.5


def fate(one: tuple[int, ...], other: tuple[int, ...]) -> Fate:
    return fate_of(Marks(service="db", kind="postgres", acknowledged=EVERY, present={"one": one, "other": other}), 3.0)


def test_a_prefix_in_both_places_is_a_moment() -> None:
    assert fate((1, 2, 3, 4), (1, 2, 3, 4)) == Fate(during=3, present=4, last_seconds=0.5, stalled_seconds=1.0)


def test_a_number_in_one_place_alone_is_torn() -> None:
    assert fate((1, 2, 3, 4), (1, 2, 3)).torn == ((4, "one"),)


def test_a_place_that_has_none_is_lost_and_tears_nothing() -> None:
    found = fate((1, 2, 3), ())
    assert (found.torn, found.lost, found.present) == ((), ("other",), 3)


def test_what_was_there_before_the_command_has_to_come_back() -> None:
    assert fate((1, 2), (1, 2)).early == (3,)
    assert fate((1, 2, 3), (1, 2, 3)).early == ()


def test_a_later_number_without_an_earlier_one_is_a_hole() -> None:
    assert fate((1, 2, 3, 6), (1, 2, 3, 6)).holes == (4, 5)


def test_nothing_at_all_has_no_last_moment() -> None:
    found = fate((), ())
    assert (found.last_seconds, found.present, found.lost) == (None, 0, ())


def test_numbers_that_were_not_acknowledged_may_be_there() -> None:
    assert fate((1, 2, 3, 9), (1, 2, 3, 9)).torn == ()
