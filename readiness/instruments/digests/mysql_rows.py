"""The rows of a MariaDB or MySQL table as sums of hashes, computed inside the server in one pass.

The first 64 bits of an MD5 are summed as whole numbers, which the server does exactly. Each value is hashed by itself first:
a text put together from long ones becomes null beyond ``max_allowed_packet``, and a null would look like any other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from readiness.exceptions import GatherError
from readiness.facts.digest import TableDigest
from readiness.instruments.digests.side import Bucket, Entry, Part

__all__ = ["HASH_METHOD", "Source", "quoted", "read_buckets", "read_entries", "read_table"]

HASH_METHOD = "first 64 bits of md5"
#: A statement of more would be longer than a word on a command line may be (128 KiB).
COLUMNS_PER_PASS = 100
KEY_CHARS = 200
ROW_CHARS = 80
SLOWEST_BYTES_PER_SECOND = 500_000
LEAST_SECONDS = 60.0
_BYTES = frozenset(
    {"binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob", "geometry", "point", "polygon"}
)
#: Asks a statement whose rows are one JSON text each.
Ask = Callable[[str, float], list[list[object]]]


@dataclass(frozen=True, kw_only=True)
class Source:
    """A table: its columns as (name, type's name), those of its key, and its bytes on disk."""

    table: str
    columns: tuple[tuple[str, str], ...]
    key: tuple[str, ...] = ()
    size_bytes: int = 0

    @property
    def at_most_seconds(self) -> float:
        """How long a pass over it may take."""
        return LEAST_SECONDS + self.size_bytes / SLOWEST_BYTES_PER_SECOND


def quoted(name: str) -> str:
    """A name within a statement."""
    return "`" + name.replace("`", "``") + "`"


def read_table(ask: Ask, source: Source) -> TableDigest:
    """The digest of all rows.

    Raises:
        GatherError, StackError: they cannot be read.
    """
    lowest = highest = "''"
    if source.key:
        lowest, highest = (f"left(cast({f}({quoted(source.key[0])}) as char), {KEY_CHARS})" for f in ("min", "max"))
    found: dict[str, str] = {}
    seen: set[tuple[str, ...]] = set()
    for start in range(0, len(source.columns), COLUMNS_PER_PASS):
        columns = source.columns[start : start + COLUMNS_PER_PASS]
        sums = "".join(f", {_sum(_value(column, source))}" for column in columns)
        statement = (
            f"select json_array(count(*), {_sum(_mark(source))}, {lowest}, {highest}{sums}) from {quoted(source.table)}"
        )
        ((rows, keys, least, most, *totals),) = ask(statement, source.at_most_seconds)
        found.update({name: str(total) for (name, _), total in zip(columns, totals, strict=True)})
        seen.add((str(rows), str(keys), str(least or ""), str(most or "")))
    if len(seen) != 1:
        raise GatherError("its rows changed while they were read")
    count, total_of_keys, first, last = seen.pop()
    return TableDigest(rows=int(count), key=source.key, keys=total_of_keys, columns=found, lowest=first, highest=last)


def read_buckets(ask: Ask, source: Source, columns: Sequence[str], part: Part, *, bits: int) -> dict[int, Bucket]:
    """The rows in a part, by the lowest bits of their key's hash.

    Raises:
        GatherError, StackError: they cannot be read.
    """
    mark = _mark(source)
    statement = (
        f"select json_array({mark} & {_mask(bits)}, count(*), {_sum(mark)}{_wanted(source, columns)}) "
        f"from {quoted(source.table)} where {_within(mark, part)} group by {mark} & {_mask(bits)}"
    )
    return {
        int(str(ending)): Bucket(rows=int(str(rows)), sums=tuple(str(total) for total in totals))
        for ending, rows, *totals in ask(statement, source.at_most_seconds)
    }


def read_entries(ask: Ask, source: Source, columns: Sequence[str], part: Part, *, at_most: int) -> tuple[Entry, ...]:
    """The rows in a part.

    Raises:
        GatherError, StackError: they cannot be read.
    """
    mark = _mark(source)
    statement = (
        f"select json_array(min({_shown(source)}), cast({mark} as char), count(*){_wanted(source, columns)}) "
        f"from {quoted(source.table)} where {_within(mark, part)} group by {mark} order by {mark} limit {at_most}"
    )
    return tuple(
        Entry(key=str(key or ""), hash=str(marked), rows=int(str(rows)), sums=tuple(str(total) for total in totals))
        for key, marked, rows, *totals in ask(statement, source.at_most_seconds)
    )


def _text(column: tuple[str, str]) -> str:
    """A value in words that do not depend on the session."""
    name, kind = quoted(column[0]), column[1]
    if kind in _BYTES:
        return name
    if kind == "bit":
        return f"cast({name} + 0 as char)"
    # A float has the six digits that the server shows and mysqldump writes: the rest is lost in every dump.
    return f"convert({name} using utf8mb4)"


def _hashed(column: tuple[str, str]) -> str:
    return f"coalesce(md5({_text(column)}), 'null')"


def _key(source: Source) -> str:
    names = dict(source.columns)
    columns = [(name, names[name]) for name in source.key] or list(source.columns)
    return f"md5(concat({', '.join(_hashed(column) for column in columns)}))"


def _number(md5: str) -> str:
    return f"cast(conv(left({md5}, 16), 16, 10) as unsigned)"


def _mark(source: Source) -> str:
    return _number(_key(source))


def _value(column: tuple[str, str], source: Source) -> str:
    seed = _key(source) if source.key else "''"
    return _number(f"md5(concat({seed}, {_hashed(column)}))")


def _sum(number: str) -> str:
    return f"cast(coalesce(sum({number}), 0) as char)"


def _wanted(source: Source, columns: Sequence[str]) -> str:
    return "".join(f", {_sum(_value(column, source))}" for column in source.columns if column[0] in columns)


def _shown(source: Source) -> str:
    names = dict(source.columns)
    if source.key:
        parts = ", ', ', ".join(f"'{_label(name)}=', {_readable(name, names[name])}" for name in source.key)
        return f"left(concat({parts}), {KEY_CHARS})"
    parts = ", ',', ".join(
        f"coalesce(left({_readable(name, kind)}, {ROW_CHARS}), 'NULL')" for name, kind in source.columns
    )
    return f"left(concat('(', {parts}, ')'), {ROW_CHARS})"


def _label(name: str) -> str:
    return name.replace("\\", "\\\\").replace("'", "''")


def _readable(name: str, kind: str) -> str:
    return f"hex({quoted(name)})" if kind in _BYTES else f"convert({quoted(name)} using utf8mb4)"


def _mask(bits: int) -> int:
    return (1 << bits) - 1


def _within(mark: str, part: Part) -> str:
    if not part.bits:
        return "true"
    return f"{mark} & {_mask(part.bits)} in ({', '.join(str(ending) for ending in part.endings)})"
