"""The rows of a table as sums of hashes, computed inside PostgreSQL in one pass: bounded memory, linear time.

``readiness k`` is the hash of a row's key: of its first column, which seeds that of the second, and so on. A value's hash is seeded
by it, so that it belongs to its row. Without a key ``readiness k`` is the hash of the row's whole text, and values stand alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from readiness.exceptions import GatherError
from readiness.facts.digest import TableDigest
from readiness.instruments.digests.postgres_session import Database, as_identifier, as_text, text_hash
from readiness.instruments.digests.side import Bucket, Entry, Part

__all__ = [
    "LARGE_OBJECTS",
    "LARGE_OBJECT_OWNERS",
    "LARGE_OBJECT_PAGES",
    "Source",
    "read_buckets",
    "read_entries",
    "read_table",
]

#: Of a row's key; no column of anybody's is called so.
_NAME = '"readiness k"'
_K = f"t.{_NAME}"
#: What a null counts as: the seed with other bits, so that it is no text's hash.
_NULL = 0x3C6EF372FE94F82B
#: So many columns in a pass (an array, as a function takes at most 100 values): a statement of all 1600 would be longer than a word on a command line may be (128 KiB).
COLUMNS_PER_PASS = 150
KEY_CHARS = 200
ROW_CHARS = 80
SHOWN_COLUMNS = 40
#: A pass reads at least so many bytes a second; measured on two slow processors: twenty times more.
SLOWEST_BYTES_PER_SECOND = 1_000_000
LEAST_SECONDS = 60.0
#: Types whose least and greatest value the server finds in the order of people; others are compared as text.
_ORDERED = frozenset({
    "int2", "int4", "int8", "numeric", "float4", "float8", "oid", "date", "timestamp", "timestamptz",
})  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where the rows of a table come from.

    Attributes:
        select: what stands behind ``from``.
        columns: (name, type's name) each.
        key: names of columns that identify a row.
        size_bytes: on disk.
    """

    select: str
    columns: tuple[tuple[str, str], ...]
    key: tuple[str, ...] = ()
    size_bytes: int = 0

    @property
    def at_most_seconds(self) -> float:
        """How long a pass over it may take."""
        return LEAST_SECONDS + self.size_bytes / SLOWEST_BYTES_PER_SECOND


LARGE_OBJECT_OWNERS, LARGE_OBJECT_PAGES = "large objects", "large object pages"


def _large_objects() -> dict[str, Source]:
    """Large objects as two tables. A hole and a page of zeros read the same, and a restore fills holes."""
    pages = "(select loid, pageno, rtrim(encode(data, 'hex'), '0') as data from pg_catalog.pg_largeobject) p"
    owners = (
        "(select m.oid as loid, pg_get_userbyid(m.lomowner)::text as owner, (select string_agg(a::text, ',' order by "
        "a::text) from unnest(m.lomacl) a) as grants from pg_catalog.pg_largeobject_metadata m)"
    )
    return {
        LARGE_OBJECT_OWNERS: Source(
            select=owners, columns=(("loid", "oid"), ("owner", "text"), ("grants", "text")), key=("loid",)
        ),
        LARGE_OBJECT_PAGES: Source(
            select=f"(select * from {pages} where data <> '')",
            columns=(("loid", "oid"), ("pageno", "int4"), ("data", "text")),
            key=("loid", "pageno"),
        ),
    }


LARGE_OBJECTS = _large_objects()


def read_table(database: Database, source: Source) -> TableDigest:
    """The digest of all rows.

    Raises:
        GatherError, StackError: they cannot be read.
    """
    digests: list[TableDigest] = []
    for columns in _passes(source.columns):
        sums = ", ".join(f"coalesce(sum({_value(column, source)}), 0)::text" for column in columns)
        lowest, highest = _range(source)
        statement = (
            f"select jsonb_build_object('rows', count(*), 'keys', coalesce(sum({_K}), 0)::text, 'lowest', left({lowest}, "
            f"{KEY_CHARS}), 'highest', left({highest}, {KEY_CHARS}), 'columns', to_jsonb(array[{sums}]::text[]))::text "
            f"from {_rows(source)}"
        )
        found = database.ask(statement, timeout_seconds=source.at_most_seconds)
        digests.append(
            TableDigest(
                rows=int(found["rows"]),
                key=source.key,
                keys=str(found["keys"]),
                columns={name: str(total) for (name, _), total in zip(columns, found["columns"], strict=True)},
                lowest=found["lowest"] or "",
                highest=found["highest"] or "",
            )
        )
    first = digests[0]
    if any((one.rows, one.keys) != (first.rows, first.keys) for one in digests):
        raise GatherError("its rows changed while they were read")
    return TableDigest(
        rows=first.rows,
        key=first.key,
        keys=first.keys,
        columns={name: total for one in digests for name, total in one.columns.items()},
        lowest=first.lowest,
        highest=first.highest,
    )


