"""Where two digests of a store differ, by table, column, sequence and object. Keys are named by who can ask both stores."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from readiness.backup.definitions import is_same, is_undecided
from readiness.facts.digest import EVERY, Difference, DifferenceKind, SequenceState, StoreDigest, TableDigest

__all__ = ["INVALID", "Comparison", "compare"]

#: How the definition of an index that the server does not use ends, and of a constraint that old rows may break.
INVALID = (" INVALID", " NOT VALID")
MAX_SHOWN_CHARS = 300


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What differs, and what could not be compared.

    Attributes:
        differences: in the order of tables, sequences, objects, each by name.
        untold: what -> why nobody can say whether it differs.
        was_written: something was written to one of them while it was read: what differs may be that.
    """

    differences: tuple[Difference, ...] = ()
    untold: dict[str, str] = field(default_factory=dict)
    was_written: bool = False

    @property
    def is_equal(self) -> bool:
        """Nothing differs, and everything could be compared."""
        return not self.differences and not self.untold


def compare(before: StoreDigest, after: StoreDigest) -> Comparison:
    """Compare what a store held with what it, or its restored copy, holds.

    What a restore may do without losing anything is no difference: a sequence that is ahead, an index that was invalid
    and is valid, a definition in other words.
    """
    if reason := _why_not(before, after):
        return Comparison(untold={"everything": reason})
    untold = {**_left_out(before, after), **_long_definitions(before, after)}
    found = [*_tables(before, after, untold), *_sequences(before, after), *_objects(before, after, untold)]
    was_written = before.is_quiet is False or after.is_quiet is False
    return Comparison(differences=tuple(found), untold=untold, was_written=was_written)


def _why_not(before: StoreDigest, after: StoreDigest) -> str:
    for name, digest in (("before", before), ("after", after)):
        if digest.problem:
            return f"{name}: {digest.problem}"
    if before.kind != after.kind:
        return f"a {before.kind} and a {after.kind} cannot be compared"
    if before.method != after.method:
        return f"the hashes are made in different ways: {before.method} and {after.method}"
    return ""


def _left_out(before: StoreDigest, after: StoreDigest) -> dict[str, str]:
    """What one side could not tell; what neither is asked for is not missed."""
    names = {*before.not_digested, *after.not_digested}
    return {
        name: before.not_digested.get(name) or after.not_digested[name]
        for name in sorted(names)
        if before.not_digested.get(name) != after.not_digested.get(name)
        or (before.not_digested[name].startswith("could not"))
    }


def _long_definitions(before: StoreDigest, after: StoreDigest) -> dict[str, str]:
    both = sorted(before.objects.keys() & after.objects.keys())
    return {
        name: "its definition is too long to be compared by meaning, and its words differ"
        for name in both
        if is_undecided(name, before.objects[name], after.objects[name])
    }


def _tables(before: StoreDigest, after: StoreDigest, untold: dict[str, str]) -> Iterator[Difference]:
    for name in sorted(before.tables.keys() | after.tables.keys()):
        old, new = before.tables.get(name), after.tables.get(name)
        place = f"rows of {name}"
        if place in untold:
            continue
        if old is None or new is None:
            known = old or new
            assert known is not None  # noqa: S101  # the name came from one of them
            kind = DifferenceKind.LOST if new is None else DifferenceKind.ADDED
            rows = f"{known.rows} rows"
            yield Difference(
                place=place, kind=kind, before="" if old is None else rows, after="" if new is None else rows
            )
        elif not _is_comparable(old, new) and old.rows == new.rows:
            untold[place] = f"its rows are known by {_known_by(old)} before and by {_known_by(new)} after"
        elif old != new and (found := _rows(place, old, new)) is not None:
            yield found


def _is_comparable(old: TableDigest, new: TableDigest) -> bool:
    """Whether hashes of both are of the same things: without a key a row is all its columns."""
    return old.key == new.key and (bool(old.key) or list(old.columns) == list(new.columns))


def _known_by(table: TableDigest) -> str:
    return ", ".join(table.key) or f"all of {len(table.columns)} columns"


def _rows(place: str, old: TableDigest, new: TableDigest) -> Difference | None:
    both = old.columns.keys() & new.columns.keys()
    # A lost row changes the sum of every column: which of them differ in rows that both have, only the keys can tell.
    are_same_rows = old.rows == new.rows and (old.keys == new.keys or not old.key)
    columns = tuple(name for name in old.columns if name in both and old.columns[name] != new.columns[name])
    if old.rows == new.rows and old.keys == new.keys and not columns:
        return None
    return Difference(
        place=place,
        kind=DifferenceKind.ROWS,
        before=f"{old.rows} rows",
        after=f"{new.rows} rows",
        columns=columns if are_same_rows else (),
    )


def _sequences(before: StoreDigest, after: StoreDigest) -> Iterator[Difference]:
    for name in sorted(before.sequences.keys() | after.sequences.keys()):
        old, new = before.sequences.get(name), after.sequences.get(name)
        place = f"sequence {name}"
        if old is None or new is None:
            kind = DifferenceKind.LOST if new is None else DifferenceKind.ADDED
            yield Difference(place=place, kind=kind, before=_stands(old), after=_stands(new))
        elif (new.following - old.following) * old.step < 0:
            yield Difference(place=place, kind=DifferenceKind.BEHIND, before=_stands(old), after=_stands(new))


def _stands(sequence: SequenceState | None) -> str:
    return "" if sequence is None else f"next is {sequence.following}"


def _objects(before: StoreDigest, after: StoreDigest, untold: dict[str, str]) -> Iterator[Difference]:
    unread = tuple(name.removesuffix(EVERY) for name in untold if name.endswith(f" {EVERY}"))
    for name in sorted(before.objects.keys() | after.objects.keys()):
        if name in untold or name.startswith(unread):
            continue
        old, new = before.objects.get(name), after.objects.get(name)
        if old is None or new is None:
            kind = DifferenceKind.LOST if new is None else DifferenceKind.ADDED
        elif is_same(name, old, new) or _is_repaired(name, old, new):
            continue
        else:
            kind = DifferenceKind.CHANGED
        yield Difference(
            place=name, kind=kind, before=(old or "")[:MAX_SHOWN_CHARS], after=(new or "")[:MAX_SHOWN_CHARS]
        )


def _is_repaired(place: str, old: str, new: str) -> bool:
    return any(is_same(place, old.removesuffix(mark), new) for mark in INVALID if old.endswith(mark))
