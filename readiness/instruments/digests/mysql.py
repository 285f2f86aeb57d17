"""What a database of a MariaDB (10.3 and later) or MySQL (5.7 and later) holds: rows, counters, schema, users and grants.

Asked through the server's own client program, in the container or at the process' own port, in answers of bounded size.
Not in it: sequences that are objects of their own (MariaDB), roles, values of users' passwords, system tables.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence

from readiness.exceptions import GatherError, ReadinessError
from readiness.facts.digest import EVERY, SequenceState, StoreDigest, TableDigest
from readiness.instruments.digests.mysql_rows import (
    HASH_METHOD,
    Source,
    quoted,
    read_buckets,
    read_entries,
    read_table,
)
from readiness.instruments.digests.mysql_schema import BEGINNINGS, CATALOGS, COUNTERS, TABLES
from readiness.instruments.digests.side import Bucket, Entry, Part, Where, known_key
from readiness.instruments.stores import ask_mysql

__all__ = ["KIND", "MysqlSide", "open_side"]

KIND = "mysql"
PORT = 3306
#: Before every question: texts and times as they are whatever the server's settings, and figures that are not of yesterday.
SESSION = (
    "set names utf8mb4; set session time_zone = '+00:00', session sql_mode = '', session group_concat_max_len = 1000000 "
    "/*!80000 , session information_schema_stats_expiry = 0 */ "
    "/*!50708 , session max_execution_time = {milliseconds} */ /*M! , session max_statement_time = {seconds} */; "
    "set session transaction read only; "
)
PAGE_ROWS = 300
ASK_SECONDS = 60.0
#: For the client to say that the server ended the statement.
GRACE_SECONDS = 10.0


def open_side(where: Where) -> MysqlSide:
    """One database of a MariaDB or MySQL."""
    return MysqlSide(where)


class MysqlSide:
    """One database (:class:`~readiness.instruments.digests.side.Side`)."""

    def __init__(self, where: Where) -> None:
        self._where = where
        self._users = tuple(where.users)
        self._sources: dict[str, Source] = {}

    def digest(self) -> StoreDigest:
        """Everything the database holds. See :class:`~readiness.instruments.digests.side.Side`."""
        began = time.monotonic()
        try:
            ((version, name, charset),) = self._ask(
                "select json_array(version(), database(), @@character_set_database)", ASK_SECONDS
            )
            if not name:
                raise GatherError("no database is chosen: name it")
            left_out: dict[str, str] = {}
            objects = dict(self._objects(left_out))
            tables = dict(self._tables(left_out))
            counters = {
                str(table): SequenceState(value=int(str(value)), is_called=False)
                for table, value in self._pages(COUNTERS)
            }
        except (ReadinessError, ValueError) as error:
            return StoreDigest(service=self._where.service, kind=KIND, name=self._where.name, problem=str(error)[:500])
        return StoreDigest(
            service=self._where.service,
            kind=KIND,
            name=self._where.name,
            version=str(version),
            method=HASH_METHOD,
            tables=tables,
            sequences=counters,
            objects={**objects, "this database": str(charset)},
            not_digested=left_out,
            size_bytes=sum(source.size_bytes for source in self._sources.values()),
            seconds=round(time.monotonic() - began, 3),
        )

    def buckets(self, table: str, columns: Sequence[str], part: Part, *, bits: int) -> Mapping[int, Bucket]:
        """See :class:`~readiness.instruments.digests.side.Side`."""
        return read_buckets(self._ask, self._source(table), columns, part, bits=bits)

    def entries(self, table: str, columns: Sequence[str], part: Part, *, at_most: int) -> Sequence[Entry]:
        """See :class:`~readiness.instruments.digests.side.Side`."""
        return read_entries(self._ask, self._source(table), columns, part, at_most=at_most)

    def close(self) -> None:
        """Nothing is held: every question has a session of its own."""

    def _ask(self, statement: str, timeout_seconds: float) -> list[list[object]]:
        """The rows of a statement that gives one JSON array each."""
        answer = ask_mysql(
            self._where.stack,
            self._where.service,
            SESSION.format(milliseconds=int(timeout_seconds * 1000), seconds=int(timeout_seconds)) + statement,
            port=self._where.port or PORT,
            users=self._users,
            database=self._where.name,
            timeout_seconds=timeout_seconds + GRACE_SECONDS,
        )
        # What is not JSON is a warning of the client's, in the same output.
        return [json.loads(line) for line in answer.splitlines() if line.startswith("[")]

    def _pages(self, statement: str) -> Iterator[tuple[str, str]]:
        """The rows of a statement of two texts, by the first."""
        first = 0
        while True:
            page = self._ask(
                f"select json_array(name, def) from ({statement}) found order by name limit {first}, {PAGE_ROWS}",
                ASK_SECONDS,
            )
            yield from ((str(name), "" if text is None else str(text)) for name, text in page)
            if len(page) < PAGE_ROWS:
                return
            first += PAGE_ROWS

    def _objects(self, left_out: dict[str, str]) -> Iterator[tuple[str, str]]:
        for kind, statement in CATALOGS.items():
            try:
                yield from self._pages(statement)
            except ReadinessError as error:
                why = f"could not be read: {error}"[:300]
                left_out.update({f"{beginning} {EVERY}": why for beginning in BEGINNINGS[kind]})

    def _source(self, table: str) -> Source:
        if not self._sources:
            self._read_sources()
        if table not in self._sources:
            raise GatherError(f"no table {table!r} was digested; there are {len(self._sources)}")
        return self._sources[table]

    def _read_sources(self) -> None:
        self._sources.clear()
        sizes: dict[str, int] = {}
        columns: dict[str, list[tuple[str, str]]] = {}
        keys: dict[str, list[str]] = {}
        for name, told in self._pages(TABLES["tables"]):
            sizes[name] = int(told or 0)
        # The names of columns come in the order of their positions: they are part of what is sorted.
        for _, told in self._pages(TABLES["columns"]):
            table, column, kind = json.loads(told)
            if table in sizes:
                columns.setdefault(table, []).append((column, kind))
        for _, told in self._pages(TABLES["keys"]):
            table, column = json.loads(told)
            keys.setdefault(table, []).append(column)
        for name, size in sizes.items():
            self._sources[name] = Source(
                table=name,
                columns=tuple(columns.get(name, ())),
                key=known_key(
                    self._where, name, tuple(keys.get(name, ())), [column for column, _ in columns.get(name, ())]
                ),
                size_bytes=size,
            )

    def _tables(self, left_out: dict[str, str]) -> Iterator[tuple[str, TableDigest]]:
        self._read_sources()
        for name, source in self._sources.items():
            self._where.progress(f"digest of {self._where.service}: {quoted(name)}")
            try:
                yield name, read_table(self._ask, source)
            except (ReadinessError, ValueError) as error:
                left_out[f"rows of {name}"] = f"could not be read: {error}"[:300]
