"""Which rows differ is found by asking for ever smaller parts; and a kind of store needs no more than to list its content."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from readiness.backup.differences import compare
from readiness.exceptions import GatherError
from readiness.facts.digest import Difference, StoreDigest
from readiness.instruments.digests import kinds, narrow, open_side, settled
from readiness.instruments.digests.kept import Kept
from readiness.instruments.digests.kept_side import KeptSide
from readiness.instruments.digests.narrow import with_keys
from readiness.instruments.digests.side import Bucket, Digested, Entry, Part, Side, Where
from readiness.instruments.digests.summing import HASH_METHOD, merged
from tests.instruments.digests.servers import ServerStack

Rows = Mapping[str, tuple[str, str]]


class Points(KeptSide):
    """What another package would write for a store that it can list: points of a vector store, say."""

    def __init__(self, rows: Rows) -> None:
        super().__init__(Kept(("payload", "vector")))
        self._rows = rows

    def digest(self) -> StoreDigest:
        self.kept.table("points")
        for key, values in self._rows.items():
            self.kept.add("points", key, [value.encode() for value in values])
        return StoreDigest(service="vectors", kind="points", method=HASH_METHOD, tables=self.kept.digests("id"))


class Counting:
    """A side that counts how it is asked."""

    def __init__(self, side: Side) -> None:
        self._side, self.asked = side, 0

    def digest(self) -> StoreDigest:
        return self._side.digest()

    def buckets(self, table: str, columns: Sequence[str], part: Part, *, bits: int) -> Mapping[int, Bucket]:
        self.asked += 1
        return self._side.buckets(table, columns, part, bits=bits)

    def entries(self, table: str, columns: Sequence[str], part: Part, *, at_most: int) -> Sequence[Entry]:
        self.asked += 1
        return self._side.entries(table, columns, part, at_most=at_most)

    def close(self) -> None:
        self._side.close()


def named(*sides: Side) -> list[Difference]:
    before, after = (Digested(side=side, digest=side.digest()) for side in sides)
    return with_keys(before, after, compare(before.digest, after.digest).differences)


def between(old: Rows, new: Rows) -> list[Difference]:
    sides = Points(old), Points(new)
    found = named(*sides)
    for side in sides:
        side.close()
    return found


ROWS = st.dictionaries(
    st.text("abc", min_size=1, max_size=3), st.tuples(st.text(max_size=1), st.text(max_size=1)), max_size=12
)


@given(old=ROWS, new=ROWS)
@settings(max_examples=150, deadline=None)
def test_exactly_the_rows_that_differ_are_named(old: Rows, new: Rows) -> None:
    found = between(old, new)
    lost, added = old.keys() - new.keys(), new.keys() - old.keys()
    changed = {key for key in old.keys() & new.keys() if old[key] != new[key]}
    if not (lost or added or changed):
        assert found == []
        return
    (one,) = found
    told = set(one.lost), set(one.added), set(one.changed)
    if one.is_partial:
        assert (told[0] <= lost, told[1] <= added, told[2] <= changed) == (True, True, True)
        assert any(told)
        return
    assert told == (lost, added, changed)
    places = {name for name, i in (("payload", 0), ("vector", 1)) for key in changed if old[key][i] != new[key][i]}
    assert set(one.columns) == places


def test_one_row_of_many_takes_a_few_questions() -> None:
    old = {f"row {i}": ("p", "v") for i in range(30_000)}
    sides = [Counting(Points(old)), Counting(Points({**old, "row 777": ("p", "w")}))]
    (found,) = named(*sides)
    assert (found.columns, found.changed) == (("vector",), ("row 777",))
    assert [side.asked for side in sides] == [2, 2]
    for side in sides:
        side.close()


class Copies(Counting):
    """A table without a key: many rows that are all the same."""

    def __init__(self, rows: int) -> None:
        super().__init__(self)  # type: ignore[arg-type]  # it answers for itself
        self.rows = rows

    def digest(self) -> StoreDigest:
        raise NotImplementedError

    def buckets(self, table: str, columns: Sequence[str], part: Part, *, bits: int) -> Mapping[int, Bucket]:
        self.asked += 1
        return {5: Bucket(rows=self.rows, sums=(str(5 * self.rows),))}

    def entries(self, table: str, columns: Sequence[str], part: Part, *, at_most: int) -> Sequence[Entry]:
        one = Entry(key="(same)", hash="5", rows=1)
        return merged((one for _ in range(self.rows)), at_most=at_most)


def test_thousands_of_equal_rows_end_the_search() -> None:
    sides = Copies(1000), Copies(1003)
    old, new, is_cut = narrow._entries(sides[0], sides[1], "t", ())
    assert ([entry.rows for entry in old.values()], [entry.rows for entry in new.values()]) == ([1000], [1003])
    assert not is_cut
    assert sides[0].asked < 10


class Gone(Counting):
    """A store that is gone by the time that keys are asked for."""

    def buckets(self, table: str, columns: Sequence[str], part: Part, *, bits: int) -> Mapping[int, Bucket]:
        raise GatherError("nobody answers")


def test_a_difference_whose_keys_cannot_be_had_stays() -> None:
    sides = Gone(Points({"a": ("1", "2")})), Counting(Points({"a": ("1", "3")}))
    (found,) = named(*sides)
    assert (found.columns, found.changed, found.is_partial) == (("vector",), (), True)
    for side in sides:
        side.close()


def test_the_kind_of_another_package_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    class Module:
        KIND = "points"

        @staticmethod
        def open_side(where: Where) -> Points:
            return Points({"a": ("1", where.name)})

    class Entrance:
        name = "points"

        def load(self) -> type[Module]:
            return Module

    def entrances(*, group: str, name: str | None = None) -> list[Entrance]:
        return [Entrance()] if group == "readiness.digests" and name in {None, "points"} else []

    monkeypatch.setattr(importlib.metadata, "entry_points", entrances)
    assert "points" in kinds()
    stack = ServerStack({}, 0)
    side = open_side("points", Where(stack=stack, service="vectors", name="x"))  # type: ignore[arg-type]  # a fake
    assert side.digest().rows == 1
    side.close()


class Busy(Points):
    """A store that is written to while it is read, the first times."""

    def __init__(self, busy: int, problem: str = "") -> None:
        super().__init__({})
        self.busy, self.problem, self.asked = busy, problem, 0

    def digest(self) -> StoreDigest:
        self.asked += 1
        is_quiet = None if self.problem else self.asked > self.busy
        return StoreDigest(service="s", kind="points", is_quiet=is_quiet, problem=self.problem)


@pytest.mark.parametrize(("busy", "asked", "is_quiet"), [(0, 1, True), (2, 3, True), (9, 3, False)])
def test_a_digest_is_taken_again_while_something_is_written(busy: int, asked: int, is_quiet: bool) -> None:
    side = Busy(busy)
    assert settled(side).is_quiet is is_quiet
    assert side.asked == asked
    side.close()


def test_a_store_that_cannot_be_read_is_not_asked_again() -> None:
    side = Busy(9, "nobody is let in")
    assert settled(side).problem
    assert side.asked == 1
    side.close()
