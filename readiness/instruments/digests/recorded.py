"""What a side told of single rows, kept for when its store is gone: a drill destroys the original before it compares.

A side whose content is kept already (Redis, folders, SQLite) needs none of this. For the others every row's key and hashes
are fetched in answers of bounded size, each a pass over its table, so only tables of a moderate size are recorded; of larger
ones the digest still tells that they differ, and in which columns.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from readiness.exceptions import GatherError, ReadinessError
from readiness.facts.digest import StoreDigest
from readiness.instruments.digests.kept import private_file
from readiness.instruments.digests.side import Bucket, Entry, Part, Side
from readiness.instruments.digests.summing import by_ending, merged

__all__ = ["MAX_ROWS", "Recorded"]

#: Some hundred passes over a table of so many rows take seconds.
MAX_ROWS = 50_000
#: Half of what an answer may hold; parts are not all of one size.
ANSWER_CHARS = 400_000
_KEY_CHARS, _SUM_CHARS = 250, 24


class Recorded:
    """A side that answers from what it was told (:class:`~readiness.instruments.digests.side.Side`).

    Args:
        side: the store, still as it was when it was digested.
        digest: what it said.
        at_most_rows: larger tables are not recorded.
    """

    def __init__(self, side: Side, digest: StoreDigest, *, at_most_rows: int = MAX_ROWS) -> None:
        self._digest = digest
        self._file = private_file()
        self._file.execute("create table recorded (place text, hash text, key text, rows integer, sums text)")
        self.left_out: dict[str, str] = {}
        for name, table in digest.tables.items():
            if table.rows > at_most_rows:
                self.left_out[name] = f"{table.rows} rows are more than {at_most_rows}"
                continue
            try:
                self._record(side, name)
            except ReadinessError as error:
                self.left_out[name] = str(error)[:300]
        self._file.execute("create index place on recorded (place)")

    def digest(self) -> StoreDigest:
        """What the store held."""
        return self._digest

    def buckets(self, table: str, columns: Sequence[str], part: Part, *, bits: int) -> Mapping[int, Bucket]:
        """See :class:`~readiness.instruments.digests.side.Side`."""
        return by_ending(self._entries(table, columns, part), bits=bits)

    def entries(self, table: str, columns: Sequence[str], part: Part, *, at_most: int) -> Sequence[Entry]:
        """See :class:`~readiness.instruments.digests.side.Side`."""
        return merged(self._entries(table, columns, part), at_most=at_most)

    def close(self) -> None:
        """Remove the file."""
        self._file.close()

    def _record(self, side: Side, name: str) -> None:
        table = self._digest.tables[name]
        columns = tuple(table.columns)
        page = max(1, ANSWER_CHARS // (_KEY_CHARS + _SUM_CHARS * len(columns)))
        bits = max(0, (table.rows // page).bit_length())
        for ending in range(1 << bits):
            # Twice a page: parts differ in size, and what is cut off would look like lost rows.
            found = side.entries(name, columns, Part(bits=bits, endings=(ending,)), at_most=2 * page)
            if len(found) == 2 * page:
                raise GatherError("its rows are spread too unevenly to be recorded")
            rows = ((name, entry.hash, entry.key, entry.rows, " ".join(entry.sums)) for entry in found)
            self._file.executemany("insert into recorded values (?, ?, ?, ?, ?)", rows)

    def _entries(self, table: str, columns: Sequence[str], part: Part) -> Iterator[Entry]:
        if table in self.left_out or table not in self._digest.tables:
            raise GatherError(f"rows of {table} were not recorded: {self.left_out.get(table, 'it was not digested')}")
        wanted = [index for index, name in enumerate(self._digest.tables[table].columns) if name in columns]
        mask = (1 << part.bits) - 1
        statement = "select hash, key, rows, sums from recorded where place = ?"
        for mark, key, rows, told in self._file.execute(statement, (table,)):
            if part.bits and int(mark) & mask not in part.endings:
                continue
            sums = told.split(" ")
            yield Entry(key=key, hash=mark, rows=rows, sums=tuple(sums[index] for index in wanted))
