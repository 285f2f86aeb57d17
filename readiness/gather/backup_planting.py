"""Canary data that is known to get lost or altered on the way through a backup, put into throw-away copies of stores.

Everything has one name of its own, so that it is told from what the application has, and can be taken out again.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from readiness.exceptions import GatherError, ReadinessError
from readiness.gather.backup_places import FILES, POSTGRES, REDIS, Place
from readiness.instruments.stores import ask_postgres, ask_redis

__all__ = ["CANARY", "MARKER", "ROLE", "Planted", "found", "plant", "plant_role", "uproot"]

#: The schema, the folder, and how keys begin.
CANARY = "readiness_canary"
ROLE = "readiness_canary_role"
#: The table beside the application's own, and how the keys of markers begin.
MARKER = "readiness_marker"
STATEMENT_SECONDS = 30.0
#: Longer than any drill, in seconds.
DAY, MONTH = 86400, 30 * 86400

_FOLDER = Path(__file__).parent
_TABLES = (_FOLDER / "backup_canary.sql").read_text(encoding="utf-8")
#: Part -> one statement each: over a bare connection a statement is asked at a time.
_STATEMENTS: dict[str, str] = {
    f"schema {CANARY}": _TABLES,
    f"table public.{MARKER}": f"create table public.{MARKER} (n integer primary key)",
    "a large object": (
        "do $do$ declare made oid; begin made := lo_from_bytea(0, decode(repeat('00ff5c27', 1000), 'hex')); "
        f"execute format('comment on large object %s is %L', made, '{CANARY}'); end $do$"
    ),
    f"role {ROLE}": (
        f"do $do$ begin create role {ROLE} nologin; grant usage on schema {CANARY} to {ROLE}; "
        f"grant select, update (name) on {CANARY}.nasty to {ROLE}; "
        f"grant usage on sequence {CANARY}.tickets to {ROLE} with grant option; end $do$"
    ),
}  # fmt: skip
#: Each is tried, whatever becomes of the others.
_UPROOT = (
    f"drop schema if exists {CANARY} cascade",
    f"drop table if exists public.{MARKER}",
    (
        "do $do$ begin perform lo_unlink(objoid) from pg_description where classoid = 'pg_largeobject'::regclass "
        f"and description = '{CANARY}'; end $do$"
    ),
    f"drop role if exists {ROLE}",
)
_FOUND = (
    f"select concat_ws(', ', (select 'schema {CANARY}' from pg_namespace where nspname = '{CANARY}'), "  # noqa: S608  # names of this module
    f"(select 'table {MARKER}' where to_regclass('public.{MARKER}') is not null), "
    f"(select 'role {ROLE}' from pg_roles where rolname = '{ROLE}'))"
)

_REDIS = (_FOLDER / "backup_canary.lua").read_text(encoding="utf-8")
_REDIS_FOUND = """
redis.call('SELECT', ARGV[1])
local cursor, count = '0', 0
repeat
  local page = redis.call('SCAN', cursor, 'MATCH', ARGV[2] .. '*', 'COUNT', 1000)
  cursor = page[1]
  for _, key in ipairs(page[2]) do
    count = count + 1
    if ARGV[3] == 'remove' then redis.call('DEL', key) end
  end
