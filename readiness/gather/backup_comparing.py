"""A store as it was, as it was a little later, and as it was restored: what differs, without what moves by itself.

An application writes although nobody asks it anything: it prunes sessions, counts its starts, keeps a heartbeat. What
changed in the first stack between two looks is left out of the comparison, row by row where the rows can be listed. What
only the restored store has is no loss: the services there have written since, too. A row that was there once and is there
twice now is one.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from readiness.backup.areas import Area, area_of, without_consequences
from readiness.backup.differences import compare
from readiness.exceptions import ReadinessError
from readiness.facts.digest import Difference, DifferenceKind, StoreDigest
from readiness.gather.backup_places import REDIS, Place
from readiness.gather.backup_planting import CANARY
from readiness.instruments.digests import open_side
from readiness.instruments.digests.kept_side import KeptSide
from readiness.instruments.digests.narrow import MAX_KEYS, with_keys
from readiness.instruments.digests.recorded import MAX_ROWS, Recorded
from readiness.instruments.digests.side import Digested, Entry, Part, Side

__all__ = ["MAX_DIFFERENCES", "Compared", "Moved", "compared", "look", "moved", "recorded"]

#: Of a store; whoever lost more has lost it.
MAX_DIFFERENCES = 60
ATTEMPTS = 3
#: A look that takes longer is not repeated for a store that is written to all the time.
LONG_SECONDS = 30.0
#: Rows times columns that are listed at once: what that takes is some hundred megabytes.
MAX_CELLS = 1_000_000
_ROWS = "rows of "


@dataclass(frozen=True, kw_only=True)
class Moved:
    """What changed by itself.

    Attributes:
        places: of the digest, as a whole -> how they changed.
        keys: table -> its rows that did.
        times: table -> keys whose time to live was set anew.
    """

    places: Mapping[str, str] = field(default_factory=dict)
    keys: Mapping[str, frozenset[str]] = field(default_factory=dict)
    times: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def joined(self, other: Moved) -> Moved:
        """What changed in one or the other."""
        none: frozenset[str] = frozenset()
        return Moved(
            places={**self.places, **other.places},
            keys={
                table: self.keys.get(table, none) | other.keys.get(table, none) for table in {*self.keys, *other.keys}
            },
            times={
                table: self.times.get(table, none) | other.times.get(table, none)
                for table in {*self.times, *other.times}
            },
        )


@dataclass(frozen=True, kw_only=True)
class Compared:
    """What differs after the restore, what could not be told, and how many rows are newer."""

    differences: tuple[Difference, ...] = ()
    untold: Mapping[str, str] = field(default_factory=dict)
    newer: int = 0

    @property
    def doubtful(self) -> tuple[str, ...]:
        """Tables of which a few rows of the application's differ, as they do where something goes on by itself."""
        found = []
        for one in self.differences:
            keys = (*one.lost, *one.added, *one.changed)
            own = [key for key in keys if not key.startswith(CANARY)]
            if one.kind is DifferenceKind.ROWS and own and not one.is_partial and CANARY not in one.place:
                found.append(one.place.removeprefix(_ROWS))
        return tuple(dict.fromkeys(found))


def look(
    place: Place,
    *,
    until: float,
    progress: Callable[[str], None],
    keys: Mapping[str, tuple[str, ...]] | None = None,
) -> Digested:
    """The digest of a store at rest, else the last of several.

    Raises:
        ConfigError: there is no digest for such a store.
    """
    where = place.where(until=until, keys=keys or {}, progress=progress)
    # Each time anew: a side that keeps what it listed would keep what is gone by the next time.
    for _ in range(ATTEMPTS - 1):
        side = open_side(place.kind, where)
        digest = side.digest()
        if digest.problem or digest.is_quiet is not False or digest.seconds > LONG_SECONDS:
            return Digested(side=side, digest=digest)
        side.close()
    side = open_side(place.kind, where)
    return Digested(side=side, digest=side.digest())


