"""What a Redis (or Valkey) holds: every key of every database by its logical content, its type and whether it expires.

``DUMP`` is not used: its text depends on the server's version and on how the value happens to be stored (a list of pairs or
a table), which a restart or a restore may change while the content stays. A script inside the server reads each type
through its own commands instead and sums hashes of elements; it comes back every 2000 keys or 20000 elements, so that the
server is never busy for long, and collections of any size are read in parts.

Streams count with their groups and pending entries; a consumer that has none holds nothing. When a key expires is compared with a tolerance, key by
key. Not in it: users and their rights (ACL), which Redis keeps in a file of its own, and expiry of single fields of hashes.
"""

from __future__ import annotations

import re
import time
import urllib.parse
from collections.abc import Mapping, Sequence
from pathlib import Path

from readiness.exceptions import GatherError, ReadinessError
from readiness.facts.digest import StoreDigest
from readiness.instruments.digests.kept import Kept
from readiness.instruments.digests.kept_side import KeptSide
from readiness.instruments.digests.side import Where
from readiness.instruments.digests.summing import HASH_METHOD, hash_of
from readiness.instruments.stores import ask_redis

__all__ = ["KIND", "RedisSide", "open_side"]

KIND = "redis"
PORT = 6379
#: A copy through DUMP and RESTORE carries the time that is left, and loses what the copying takes; RDB and AOF keep instants.
TOLERANCE_SECONDS = 5.0
#: A collection whose table is being resized may be told twice in parts; it is asked again.
ATTEMPTS = 3
_SCRIPT = (Path(__file__).parent / "redis_content.lua").read_text(encoding="utf-8")
_PART_BITS, _PARTS = 48, 4


def open_side(where: Where) -> RedisSide:
    """A Redis; ``where.name`` is one database (``0``), else it is all of them."""
    return RedisSide(where)


class RedisSide(KeptSide):
    """All databases of a Redis (:class:`~readiness.instruments.digests.side.Side`)."""

    def __init__(self, where: Where) -> None:
        super().__init__(Kept(("type", "value", "expires")), until=where.until, tolerance_seconds=TOLERANCE_SECONDS)
        self._where = where
        self._users = tuple(where.users)

    def digest(self) -> StoreDigest:
        """Everything it holds. See :class:`~readiness.instruments.digests.side.Side`."""
        began = time.monotonic()
        about: dict[str, str] = {}
        try:
            about = self._about()
            for number in self._databases():
                self._read(number)
            objects = self._functions()
            tables = self.kept.digests("key")
            is_quiet = _writes(about) == _writes(self._about())
        except ReadinessError as error:
            return StoreDigest(service=self._where.service, kind=KIND, name=self._where.name, problem=str(error)[:500])
        return StoreDigest(
            service=self._where.service,
            kind=KIND,
            name=self._where.name,
            version=about.get("redis_version", ""),
            method=HASH_METHOD,
            tables=tables,
            objects=objects,
            tolerances={"expires": TOLERANCE_SECONDS},
            not_digested={"users": "they are kept in the server's own files", **self._left_out()},
            is_quiet=is_quiet,
            size_bytes=int(about.get("used_memory_dataset", about.get("used_memory", "0"))),
            seconds=round(time.monotonic() - began, 3),
        )

    def _left_out(self) -> dict[str, str]:
        return {f"keys before {self._where.until:.0f}": "they may have expired by then"} if self._where.until else {}

    def _ask(self, *words: str) -> list[str]:
        answer = ask_redis(
            self._where.stack, self._where.service, words, port=self._where.port or PORT, users=self._users
        )
        return answer.split("\n")

    def _about(self) -> dict[str, str]:
        lines = [
            line for section in ("server", "memory", "persistence", "stats") for line in self._ask("INFO", section)
        ]
        found = dict(re.findall(r"(\w+):([^\r\n]*)", "\n".join(lines)))
        if "redis_version" not in found:
            raise GatherError(f"{self._where.service} does not tell what it is: {' '.join(lines)[:200]}")
        return found

    def _databases(self) -> list[str]:
        if self._where.name:
            return [self._where.name.removeprefix("db")]
        return sorted(re.findall(r"db(\d+):keys=", "\n".join(self._ask("INFO", "keyspace"))), key=int) or ["0"]

    def _read(self, number: str) -> None:
        table, cursor = f"db{number}", "0"
        self.kept.table(table)
        seen = 0
        while True:
            cursor, *lines = self._ask("EVAL", _SCRIPT, "0", number, "scan", cursor)
            if not cursor.isdecimal():
                raise GatherError(f"{self._where.service} gave no place to go on from: {cursor[:200]}")
            for line in filter(None, lines):
                self._keep(number, table, line)
            seen += len(lines)
            self._where.progress(f"digest of {self._where.service}: {seen} keys of {table}")
            if cursor == "0":
                return

    def _keep(self, number: str, table: str, line: str) -> None:
        identity, kind, expires, value, name = line.split(" ", 4)
        instant = None if expires == "-" else int(expires) / 1000
        if instant is not None and instant < self._where.until:
            return
        if value == "later":
            found = self._in_parts(number, name)
            if found is None:
                return
            value = found
        self.kept.add(
            table,
            urllib.parse.unquote(name, errors="replace"),
            (kind.encode(), value.encode(), b"never" if instant is None else b"once"),
            identity=identity.encode(),
            number=instant,
        )

    def _in_parts(self, number: str, name: str) -> str | None:
        """The sum of a collection that is read in parts; None where it is gone by now."""
        for _ in range(ATTEMPTS):
            totals, count, position, size = [0] * _PARTS, 0.0, "", -1.0
            while True:
                answer = self._ask("EVAL", _SCRIPT, "0", number, "key", name, position)
                if answer[0] == "gone":
                    return None
                position, sums, had, told = answer[0], answer[1], float(answer[2]), float(answer[3])
                count, size = count + had, told
                digits = _PART_BITS // 4
                totals = [
                    (total + int(sums[index * digits : (index + 1) * digits], 16)) % (1 << _PART_BITS)
                    for index, total in enumerate(totals)
                ]
                if not position:
                    break
            if size in {count, -1.0}:
                return "".join(f"{total:012x}" for total in totals)
        raise GatherError(f"{name[:100]} changes while it is read: {count:.0f} of {size:.0f} elements")

    def _functions(self) -> dict[str, str]:
        """Libraries of functions (Redis 7 and later)."""
        try:
            lines: Sequence[str] = self._ask("FUNCTION", "LIST", "WITHCODE")
        except ReadinessError:
            return {}
        text = "\n".join(lines).strip()
        return {"functions": f"{hash_of(text.encode()):016x}"} if text else {}


def _writes(about: Mapping[str, str]) -> tuple[str | None, ...]:
    """What moves when something is written: changes since the last snapshot, and when that was; evicted keys."""
    names = ("rdb_changes_since_last_save", "rdb_last_save_time", "evicted_keys")
    return tuple(about.get(name) for name in names)