until cursor == '0'
redis.call('SELECT', '0')
return tostring(count)
"""
_FILES_GONE, _FILES_FOUND = 'rm -rf -- "${1:?}/${2:?}"', '[ -e "$1/$2" ] && echo found; true'
#: Arguments: the folder, the name of ours, a folder in it, then path, content and mode of each file.
_FILES_WRITTEN = """
set -e
cd "$1"; mkdir "$2"; cd "$2"; mkdir -p "$3"; shift 3
while [ $# -gt 0 ]; do
  case $1 in */*) mkdir -p "./${1%/*}";; esac
  printf "$2" > "./$1"; chmod "$3" "./$1"; shift 3
done
"""
#: Path -> content and permission bits.
_FILES: dict[str, tuple[bytes, int]] = {
    "plain.txt": (b"plain\n", 0o600),
    "empty": (b"", 0o644),
    "odd  name 'single' \"double\" %s $HOME ; & \u00e9 \U0001f600.txt": (b"odd", 0o644),
    "-dash": (b"dash", 0o644),
    ".hidden": (b"hidden", 0o640),
    "nested/folder/below/file": (b"below", 0o644),
    "bytes.bin": (bytes(range(256)), 0o644),
    "longer.txt": (b"".join(b"%064d\n" % i for i in range(300)), 0o644),
    "script": (b"#!/bin/sh\n", 0o750),
}
_FOLDERS = ("nested/nothing",)


@dataclass(frozen=True, kw_only=True)
class Planted:
    """What was put into a store, and what it refused."""

    what: tuple[str, ...] = ()
    refused: Mapping[str, str] = field(default_factory=dict)


def plant(place: Place) -> Planted:
    """Put the canaries in; what is refused is told, never raised."""
    parts = {POSTGRES: _postgres, REDIS: _redis, FILES: _files}.get(place.kind)
    if parts is None:
        return Planted(
            refused={"anything": f"nothing is known to put into a store of the kind {place.kind or 'unknown'}"}
        )
    what: list[str] = []
    refused: dict[str, str] = {}
    for name, put in parts(place).items():
        try:
            put()
        except ReadinessError as error:
            refused[name] = str(error)[:300]
        else:
            what.append(name)
    return Planted(what=tuple(what), refused=refused)


def uproot(place: Place) -> None:
    """Take the canaries out again, as far as that goes; of a store in which some were planted."""
    steps: list[Callable[[], object]] = []
    if place.kind == POSTGRES:
        steps = [lambda statement=statement: _ask(place, statement) for statement in _UPROOT]  # type: ignore[misc]  # lambda
    elif place.kind == REDIS:
        steps = [lambda name=name: _keys(place, name, "remove") for name in (CANARY, MARKER)]  # type: ignore[misc]  # lambda
    elif place.kind == FILES:
        steps = [lambda: _shell(place, _FILES_GONE)]
    for step in steps:
        try:
            step()
        except ReadinessError:
            continue


def found(place: Place) -> tuple[str, ...]:
    """Which canaries a store has; it should be an empty one.

    Raises:
        GatherError, StackError: it cannot be asked.
    """
    if place.kind == POSTGRES:
        lines = [line.strip() for line in _ask(place, _FOUND).splitlines() if CANARY in line or MARKER in line]
        return tuple(part for line in lines for part in line.split(", "))
    if place.kind == REDIS:
        counts = {name: _keys(place, name, "count") for name in (CANARY, MARKER)}
        return tuple(f"{count} keys {name}…" for name, count in counts.items() if count)
    if place.kind == FILES:
        return (f"folder {CANARY}",) if "found" in _shell(place, _FILES_FOUND) else ()
    return ()


def plant_role(place: Place) -> None:
    """Make the role alone, in an empty stack: a restore that brings no roles fails on it otherwise.

    Raises:
        GatherError, StackError: it cannot be made.
    """
    _ask(place, f"create role {ROLE} nologin")


def _postgres(place: Place) -> Mapping[str, Callable[[], object]]:
    return {name: lambda statement=statement: _ask(place, statement) for name, statement in _STATEMENTS.items()}  # type: ignore[misc]  # lambda


def _redis(place: Place) -> Mapping[str, Callable[[], object]]:
    def put() -> None:
        words = ("EVAL", _REDIS, "0", str(place.number), CANARY, str(DAY), str(MONTH))
        answer = ask_redis(place.stack, place.service, words, users=place.users).strip()
        made, _, problem = answer.partition(" ")
        if not made.isdecimal() or made == "0" or problem:
            raise GatherError(f"{place.service} did not take every type: {answer[:200]}")

    return {f"keys {CANARY}… of every type, with and without time to live": put}


def _files(place: Place) -> Mapping[str, Callable[[], object]]:
    """Written by the service's own user where the service is a container.

    Among processes they are carried in: a stack carries into what is thrown away with it alone, and a command could write
    anywhere.
    """
    return {f"folder {CANARY}": lambda: _carried(place) if place.stack.runtime == "process" else _written(place)}


def _written(place: Place) -> None:
    words = [word for name, (content, mode) in _FILES.items() for word in (name, _octal(content), f"{mode:o}")]
    script = ["sh", "-c", _FILES_WRITTEN, "sh", place.path, CANARY, *_FOLDERS, *words]
    done = place.stack.execute(place.service, script)
    if done.exit_code != 0:
        raise GatherError(f"{place.path} of {place.service}: {done.output.strip()[-200:] or done.exit_code}")


def _octal(content: bytes) -> str:
    """As ``printf`` takes any bytes."""
    return "".join(f"\\{byte:03o}" for byte in content)


def _carried(place: Place) -> None:
    with tempfile.TemporaryDirectory(prefix="readiness-canary-") as folder:
        for name in _FOLDERS:
            Path(folder, name).mkdir(parents=True)
        for name, (content, mode) in _FILES.items():
            file = Path(folder, name)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
            file.chmod(mode)
        place.stack.copy_in(place.service, Path(folder), f"{place.path.rstrip('/')}/{CANARY}")


def _ask(place: Place, statement: str) -> str:
    return ask_postgres(
        place.stack,
        place.service,
        statement,
        users=place.users,
        database=place.database,
        timeout_seconds=STATEMENT_SECONDS,
    )


def _keys(place: Place, beginning: str, what: str) -> int:
    words = ("EVAL", _REDIS_FOUND, "0", str(place.number), beginning, what)
    answer = ask_redis(place.stack, place.service, words, users=place.users).strip()
    if not answer.isdecimal():
        raise GatherError(f"{place.service} does not tell its keys: {answer[:200]}")
    return int(answer)


def _shell(place: Place, script: str) -> str:
    done = place.stack.execute(place.service, ["sh", "-c", script, "sh", place.path, CANARY])
    if done.exit_code != 0:
        raise GatherError(f"{place.path} of {place.service}: {done.output.strip()[-200:] or done.exit_code}")
    return done.output