def read_buckets(
    database: Database, source: Source, columns: Sequence[str], part: Part, *, bits: int
) -> dict[int, Bucket]:
    """The rows in a part, by the lowest bits of their key's hash.

    Raises:
        GatherError, StackError: they cannot be read.
    """
    wanted = [column for column in source.columns if column[0] in columns]
    sums = "".join(f", sum({_value(column, source)})::text" for column in wanted)
    statement = (
        f"select coalesce(jsonb_agg(found), '[]')::text from (select to_jsonb(array[({_K} & {_mask(bits)})::text, "
        f"count(*)::text, sum({_K})::text{sums}]) as found from {_rows(source)} where {_within(part)} group by {_K} & {_mask(bits)}) g"
    )
    answer = database.ask(statement, timeout_seconds=source.at_most_seconds)
    return {int(ending): Bucket(rows=int(rows), sums=tuple(totals)) for ending, rows, *totals in answer}


def read_entries(
    database: Database, source: Source, columns: Sequence[str], part: Part, *, at_most: int
) -> tuple[Entry, ...]:
    """The rows in a part.

    Raises:
        GatherError, StackError: they cannot be read.
    """
    wanted = [column for column in source.columns if column[0] in columns]
    sums = "".join(f", sum({_value(column, source)})::text" for column in wanted)
    statement = (
        f"select coalesce(jsonb_agg(found), '[]')::text from (select to_jsonb(array[min({_shown(source)} "
        f'collate "C"), {_K}::text, count(*)::text{sums}]) as found from {_rows(source)} where {_within(part)} '
        f"group by {_K} order by {_K} limit {at_most}) g"
    )
    answer = database.ask(statement, timeout_seconds=source.at_most_seconds)
    return tuple(
        Entry(key=key or "", hash=mark, rows=int(rows), sums=tuple(totals)) for key, mark, rows, *totals in answer
    )


def _passes(columns: tuple[tuple[str, str], ...]) -> Iterator[tuple[tuple[str, str], ...]]:
    for start in range(0, max(len(columns), 1), COLUMNS_PER_PASS):
        yield columns[start : start + COLUMNS_PER_PASS]


def _rows(source: Source) -> str:
    """Rows with their key's hash. ``offset 0`` keeps it from being computed anew wherever it is used."""
    return f"(select {_key_hash(source)} as {_NAME}, t.* from {source.select} t offset 0) t"


def _key_hash(source: Source) -> str:
    if not source.key:
        # All columns by name would make a statement longer than a word on a command line may be.
        return text_hash("row(t.*)::text")
    chained = "0"
    for name in source.key:
        chained = text_hash(f"t.{as_identifier(name)}::text", chained)
    return chained


def _value(column: tuple[str, str], source: Source) -> str:
    name, kind = column
    place, seed = f"t.{as_identifier(name)}", _K if source.key else "0"
    # As text, bytes take twice their length, and above 512 MiB more than a value may be.
    text = f"encode(sha256({place}), 'hex')" if kind == "bytea" else f"{place}::text"
    return f"coalesce({text_hash(text, seed)}, {seed} # {_NULL})"


def _range(source: Source) -> tuple[str, str]:
    if not source.key:
        return "''", "''"
    name = source.key[0]
    kind = dict(source.columns)[name]
    place = f"t.{as_identifier(name)}"
    value = place if kind in _ORDERED else f'{place}::text collate "C"'
    return f"min({value})::text", f"max({value})::text"


def _shown(source: Source) -> str:
    if not source.key:
        some = ", ".join(f"t.{as_identifier(name)}" for name, _ in source.columns[:SHOWN_COLUMNS])
        return f"left(row({some})::text, {ROW_CHARS})"
    parts = [f"{as_text(name + '=')} || t.{as_identifier(name)}::text" for name in source.key]
    joined = " || ', ' || ".join(parts)
    return f"left({joined}, {KEY_CHARS})"


def _mask(bits: int) -> int:
    return (1 << bits) - 1


def _within(part: Part) -> str:
    if not part.bits:
        return "true"
    return f"{_K} & {_mask(part.bits)} in ({', '.join(str(ending) for ending in part.endings)})"
