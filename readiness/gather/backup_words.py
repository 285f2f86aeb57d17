"""Words in the stores of a copy: written one after the other, they say later from which set a store was restored.

A word is a row of a table of ours, a member of a key, a file in a folder. Reading them costs one question; the digests
of everything else are compared beside them.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from readiness.backup.areas import Area, area_of
from readiness.backup.differences import compare
from readiness.declared.backup import Backup, StoreOf
from readiness.exceptions import GatherError, ReadinessError
from readiness.facts.digest import Difference, DifferenceKind, StoreDigest
from readiness.gather.backup_shelf import filled, require_own
from readiness.gather.store_asking import app_database, store_users
from readiness.instruments.digests import open_side, settled
from readiness.instruments.digests.side import Where
from readiness.instruments.stores import ask_mysql, ask_postgres, ask_redis
from readiness.runtime import Stack
from readiness.target import Role, Target

__all__ = [
    "WORDS",
    "Look",
    "Shelved",
    "WordStore",
    "changed_between",
    "is_content",
    "is_loss",
    "kind_of",
    "told",
    "uneasy_places",
    "word_stores",
]

#: In the order in which they are written.
WORDS = ("one", "two", "three")
_NAME = "readiness_words"
MOST_PLACES = 10
#: A store that comes back answers within this; it is a small one, on a busy machine.
BACK_SECONDS = 20.0
#: Longer than all that is done with one copy: what expires before its end is left out of every digest.
LIFE_SECONDS = 1800.0
#: Who owns most of the tables.
_OWNER = (
    "select coalesce((select quote_ident(tableowner) from pg_tables where schemaname not in ('pg_catalog', "  # noqa: S608  # our own name
    f"'information_schema') and tablename <> '{_NAME}' group by 1 order by count(*) desc, 1 limit 1), '')"
)


@dataclass(frozen=True, kw_only=True)
class Look:
    """What a store holds: its words, and everything; ``problem`` where the words cannot be read."""

    words: tuple[str, ...] = ()
    digest: StoreDigest | None = None
    problem: str = ""


Shelved = Mapping[str, Look]
"""Store -> what it holds."""


def kind_of(target: Target, store: StoreOf, image: str) -> str:
    """The kind of a store: as declared, else by its place, its image, and its role."""
    if store.kind:
        return store.kind
    if store.path:
        return "files"
    named = {"postgres": "postgres", "postgis": "postgres", "timescale": "postgres", "pgvector": "postgres"}
    named |= {"mariadb": "mysql", "mysql": "mysql", "redis": "redis", "valkey": "redis"}
    if found := next((kind for word, kind in named.items() if word in image), ""):
        return found
    roles = {Role.DB: "postgres", Role.REDIS: "redis"}
    return next((kind for role, kind in roles.items() if store.service in target.services_of(role)), "")


def word_stores(target: Target, backup: Backup, stack: Stack, images: Mapping[str, str]) -> tuple[WordStore, ...]:
    """The stores that a set holds, ready to be written to."""
    found = []
    for store in backup.stores:
        kind = kind_of(target, store, images.get(store.service, ""))
        found.append(WordStore(target=target, stack=stack, store=store, kind=kind))
    return tuple(found)


@dataclass(kw_only=True)
class WordStore:
    """One store of a copy.

    Attributes:
        kind: of its digest; empty where nobody knows it.
    """

    target: Target
    stack: Stack
    store: StoreOf
    kind: str
    _until: float = field(default_factory=lambda: time.time() + LIFE_SECONDS, init=False)
    _keys: dict[str, tuple[str, ...]] = field(default_factory=dict, init=False)
    _database: str | None = field(default=None, init=False)

    @property
    def label(self) -> str:
        """How it is called here."""
        return f"{self.store.service}:{self.store.path}" if self.store.path else self.store.service

    def write(self, *words: str) -> None:
        """Write words; those that are there stay as they are.

        Raises:
            GatherError, StackError: it cannot be written to.
        """
        writers: dict[str, Callable[[tuple[str, ...]], None]] = {
            "postgres": self._write_postgres, "mysql": self._write_mysql, "redis": self._write_redis,
            "files": self._write_files,
        }  # fmt: skip
        if self.kind not in writers:
            raise GatherError(f"nothing can be written to {self.label}: what kind of store it is is not known")
        writers[self.kind](words)

    def words(self) -> tuple[str, ...]:
        """The words that it holds.

        Raises:
            GatherError, StackError: it cannot be read.
        """
        readers: dict[str, Callable[[], str]] = {
            "postgres": self._read_postgres, "mysql": self._read_mysql, "redis": self._read_redis,
            "files": self._read_files,
        }  # fmt: skip
        if self.kind not in readers:
            raise GatherError(f"what kind of store {self.label} is is not known")
        found = readers[self.kind]().replace(",", " ").split()
        return tuple(word for word in WORDS if word in found)

    def look(self, *, seconds: float = BACK_SECONDS) -> Look:
        """What it holds now; a store that was just restarted is waited for."""
        end = time.monotonic() + seconds
        while True:
            try:
                words = self.words()
                break
            except ReadinessError as error:
                if time.monotonic() > end:
                    return Look(problem=str(error)[:300])
                time.sleep(0.5)
        return Look(words=words, digest=self._digest())

    def _digest(self) -> StoreDigest:
        name = self._path()
        where = Where(
            stack=self.stack,
            service=self.store.service,
            name=name,
            users=store_users(self.target),
            until=self._until,
            keys=self._keys,
        )
        try:
            side = open_side(self.kind, where)
            try:
                digest = settled(side)
            finally:
                side.close()
        except ReadinessError as error:
            return StoreDigest(service=self.store.service, kind=self.kind, name=name, problem=str(error)[:300])
        self._keys = self._keys or digest.keys
        return digest

    # PostgreSQL

    def _ask_postgres(self, statement: str) -> str:
        users = store_users(self.target)
        if self._database is None:
            self._database = app_database(self.stack, self.store.service, users)
        return ask_postgres(self.stack, self.store.service, statement, users=users, database=self._database)

    def _write_postgres(self, words: tuple[str, ...]) -> None:
        self._ask_postgres(f"create table if not exists public.{_NAME} (word text primary key)")
        # What the application's owner cannot read, their backup cannot either.
        if owner := self._ask_postgres(_OWNER).strip():
            self._ask_postgres(f"alter table public.{_NAME} owner to {owner}")
        values = ", ".join(f"('{word}')" for word in words)
        self._ask_postgres(f"insert into public.{_NAME} values {values} on conflict do nothing")  # noqa: S608  # our own words

    def _read_postgres(self) -> str:
        if self._ask_postgres(f"select coalesce(to_regclass('public.{_NAME}')::text, '')").strip() == "":
            return ""
        return self._ask_postgres(f"select coalesce(string_agg(word, ','), '') from public.{_NAME}")  # noqa: S608  # as above

    # MariaDB, MySQL

    def _ask_mysql(self, statements: str) -> str:
        return ask_mysql(self.stack, self.store.service, statements, users=store_users(self.target))

    def _write_mysql(self, words: tuple[str, ...]) -> None:
        values = ", ".join(f"('{word}')" for word in words)
        self._ask_mysql(f"create table if not exists {_NAME} (word varchar(20) primary key)")
        self._ask_mysql(f"insert ignore into {_NAME} values {values}")  # noqa: S608  # our own words

    def _read_mysql(self) -> str:
        if not self._ask_mysql(f"show tables like '{_NAME}'").strip():
            return ""
        return self._ask_mysql(f"select word from {_NAME}")  # noqa: S608  # our own words

    # Redis

    def _ask_redis(self, *words: str) -> str:
        return ask_redis(self.stack, self.store.service, words, users=store_users(self.target))

    def _write_redis(self, words: tuple[str, ...]) -> None:
        self._ask_redis("SADD", _NAME, *words)

    def _read_redis(self) -> str:
        return self._ask_redis("SMEMBERS", _NAME)

    # Files

    def _path(self) -> str:
        if not self.store.path:
            return ""
        path = filled(self.store.path, self.stack.environment(self.store.service))
        require_own(self.stack, self.store.service, path)
        return path

    def _execute(self, script: str, *words: str) -> str:
        done = self.stack.execute(self.store.service, ["sh", "-c", script, "sh", *words])
        if done.exit_code != 0:
            raise GatherError(f"{self.label} cannot be asked: {done.output.strip()[-200:]}")
        return done.output

    def _write_files(self, words: tuple[str, ...]) -> None:
        folder = str(PurePosixPath(self._path()) / _NAME)
        self._execute(
            'mkdir -p "$1" && cd "$1" && shift && for word; do printf "%s\\n" "$word" >"$word"; done', folder, *words
        )

    def _read_files(self) -> str:
        return self._execute('cd "$1" && { ls "$2" 2>/dev/null || true; }', self._path(), _NAME)


def is_loss(difference: Difference) -> bool:
    """Something is not there any more: what an application adds and changes by itself meanwhile is none."""
    if difference.kind is DifferenceKind.ROWS:
        before, after = (int(text.partition(" ")[0]) for text in (difference.before, difference.after))
        return after < before
    return difference.kind is DifferenceKind.LOST


def is_content(difference: Difference) -> bool:
    """Rows, files or keys differ, and not only definitions and rights."""
    return area_of(difference) is Area.CONTENT


def changed_between(
    before: Shelved,
    after: Shelved,
    *,
    counts: Callable[[Difference], bool],
    uneasy: Mapping[str, tuple[str, ...]],
) -> tuple[dict[str, tuple[Difference, ...]], dict[str, str]]:
    """Where each store differs, and of which nobody can say; what is uneasy by itself is left out.

    Args:
        before: what they held.
        after: what they held later.
        counts: which differences are asked for.
        uneasy: store -> places that differ without anybody's doing.
    """
    changed, untold = {}, {}
    for label, old in before.items():
        new = after.get(label, Look(problem="it was not looked at"))
        if new.problem:
            untold[label] = new.problem
        if old.digest is None or new.digest is None:
            continue
        compared = compare(old.digest, new.digest)
        if compared.was_written or "everything" in compared.untold:
            untold.setdefault(label, compared.untold.get("everything", "it was written to while it was read"))
            continue
        found = [each for each in compared.differences if counts(each) and each.place not in uneasy.get(label, ())]
        if found:
            changed[label] = tuple(found)
    return changed, untold


def told(changed: Mapping[str, tuple[Difference, ...]]) -> dict[str, tuple[str, ...]]:
    """Differences in words, some of them where there are many."""
    return {
        label: tuple(
            f"{each.place}: {each.before or 'nothing'} before, {each.after or 'nothing'} after"[:300]
            for each in found[:MOST_PLACES]
        )
        for label, found in changed.items()
    }


def uneasy_places(before: Shelved, after: Shelved) -> dict[str, tuple[str, ...]]:
    """Store -> where it differs from itself a moment ago, with nobody's doing."""
    found = {}
    for label, old in before.items():
        with contextlib.suppress(KeyError):
            new = after[label]
            if old.digest is not None and new.digest is not None:
                places = tuple(each.place for each in compare(old.digest, new.digest).differences)
                if places:
                    found[label] = places
    return found
