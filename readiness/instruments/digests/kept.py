"""Content that is listed once and kept in a file, for stores that can list what they hold better than sum it.

The file has a line of some tens of bytes for each key and lives until the side is closed, also after the store is gone.
Memory stays bounded whatever the number of keys. Values are kept as hashes.
"""

from __future__ import annotations

import sqlite3
import struct
from collections.abc import Iterator, Mapping, Sequence

from readiness.exceptions import GatherError
from readiness.facts.digest import TableDigest
from readiness.instruments.digests.side import Bucket, Entry, Part
from readiness.instruments.digests.summing import by_ending, digested, hash_of

__all__ = ["Kept", "private_file"]

KEY_CHARS = 200
ROWS_AT_ONCE = 1000
#: SQLite's integers have a sign.
_SIGN = 1 << 63


def private_file() -> sqlite3.Connection:
    """A database in a file without a name: whatever becomes of this process, nothing is left of it."""
    # Gatherers may run in another thread than the one that opened the side.
    file = sqlite3.connect("", check_same_thread=False)
    file.execute("pragma journal_mode = off")
    return file


class Kept:
    """Keys and the hashes of their values, in a temporary file.

    Args:
        columns: what each key has, the same for every table.
    """

    def __init__(self, columns: Sequence[str]) -> None:
        self.columns = tuple(columns)
        self._tables: dict[str, int] = {}
        self._file = private_file()
        self._file.execute(
            "create table kept (place integer, hash integer, key text, sums blob, number real, "
            "primary key (place, hash)) without rowid"
        )

    @property
    def names(self) -> frozenset[str]:
        """Of all tables."""
        return frozenset(self._tables)

    def table(self, name: str) -> None:
        """There is a table of this name, even if it stays empty."""
        self._tables.setdefault(name, len(self._tables))

    def add(
        self, table: str, key: str, values: Sequence[bytes], *, identity: bytes = b"", number: float | None = None
    ) -> None:
        """One key with the values of all columns; one that was there before is replaced.

        Args:
            table: its table.
            key: for people.
            values: in the order of the columns.
            identity: what tells the key from others, where ``key`` does not.
            number: what may differ a little (an instant, seconds since 1970); None where there is none.
        """
        self.table(table)
        mark = hash_of(identity or key.encode("utf-8", "surrogateescape"))
        sums = struct.pack(f">{len(values)}Q", *(hash_of(value, mark) for value in values))
        # Names of files need not be text; what is shown of them is.
        shown = key[:KEY_CHARS].encode("utf-8", "backslashreplace").decode()
        row = (self._tables[table], mark - _SIGN, shown, sums, number)
        self._file.execute("insert or replace into kept values (?, ?, ?, ?, ?)", row)

    def digests(self, key: str) -> dict[str, TableDigest]:
        """Every table, whose rows are known by ``key``."""
        return {name: self._digest(name, key) for name in self._tables}

    def buckets(self, table: str, columns: Sequence[str], part: Part, *, bits: int) -> Mapping[int, Bucket]:
        """As :meth:`~readiness.instruments.digests.side.Side.buckets`."""
        return by_ending(self._entries(table, columns, part), bits=bits)

    def entries(self, table: str, columns: Sequence[str], part: Part, *, at_most: int) -> Sequence[Entry]:
        """As :meth:`~readiness.instruments.digests.side.Side.entries`."""
        return tuple(entry for entry, _ in zip(self._entries(table, columns, part), range(at_most), strict=False))

    def numbers(self, table: str) -> Iterator[tuple[int, str, float]]:
        """Hash, key and number of those that have one, by hash."""
        rows = self._file.execute(
            "select hash, key, number from kept where place = ? and number is not null order by hash",
            (self._place(table),),
        )
        yield from ((mark + _SIGN, key, number) for mark, key, number in rows)

    def number(self, table: str, mark: str) -> float | None:
        """The number of one key, by its hash."""
        found = self._file.execute(
            "select number from kept where place = ? and hash = ?", (self._place(table), int(mark) - _SIGN)
        ).fetchone()
        return None if found is None else found[0]

    def close(self) -> None:
        """Remove the file."""
        self._file.close()

    def _place(self, table: str) -> int:
        if table not in self._tables:
            raise GatherError(f"no table {table!r} was digested; there are {len(self._tables)}")
        return self._tables[table]

    def _digest(self, name: str, key: str) -> TableDigest:
        lowest, highest = self._file.execute(
            "select min(key), max(key) from kept where place = ?", (self._place(name),)
        ).fetchone()
        every = self._entries(name, self.columns, Part())
        return digested(every, self.columns, key=(key,), lowest=lowest or "", highest=highest or "")

    def _entries(self, table: str, columns: Sequence[str], part: Part) -> Iterator[Entry]:
        wanted = [index for index, name in enumerate(self.columns) if name in columns]
        layout = struct.Struct(f">{len(self.columns)}Q")
        mask, endings = (1 << part.bits) - 1, frozenset(part.endings)
        rows = self._file.execute(
            "select hash, key, sums from kept where place = ? order by hash", (self._place(table),)
        )
        while some := rows.fetchmany(ROWS_AT_ONCE):
            for signed, key, packed in some:
                mark = signed + _SIGN
                if part.bits and mark & mask not in endings:
                    continue
                values = layout.unpack(packed)
                yield Entry(key=key, hash=str(mark), sums=tuple(str(values[index]) for index in wanted))
