"""Which rows differ: both stores are asked for ever smaller parts of a table until the parts are a few rows each.

Each question is one pass over the table inside its store. The parts are those of the key's hash, so that both stores
divide in the same way whatever they hold; a table of 10^6 rows takes two passes and one for the rows themselves.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Mapping, Sequence

from readiness.exceptions import ReadinessError
from readiness.facts.digest import Difference, DifferenceKind
from readiness.instruments.digests.kept_side import KeptSide
from readiness.instruments.digests.side import Bucket, Digested, Entry, Part, Side

__all__ = ["MAX_KEYS", "with_keys"]

#: A person reads no more, and the first ones show what the others are like.
MAX_KEYS = 20
#: So many parts at first, and of every part that differs: answers stay below half a MiB.
FIRST_BITS, STEP_BITS = 10, 8
MOST_BITS = 58
MAX_PARTS = 8
#: A part of so many rows is read row by row.
SMALL_ROWS = 50
#: Of columns that are looked at together.
MAX_COLUMNS = 6


def with_keys(before: Digested, after: Digested, differences: Sequence[Difference]) -> list[Difference]:
    """The differences, those of rows with the keys of some of the rows.

    Only here it shows whether what may differ a little (``tolerances`` of a digest) differs by more, and whether a key is
    missing because it was about to expire: such differences are added and taken away. A difference whose keys cannot be had
    stays as it is, and is partial.

    Args:
        before: the store as it was, or what was kept of it.
        after: the store to compare with it.
        differences: between their digests.
    """
    found = [
        _attempted(before, after, difference) if difference.kind is DifferenceKind.ROWS else difference
        for difference in differences
    ]
    return [*(one for one in found if one is not None), *_moved(before, after)]


def _moved(before: Digested, after: Digested) -> Iterator[Difference]:
    """Tables in which instants moved by more than they may."""
    if not isinstance(before.side, KeptSide) or not isinstance(after.side, KeptSide):
        return
    for column in before.digest.tolerances:
        for table in before.digest.tables.keys() & after.digest.tables.keys():
            keys = list(itertools.islice(before.side.moved(after.side, table), MAX_KEYS + 1))
            if keys:
                yield Difference(
                    place=f"rows of {table}",
                    kind=DifferenceKind.ROWS,
                    columns=(column,),
                    changed=_some(keys),
                    is_partial=len(keys) > MAX_KEYS,
                )


def _attempted(before: Digested, after: Digested, difference: Difference) -> Difference | None:
    table = difference.place.removeprefix("rows of ")
    old, new = before.digest.tables[table], after.digest.tables[table]
    if old.key != new.key:
        return dataclasses.replace(difference, is_partial=True)
    try:
        return _narrowed(before.side, after.side, table, tuple(n for n in old.columns if n in new.columns), difference)
    except ReadinessError:
        return dataclasses.replace(difference, is_partial=True)


def _narrowed(
    before: Side, after: Side, table: str, every: tuple[str, ...], difference: Difference
) -> Difference | None:
    lost: list[str] = []
    added: list[str] = []
    changed: list[str] = []
    accused: dict[str, None] = dict.fromkeys(difference.columns)
    # Without keys in common no column is accused yet; any of them may differ.
    groups = _groups(difference.columns or every)
    is_partial, edges = False, 0
    for columns in groups:
        old, new, is_cut = _entries(before, after, table, columns)
        is_partial |= is_cut
        edges |= _drop_edges(before, table, old, new) + _drop_edges(after, table, new, old)
        for mark in old.keys() | new.keys():
            left, right = old.get(mark), new.get(mark)
            if left is None or (right is not None and right.rows > left.rows):
                added.append(_told(right, 0 if left is None else left.rows))
            elif right is None or left.rows > right.rows:
                lost.append(_told(left, 0 if right is None else right.rows))
            elif left.sums != right.sums:
                changed.append(left.key)
                pairs = zip(columns, left.sums, right.sums, strict=True)
                accused.update(dict.fromkeys(name for name, one, other in pairs if one != other))
    if edges and not (lost or added or changed or is_partial):
        return None
    return dataclasses.replace(
        difference,
        columns=tuple(name for name in every if name in accused),
        lost=_some(lost),
        added=_some(added),
        changed=_some(changed),
        is_partial=is_partial or any(len(set(keys)) > MAX_KEYS for keys in (lost, added, changed)),
    )


def _drop_edges(side: Side, table: str, entries: dict[str, Entry], others: Mapping[str, Entry]) -> int:
    """Forget entries that only one side has because they expire just then; how many those were."""
    if not isinstance(side, KeptSide):
        return 0
    edges = [mark for mark, entry in entries.items() if mark not in others and side.is_at_the_edge(table, entry)]
    for mark in edges:
        del entries[mark]
    return len(edges)


def _groups(columns: tuple[str, ...]) -> list[tuple[str, ...]]:
    return [columns[start : start + MAX_COLUMNS] for start in range(0, len(columns), MAX_COLUMNS)] or [()]


def _some(keys: Sequence[str]) -> tuple[str, ...]:
    return tuple(sorted(set(keys))[:MAX_KEYS])


def _told(entry: Entry | None, other: int) -> str:
    assert entry is not None  # noqa: S101  # the side with more rows has one
    return entry.key if entry.rows - other == 1 else f"{entry.key} ({entry.rows - other} times)"


def _entries(
    before: Side, after: Side, table: str, columns: Sequence[str]
) -> tuple[dict[str, Entry], dict[str, Entry], bool]:
    """The rows of parts that differ, by the hash of their key, and whether more parts differ than were looked at."""
    part, bits, is_cut = Part(), FIRST_BITS, False
    while True:
        old = before.buckets(table, columns, part, bits=bits)
        new = after.buckets(table, columns, part, bits=bits)
        differing = sorted(ending for ending in old.keys() | new.keys() if old.get(ending) != new.get(ending))
        is_cut |= len(differing) > MAX_PARTS
        part = Part(bits=bits, endings=tuple(differing[:MAX_PARTS]))
        if not differing:
            return {}, {}, is_cut
        if bits + STEP_BITS > MOST_BITS or all(_rows(side, part) <= SMALL_ROWS for side in (old, new)):
            break
        bits += STEP_BITS
    most = SMALL_ROWS * MAX_PARTS
    sides = [
        {entry.hash: entry for entry in side.entries(table, columns, part, at_most=most)} for side in (before, after)
    ]
    is_cut |= any(len(side) == most for side in sides)
    return sides[0], sides[1], is_cut


def _rows(buckets: Mapping[int, Bucket], part: Part) -> int:
    return max(buckets[ending].rows if ending in buckets else 0 for ending in part.endings)