def recorded(seen: Digested, tables: Collection[str] | None = None) -> Digested:
    """The same, which answers when its store is gone or has gone on; of some tables alone, where they are named."""
    if seen.digest.problem or isinstance(seen.side, KeptSide):
        return seen
    kept = {name: table for name, table in seen.digest.tables.items() if tables is None or name in tables}
    return Digested(side=Recorded(seen.side, dataclasses.replace(seen.digest, tables=kept)), digest=seen.digest)


def moved(first: Digested, again: Digested) -> Moved:
    """What changed between two looks at the same store."""
    comparison = compare(first.digest, again.digest)
    places: dict[str, str] = {place: why for place, why in comparison.untold.items() if place != "everything"}
    keys: dict[str, frozenset[str]] = {}
    for difference in comparison.differences:
        table = difference.place.removeprefix(_ROWS)
        rows = _rows(first, again, table) if difference.kind is DifferenceKind.ROWS else None
        if rows is None:
            places[difference.place] = _words(difference)
        else:
            keys[table] = frozenset(rows.lost | rows.added | rows.changed.keys())
    times = {
        table: frozenset(_times(first, again, table)) for table in first.digest.tables if table in again.digest.tables
    }
    return Moved(places=places, keys=keys, times={table: found for table, found in times.items() if found})


def compared(before: Digested, after: Digested, left_out: Moved) -> Compared:
    """What the restored store lacks or has otherwise."""
    comparison = compare(before.digest, after.digest)
    untold = {place: why for place, why in comparison.untold.items() if place not in left_out.places}
    found: list[Difference] = []
    newer = 0
    for difference in comparison.differences:
        if difference.place in left_out.places:
            continue
        if difference.kind is DifferenceKind.ROWS:
            told, more = _told_rows(before, after, difference, left_out)
            newer += more
            if isinstance(told, str):
                untold[difference.place] = told
            elif told is not None:
                found.append(told)
        elif difference.kind is not DifferenceKind.ADDED or area_of(difference) is Area.RIGHTS:
            found.append(difference)
    for table in before.digest.tables.keys() & after.digest.tables.keys():
        known = left_out.keys.get(table, frozenset()) | left_out.times.get(table, frozenset())
        times = sorted(set(_times(before, after, table)) - known)
        if times and f"{_ROWS}{table}" not in left_out.places:
            found.append(
                Difference(
                    place=f"{_ROWS}{table}",
                    kind=DifferenceKind.ROWS,
                    columns=tuple(before.digest.tolerances),
                    changed=tuple(map(_printable, times[:MAX_KEYS])),
                    is_partial=len(times) > MAX_KEYS,
                )
            )
    return Compared(differences=without_consequences(found)[:MAX_DIFFERENCES], untold=untold, newer=newer)


@dataclass(frozen=True, kw_only=True)
class _Rows:
    """Keys of rows that differ. ``doubled`` are there more often than before; ``changed`` -> in which columns."""

    lost: frozenset[str]
    added: frozenset[str]
    doubled: frozenset[str]
    changed: Mapping[str, frozenset[str]]


def _told_rows(
    before: Digested, after: Digested, difference: Difference, left_out: Moved
) -> tuple[Difference | str | None, int]:
    """The difference with keys; None where nothing of it counts, or why nobody can tell. And how many rows are newer."""
    table = difference.place.removeprefix(_ROWS)
    moving = left_out.keys.get(table, frozenset())
    rows = _rows(before, after, table)
    if rows is None:
        return _narrowed(before, after, difference, moving)
    lost, doubled = rows.lost - moving, rows.doubled - moving
    changed = {key: columns for key, columns in rows.changed.items() if key not in moving}
    if not (lost or doubled or changed):
        return None, len(rows.added)
    accused = frozenset(name for columns in changed.values() for name in columns)
    every = before.digest.tables[table].columns
    told = dataclasses.replace(
        difference,
        columns=tuple(name for name in every if name in accused),
        lost=_some(lost),
        added=_some(doubled),
        changed=_some(changed),
        is_partial=any(len(keys) > MAX_KEYS for keys in (lost, doubled, changed)),
    )
    return told, len(rows.added)


