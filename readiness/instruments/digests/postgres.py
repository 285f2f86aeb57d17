"""What a PostgreSQL database holds: rows, sequences, schema, grants, roles, large objects. Needs PostgreSQL 12 or later.

Everything is computed inside the server and comes out in answers of bounded size. Not in it, and said so: rows of foreign
tables and of materialized views, temporary tables.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from readiness.backup.definitions import DIGEST_MARK, MAX_DEFINITION_CHARS
from readiness.exceptions import GatherError, ReadinessError
from readiness.facts.digest import EVERY, SequenceState, StoreDigest, TableDigest
from readiness.instruments.digests.postgres_migrations import MIGRATIONS
from readiness.instruments.digests.postgres_rows import (
    LARGE_OBJECT_OWNERS,
    LARGE_OBJECT_PAGES,
    LARGE_OBJECTS,
    Source,
    read_buckets,
    read_entries,
    read_table,
)
from readiness.instruments.digests.postgres_schema import BEGINNINGS, CATALOGS, SEQUENCES, TABLES
from readiness.instruments.digests.postgres_session import HASH_METHOD, Database, as_text, text_hash
from readiness.instruments.digests.side import Bucket, Entry, Part, Where, known_key

__all__ = ["KIND", "PostgresSide", "open_side", "own_databases"]

KIND = "postgres"
#: Hashes of 64 bits came with 11, generated columns, which are asked for, with 12.
FIRST_VERSION = 120_000
SEQUENCES_PER_QUESTION = 100
_ABOUT = """
select jsonb_build_object('version', current_setting('server_version'), 'number',
current_setting('server_version_num')::int, 'encoding', current_setting('server_encoding'), 'bytes',
pg_database_size(current_database()),
'next', txid_snapshot_xmax(txid_current_snapshot())::text)::text
"""


def open_side(where: Where) -> PostgresSide:
    """One database of a PostgreSQL."""
    return PostgresSide(where)


class PostgresSide:
    """One database of a PostgreSQL (:class:`~readiness.instruments.digests.side.Side`)."""

    def __init__(self, where: Where) -> None:
        self._where = where
        self._database = Database(where)
        self._sources: dict[str, Source] = {}

    def digest(self) -> StoreDigest:
        """Everything the database holds. See :class:`~readiness.instruments.digests.side.Side`."""
        began = time.monotonic()
        try:
            about = self._about()
            left_out: dict[str, str] = {}
            objects = dict(self._objects(left_out))
            tables = dict(self._tables(left_out))
            sequences = self._sequences(left_out)
            objects.update(self._migrations())
            is_quiet = self._about()["next"] == about["next"]
        except ReadinessError as error:
            return self._empty(problem=str(error)[:500])
        return StoreDigest(
            service=self._where.service,
            kind=KIND,
            name=self._where.name,
            version=str(about["version"]),
            method=f"{HASH_METHOD} of {about['encoding']}",
            tables=tables,
            sequences=sequences,
            objects=objects,
            not_digested=left_out,
            is_quiet=is_quiet,
            size_bytes=int(about["bytes"]),
            seconds=round(time.monotonic() - began, 3),
        )

    def buckets(self, table: str, columns: Sequence[str], part: Part, *, bits: int) -> Mapping[int, Bucket]:
        """Rows of a table by their key's hash. See :class:`~readiness.instruments.digests.side.Side`."""
        return read_buckets(self._database, self._source(table), columns, part, bits=bits)

    def entries(self, table: str, columns: Sequence[str], part: Part, *, at_most: int) -> Sequence[Entry]:
        """Single rows. See :class:`~readiness.instruments.digests.side.Side`."""
        return read_entries(self._database, self._source(table), columns, part, at_most=at_most)

    def close(self) -> None:
        """Nothing is held: every question has a session of its own."""

    def _empty(self, *, problem: str) -> StoreDigest:
        return StoreDigest(service=self._where.service, kind=KIND, name=self._where.name, problem=problem)

    def _about(self) -> dict[str, Any]:
        about = self._database.ask(_ABOUT)
        if about["number"] < FIRST_VERSION:
            raise GatherError(f"PostgreSQL {about['version']} is too old to be digested; 12 and later can be")
        return dict(about)

    def _source(self, table: str) -> Source:
        if not self._sources:
            self._read_sources({})
        if table not in self._sources:
            raise GatherError(f"no table {table!r} was digested; there are {len(self._sources)}")
        return self._sources[table]

    def _read_sources(self, left_out: dict[str, str]) -> None:
        for name, told in self._database.pairs(TABLES):
            found = json.loads(told)
            if found["why"]:
                left_out[f"rows of {name}"] = found["why"]
                continue
            self._sources[name] = Source(
                select=found["select"],
                columns=tuple((column, kind) for column, kind in found["columns"]),
                key=known_key(self._where, name, tuple(found["key"]), [column for column, _ in found["columns"]]),
                size_bytes=int(found["bytes"]),
            )
        self._sources.update(LARGE_OBJECTS)

    def _tables(self, left_out: dict[str, str]) -> Iterator[tuple[str, TableDigest]]:
        self._sources.clear()
        self._read_sources(left_out)
        objects = -1
        done, size = 0, sum(source.size_bytes for source in self._sources.values())
        for name, source in self._sources.items():
            self._where.progress(f"digest of {self._where.service}: {name} ({done} of {size} bytes)")
            try:
                table = read_table(self._database, source)
                yield name, table
            except ReadinessError as error:
                # Only a superuser may read them; that there are none, everybody may know.
                if name == LARGE_OBJECT_PAGES and objects == 0:
                    yield (
                        name,
                        TableDigest(rows=0, key=source.key, columns={column: "0" for column, _ in source.columns}),
                    )
                else:
                    left_out[f"rows of {name}"] = f"could not be read: {error}"[:300]
            else:
                objects = table.rows if name == LARGE_OBJECT_OWNERS else objects
            done += source.size_bytes

    def _objects(self, left_out: dict[str, str]) -> Iterator[tuple[str, str]]:
        """All catalogs in one question; one by one where a catalog cannot be read, to tell which."""
        try:
            yield from list(self._database.pairs(" union all ".join(map(_bounded, CATALOGS.values()))))
        except ReadinessError:
            for kind, statement in CATALOGS.items():
                try:
                    yield from self._database.pairs(_bounded(statement))
                except ReadinessError as error:
                    why = f"could not be read: {error}"[:300]
                    left_out.update({f"{beginning} {EVERY}": why for beginning in BEGINNINGS[kind]})

    def _sequences(self, left_out: dict[str, str]) -> dict[str, SequenceState]:
        steps = dict(self._database.pairs(SEQUENCES))
        names = sorted(steps)
        found: dict[str, SequenceState] = {}
        for start in range(0, len(names), SEQUENCES_PER_QUESTION):
            some = names[start : start + SEQUENCES_PER_QUESTION]
            each = " union all ".join(
                f"select {as_text(name)} as name, last_value, is_called from {name}" for name in some
            )
            statement = f"select jsonb_agg(jsonb_build_array(name, last_value::text, is_called))::text from ({each}) s"
            try:
                answer = self._database.ask(statement)
            except ReadinessError as error:
                left_out.update(dict.fromkeys((f"sequence {n}" for n in some), f"could not be read: {error}"[:300]))
                continue
            for name, value, is_called in answer:
                found[name] = SequenceState(value=int(value), is_called=is_called, step=int(steps[name]))
        return found

    def _migrations(self) -> Iterator[tuple[str, str]]:
        for name in self._sources:
            schema, _, table = name.rpartition(".")
            statement = MIGRATIONS.get(table.strip('"'))
            if statement is None or not schema:
                continue
            head = f"select jsonb_build_array(({statement.format(table=name)}))::text"
            # A table of that name need not be that tool's; its rows are compared in any case.
            with contextlib.suppress(ReadinessError):
                yield f"migrations of {name}", str(self._database.ask(head)[0] or "none")


def _bounded(statement: str) -> str:
    kept, mark = MAX_DEFINITION_CHARS, as_text(DIGEST_MARK)
    return (
        f"select name::text, (case when length(def) > {kept} then left(def, {kept}) || {mark} || {text_hash('def')} "
        f"else coalesce(def, '') end)::text as def from (select name::text, def::text from ({statement}) whole) texts"
    )


def own_databases(where: Where) -> tuple[str, ...]:
    """The databases of a server that are not templates.

    Raises:
        GatherError, StackError: it cannot be asked.
    """
    statement = "select datname as name, '' as def from pg_database where not datistemplate and datallowconn"
    return tuple(name for name, _ in Database(where).pairs(statement))
