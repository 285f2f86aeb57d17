"""What a SQLite database holds. The file is copied with its log (``-wal``, ``-journal``), and the copy is read.

Opening the original, even only for reading, would write to it: a log is brought in, shared memory is made. Opened as
immutable it would be read without its log, and miss what was committed last.
"""

from __future__ import annotations

import base64
import binascii
import re
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from readiness.exceptions import GatherError, ReadinessError
from readiness.facts.digest import SequenceState, StoreDigest, TableDigest
from readiness.instruments.digests.side import Bucket, Entry, Part, Where, known_key
from readiness.instruments.digests.summing import HASH_METHOD, by_ending, digested, hash_of, merged

__all__ = ["KIND", "SqliteSide", "open_side"]

KIND = "sqlite"
SUFFIXES = ("", "-wal", "-journal")
#: Two thirds of a MiB as base64 fit into an answer.
CHUNK_BYTES = 512 * 1024
CHUNK_SECONDS = 60.0
ATTEMPTS = 3
KEY_CHARS = 200
ROW_CHARS = 80
ROWS_AT_ONCE = 500
_MISSING = "missing"
_SIZE = '[ -e "$1" ] || { echo missing; exit 0; }; wc -c <"$1"; date -r "$1" +%s 2>/dev/null || stat -c %Y "$1"'
_CHUNK = 'dd if="$1" bs="$2" skip="$3" count=1 2>/dev/null | base64'
_OWN = re.compile(r"sqlite_(?!sequence$)")


def open_side(where: Where) -> SqliteSide:
    """The database in the file ``where.name`` of a service."""
    return SqliteSide(where)