def _narrowed(
    before: Digested, after: Digested, difference: Difference, moving: frozenset[str]
) -> tuple[Difference | str | None, int]:
    """A table of more rows than can be listed: some of the keys are named."""
    if moving:
        return "some of its rows change by themselves, and they are too many to be told apart", 0
    named = with_keys(before, after, [difference])[:1]
    if not named:
        return None, 0
    table = difference.place.removeprefix(_ROWS)
    old, new = before.digest.tables[table].rows, after.digest.tables[table].rows
    told = named[0]
    is_doubled = not before.digest.tables[table].key and new >= 2 * old > 0
    if told.lost or told.changed or is_doubled or (not told.added and (told.columns or new <= old)):
        return told, 0
    return None, max(0, new - old)


def _rows(one: Digested, other: Digested, table: str) -> _Rows | None:
    """Row by row; None where the rows are too many, or cannot be listed."""
    tables = (one.digest.tables.get(table), other.digest.tables.get(table))
    if None in tables:
        return None
    old_table, new_table = tables
    assert old_table is not None  # noqa: S101  # looked at just now
    assert new_table is not None  # noqa: S101
    columns = tuple(name for name in old_table.columns if name in new_table.columns)
    most, rows = MAX_CELLS // (len(columns) + 1), max(old_table.rows, new_table.rows)
    if not (isinstance(one.side, KeptSide) and isinstance(other.side, KeptSide)):
        most = min(most, MAX_ROWS)
    if rows > most or old_table.key != new_table.key:
        return None
    try:
        old, new = (_entries(seen, table, columns) for seen in (one, other))
    except ReadinessError:
        return None
    changed = {
        entry.key: frozenset(
            name
            for name, left, right in zip(columns, entry.sums, new[mark].sums, strict=True)
            if left != right
        )
        for mark, entry in old.items()
        if mark in new and entry.rows == new[mark].rows and entry.sums != new[mark].sums
    }  # fmt: skip
    edges = frozenset(
        entry.key
        for seen, entries in ((one, old), (other, new))
        for entry in entries.values()
        if isinstance(seen.side, KeptSide) and seen.side.is_at_the_edge(table, entry)
    )
    return _Rows(
        lost=frozenset(e.key for mark, e in old.items() if mark not in new or new[mark].rows < e.rows) - edges,
        added=frozenset(e.key for mark, e in new.items() if mark not in old) - edges,
        doubled=frozenset(e.key for mark, e in new.items() if mark in old and old[mark].rows < e.rows),
        changed=changed,
    )


def _entries(seen: Digested, table: str, columns: tuple[str, ...]) -> dict[str, Entry]:
    side: Side = seen.side
    if not isinstance(side, KeptSide | Recorded):
        # Answers are bounded; a record fetches them in parts.
        only: StoreDigest = dataclasses.replace(seen.digest, tables={table: seen.digest.tables[table]})
        side = Recorded(side, only)
    return {entry.hash: entry for entry in side.entries(table, columns, Part(), at_most=MAX_CELLS)}


def _times(one: Digested, other: Digested, table: str) -> list[str]:
    """Keys that expire at another instant than before, by more than the tolerance."""
    if not (isinstance(one.side, KeptSide) and isinstance(other.side, KeptSide)) or one.digest.kind != REDIS:
        return []
    return list(one.side.moved(other.side, table))


def _some(keys: object) -> tuple[str, ...]:
    assert isinstance(keys, frozenset | dict)  # noqa: S101  # what has keys
    return tuple(_printable(key) for key in sorted(keys)[:MAX_KEYS])


def _printable(key: str) -> str:
    """A key may hold anything, and is read by people in one line."""
    return "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in key)


def _words(difference: Difference) -> str:
    if difference.before or difference.after:
        return f"{difference.kind}: {difference.before or 'nothing'} -> {difference.after or 'nothing'}"[:200]
    return str(difference.kind)
