"""What two digests tell about each other, without a store."""

from __future__ import annotations

import dataclasses
import json

import pytest

from readiness.backup.differences import compare
from readiness.facts._codec import decode, encode
from readiness.facts.digest import Difference, DifferenceKind, SequenceState, StoreDigest, TableDigest

ITEMS = TableDigest(rows=3, key=("id",), keys="30", columns={"id": "1", "name": "2"})
DIGEST = StoreDigest(
    service="db",
    kind="postgres",
    method="m",
    tables={"public.items": ITEMS},
    sequences={
        "public.s": SequenceState(value=5, is_called=True),
        "public.down": SequenceState(value=5, is_called=True, step=-1),
    },
    objects={"index public.i": "CREATE INDEX i", "owner of table public.items": "shop"},
)


def changed(**what: object) -> StoreDigest:
    return dataclasses.replace(DIGEST, **what)  # type: ignore[arg-type]  # fields of a dataclass


def table(**what: object) -> StoreDigest:
    return changed(tables={"public.items": dataclasses.replace(ITEMS, **what)})  # type: ignore[arg-type]  # as above


def test_a_digest_is_equal_to_itself_and_survives_its_recording() -> None:
    assert compare(DIGEST, decode(StoreDigest, json.loads(json.dumps(encode(DIGEST))))).is_equal


def test_how_long_it_took_and_how_large_it_is_on_disk_is_no_difference() -> None:
    assert compare(DIGEST, changed(seconds=9.0, size_bytes=7, version="x", name="other", is_quiet=False)).is_equal


def test_a_column_whose_values_differ_is_named() -> None:
    (found,) = compare(DIGEST, table(columns={"id": "1", "name": "3"})).differences
    assert (found.place, found.kind, found.columns) == ("rows of public.items", DifferenceKind.ROWS, ("name",))


def test_no_column_is_accused_where_rows_are_missing() -> None:
    (found,) = compare(DIGEST, table(rows=2, keys="20", columns={"id": "0", "name": "0"})).differences
    assert (found.columns, found.before, found.after) == ((), "3 rows", "2 rows")


def test_as_many_rows_with_other_keys_are_a_difference() -> None:
    (found,) = compare(DIGEST, table(keys="31")).differences
    assert found.columns == ()


def test_a_lost_column_is_told_by_the_schema_and_not_by_the_rows() -> None:
    assert compare(DIGEST, table(columns={"id": "1"})).differences == ()


@pytest.mark.parametrize(
    ("following", "is_found"),
    [
        (SequenceState(value=4, is_called=True), True),
        (SequenceState(value=5, is_called=False), True),
        (SequenceState(value=6, is_called=False), False),
        (SequenceState(value=38, is_called=True), False),
    ],
)
def test_a_sequence_is_behind_or_not(following: SequenceState, is_found: bool) -> None:
    after = changed(sequences={**DIGEST.sequences, "public.s": following})
    assert [one.kind for one in compare(DIGEST, after).differences] == [DifferenceKind.BEHIND] * is_found


def test_a_sequence_that_counts_down_is_behind_above() -> None:
    after = changed(sequences={**DIGEST.sequences, "public.down": SequenceState(value=6, is_called=True, step=-1)})
    (found,) = compare(DIGEST, after).differences
    assert (found.before, found.after) == ("next is 4", "next is 5")


def test_lost_and_added_things() -> None:
    after = changed(tables={"public.more": ITEMS}, sequences={}, objects={"view public.v": "SELECT 1"})
    assert {(one.place, str(one.kind)) for one in compare(DIGEST, after).differences} == {
        ("rows of public.items", "lost"),
        ("rows of public.more", "added"),
        ("sequence public.s", "lost"),
        ("sequence public.down", "lost"),
        ("index public.i", "lost"),
        ("owner of table public.items", "lost"),
        ("view public.v", "added"),
    }


def test_an_index_that_became_valid_is_no_difference_and_one_that_became_invalid_is() -> None:
    broken = changed(objects={**DIGEST.objects, "index public.i": "CREATE INDEX i INVALID"})
    assert compare(broken, DIGEST).differences == ()
    assert [one.place for one in compare(DIGEST, broken).differences] == ["index public.i"]


def test_long_definitions_are_shown_in_part() -> None:
    after = changed(objects={**DIGEST.objects, "index public.i": "x" * 1000})
    assert [len(one.after) for one in compare(DIGEST, after).differences] == [300]


@pytest.mark.parametrize(
    "other",
    [
        changed(problem="nobody is let in"),
        changed(kind="redis"),
        changed(method="other"),
    ],
)
def test_what_cannot_be_compared_is_neither_equal_nor_different(other: StoreDigest) -> None:
    comparison = compare(DIGEST, other)
    assert comparison.differences == ()
    assert list(comparison.untold) == ["everything"]
    assert not comparison.is_equal


def test_what_one_side_could_not_read_is_no_difference() -> None:
    after = changed(tables={}, not_digested={"rows of public.items": "could not be read: denied"})
    comparison = compare(DIGEST, after)
    assert comparison.differences == ()
    assert comparison.untold == {"rows of public.items": "could not be read: denied"}


def test_what_neither_side_is_asked_for_is_not_missed() -> None:
    both = changed(not_digested={"rows of public.counts": "a restore computes it anew"})
    assert compare(both, both).is_equal


def test_what_neither_side_could_read_is_missed() -> None:
    both = changed(not_digested={"rows of public.counts": "could not be read: denied"})
    assert not compare(both, both).is_equal


def test_a_kind_of_things_that_could_not_be_read_is_not_lost() -> None:
    after = changed(
        objects={"index public.i": "CREATE INDEX i"}, not_digested={"owner of …": "could not be read: denied"}
    )
    comparison = compare(DIGEST, after)
    assert comparison.differences == ()
    assert "owner of …" in comparison.untold


def test_a_difference_survives_its_recording() -> None:
    (found,) = compare(DIGEST, table(keys="31")).differences
    assert decode(Difference, json.loads(json.dumps(encode(found)))) == found


@pytest.mark.parametrize(
    ("after", "why"),
    [
        (table(key=(), keys="99"), "known by id before and by all of 2 columns after"),
        (table(key=("name",), keys="99"), "known by id before and by name after"),
    ],
)
def test_rows_that_are_known_by_something_else_are_not_accused(after: StoreDigest, why: str) -> None:
    comparison = compare(DIGEST, after)
    assert comparison.differences == ()
    assert why in comparison.untold["rows of public.items"]


def test_rows_without_a_key_and_with_other_columns_are_not_accused() -> None:
    before = table(key=(), keys="1")
    after = table(key=(), keys="2", columns={"id": "1"})
    assert compare(before, after).differences == ()
    assert not compare(before, after).is_equal


def test_fewer_rows_are_fewer_rows_whatever_they_are_known_by() -> None:
    (found,) = compare(DIGEST, table(key=(), rows=2)).differences
    assert (found.before, found.after, found.columns) == ("3 rows", "2 rows", ())


@pytest.mark.parametrize(("quiet", "was_written"), [(True, False), (None, False), (False, True)])
def test_what_was_written_meanwhile_is_said(quiet: bool | None, was_written: bool) -> None:
    assert compare(changed(is_quiet=True), changed(is_quiet=quiet)).was_written is was_written
    assert compare(changed(is_quiet=quiet), changed(is_quiet=True)).was_written is was_written