class SqliteSide:
    """A copy of one database file (:class:`~readiness.instruments.digests.side.Side`)."""

    def __init__(self, where: Where) -> None:
        self._where = where
        self._file: sqlite3.Connection | None = None
        self._tables: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {}

    def digest(self) -> StoreDigest:
        """Everything it holds. See :class:`~readiness.instruments.digests.side.Side`."""
        began = time.monotonic()
        try:
            is_quiet, size = self._copy()
            left_out: dict[str, str] = {}
            tables = dict(self._digests(left_out))
            return StoreDigest(
                service=self._where.service,
                kind=KIND,
                name=self._where.name,
                version=sqlite3.sqlite_version,
                method=HASH_METHOD,
                tables=tables,
                sequences=self._sequences(),
                objects=dict(self._objects()),
                not_digested=left_out,
                is_quiet=is_quiet,
                size_bytes=size,
                seconds=round(time.monotonic() - began, 3),
            )
        except (ReadinessError, sqlite3.Error, OSError) as error:
            return StoreDigest(service=self._where.service, kind=KIND, name=self._where.name, problem=str(error)[:500])

    def buckets(self, table: str, columns: Sequence[str], part: Part, *, bits: int) -> Mapping[int, Bucket]:
        """See :class:`~readiness.instruments.digests.side.Side`."""
        return by_ending(self._entries(table, columns, part), bits=bits)

    def entries(self, table: str, columns: Sequence[str], part: Part, *, at_most: int) -> Sequence[Entry]:
        """See :class:`~readiness.instruments.digests.side.Side`."""
        return merged(self._entries(table, columns, part), at_most=at_most)

    def close(self) -> None:
        """Remove the copy."""
        if self._file is not None:
            self._file.close()

    def _copy(self) -> tuple[bool, int]:
        """Bring the file here with its log; whether it stayed as it was meanwhile, and its size."""
        self.close()
        with tempfile.TemporaryDirectory(prefix="readiness-digest-", dir=self._where.folder or None) as folder:
            place = Path(folder, "copy")
            is_quiet = self._bring_all(place)
            size = sum(file.stat().st_size for file in Path(folder).iterdir())
            self._file = sqlite3.connect(place, check_same_thread=False)
            self._file.text_factory = lambda data: data.decode("utf-8", "surrogateescape")
            # With the log in it the copy is one file, and open it needs no name any more.
            self._file.execute("pragma journal_mode = delete").fetchone()
            self._file.execute("pragma query_only = on")
            if (told := self._file.execute("pragma quick_check(1)").fetchone()[0]) != "ok":
                raise GatherError(f"{self._where.name} is damaged: {told}")
        return is_quiet, size

    def _bring_all(self, place: Path) -> bool:
        """Copy the file and its log; whether they stayed as they were meanwhile."""
        for _ in range(ATTEMPTS):
            before = self._states()
            if before[0] == (_MISSING,):
                raise GatherError(f"{self._where.service} has no file {self._where.name}")
            for suffix, state in zip(SUFFIXES, before, strict=True):
                Path(f"{place}{suffix}").unlink(missing_ok=True)
                if state != (_MISSING,):
                    self._bring(f"{self._where.name}{suffix}", Path(f"{place}{suffix}"))
            if self._states() == before:
                return True
        return False

    def _states(self) -> list[tuple[str, ...]]:
        return [tuple(self._run(_SIZE, f"{self._where.name}{suffix}").split()) for suffix in SUFFIXES]

    def _bring(self, name: str, to: Path) -> None:
        if self._where.stack.runtime == "process" and Path(name).is_absolute():
            shutil.copyfile(name, to)
            return
        with to.open("wb") as file:
            chunk = 0
            while True:
                try:
                    data = base64.b64decode(self._run(_CHUNK, name, str(CHUNK_BYTES), str(chunk)), validate=False)
                except binascii.Error as error:
                    raise GatherError(f"{name} cannot be copied out of {self._where.service}: {error}") from error
                file.write(data)
                if len(data) < CHUNK_BYTES:
                    return
                chunk += 1

    def _run(self, script: str, *words: str) -> str:
        command = ["sh", "-c", script, "sh", *words]
        done = self._where.stack.execute(self._where.service, command, timeout_seconds=CHUNK_SECONDS)
        if done.exit_code != 0:
            raise GatherError(
                f"{self._where.name} cannot be read in {self._where.service} ({done.exit_code}): {done.output[-200:]}"
            )
        return done.output

    def _ask(self, statement: str, *values: Any) -> sqlite3.Cursor:
        if self._file is None:
            self._copy()
        assert self._file is not None  # noqa: S101  # the copy was just opened
        return self._file.execute(statement, values)

    def _digests(self, left_out: dict[str, str]) -> Iterator[tuple[str, TableDigest]]:
        self._tables.clear()
        shadows = {name for name, kind in self._ask("select name, type from pragma_table_list") if kind == "shadow"}
        names = [
            str(name)
            for (name,) in self._ask("select name from sqlite_master where type = 'table' order by name")
            if name not in shadows and not str(name).startswith("sqlite_")
        ]
        for name in names:
            self._where.progress(f"digest of {self._where.service}: {name}")
            rows = list(self._ask("select name, pk from pragma_table_xinfo(?) where hidden <> 1 order by cid", name))
            columns = tuple(column for column, _ in rows)
            own = tuple(column for column, place in sorted(rows, key=lambda row: row[1]) if place)
            key = known_key(self._where, name, own, columns)
            self._tables[name] = (columns, key)
            try:
                yield name, digested(self._entries(name, columns, Part()), columns, key=key, **self._range(name, key))
            except sqlite3.Error as error:
                left_out[f"rows of {name}"] = f"could not be read: {error}"[:300]

    def _range(self, table: str, key: tuple[str, ...]) -> dict[str, str]:
        if not key:
            return {}
        first, place = _quoted(key[0]), _quoted(table)
        lowest, highest = self._ask(f"select min({first}), max({first}) from {place}").fetchone()  # noqa: S608  # quoted
        return {"lowest": _shown(lowest)[:KEY_CHARS], "highest": _shown(highest)[:KEY_CHARS]}

    def _entries(self, table: str, columns: Sequence[str], part: Part) -> Iterator[Entry]:
        if not self._tables:
            dict(self._digests({}))
        if table not in self._tables:
            raise GatherError(f"no table {table!r} was digested; there are {len(self._tables)}")
        every, key = self._tables[table]
        keyed = [every.index(name) for name in key]
        wanted = [index for index, name in enumerate(every) if name in columns]
        mask, endings = (1 << part.bits) - 1, frozenset(part.endings)
        selected = ", ".join(map(_quoted, every))
        rows = self._ask(f"select {selected} from {_quoted(table)}")  # noqa: S608  # quoted
        while some := rows.fetchmany(ROWS_AT_ONCE):
            for row in some:
                mark = 0
                for value in (row[index] for index in keyed) if keyed else row:
                    mark = hash_of(_bytes(value), mark)
                if part.bits and mark & mask not in endings:
                    continue
                shown = (
                    ", ".join(f"{every[index]}={_shown(row[index])}" for index in keyed)[:KEY_CHARS]
                    if keyed
                    else f"({','.join(map(_shown, row))})"[:ROW_CHARS]
                )
                seed = mark if keyed else 0
                sums = tuple(str(hash_of(_bytes(row[index]), seed)) for index in wanted)
                yield Entry(key=shown, hash=str(mark), sums=sums)

    def _sequences(self) -> dict[str, SequenceState]:
        if not self._ask("select count(*) from sqlite_master where name = 'sqlite_sequence'").fetchone()[0]:
            return {}
        rows = self._ask("select name, seq from sqlite_sequence")
        return {str(name): SequenceState(value=int(value or 0), is_called=True) for name, value in rows}

    def _objects(self) -> Iterator[tuple[str, str]]:
        for kind, name, text in self._ask("select type, name, coalesce(sql, '') from sqlite_master"):
            if not _OWN.match(name):
                yield f"{kind} {name}", text
        for setting in ("user_version", "application_id", "encoding"):
            yield f"setting {setting}", str(self._ask(f"pragma {setting}").fetchone()[0])


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _shown(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, bytes):
        return f"x'{value[:40].hex()}'"
    return str(value).encode("utf-8", "backslashreplace").decode()


def _bytes(value: Any) -> bytes:
    """A value with its storage class, so that none looks like another: the text 1 is not the number."""
    match value:
        case None:
            return b"n"
        case int():
            return b"i%d" % value
        case float():
            return b"r" + value.hex().encode()
        case bytes():
            return b"b" + value
        case _:
            return b"t" + str(value).encode("utf-8", "surrogateescape")
