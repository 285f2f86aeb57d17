"""Numbers written to stores one after the other while a backup runs, and which of them a restored copy has.

A number goes to several places of a store at once: in PostgreSQL to tables of two schemas in one transaction, in Redis to
two keys by one script. What is consistent has it everywhere or nowhere. Numbers go to one store after the other, in the
order of the declaration. They stay in tables and keys of their own, so that the application's are as quiet as without.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Self

from readiness.exceptions import GatherError, ReadinessError
from readiness.facts.backup_drill import Mark, Marks
from readiness.gather.backup_places import POSTGRES, REDIS, Place
from readiness.gather.backup_planting import CANARY, MARKER
from readiness.instruments.stores import ask_postgres, ask_redis

__all__ = ["MarkWriter", "places_for", "read_marks"]

#: Often enough that a backup of a second sees some; later on, for one of many minutes, a few a second do.
QUICK_SECONDS, SLOW_SECONDS = 0.1, 0.5
QUICK_MARKS, MAX_MARKS = 300, 2000
WRITE_SECONDS = 10.0
#: A store that takes none is not asked for ever.
MAX_FAILURES = 5
_WRITE = """
redis.call('SELECT', ARGV[1])
redis.call('RPUSH', ARGV[2] .. ':first', ARGV[3])
redis.call('HSET', ARGV[2] .. ':second', ARGV[3], '')
redis.call('SELECT', '0')
return ARGV[3]
"""
_READ = """
redis.call('SELECT', ARGV[1])
local found = redis.call(ARGV[3], ARGV[2], unpack(ARGV, 4))
redis.call('SELECT', '0')
return 'found ' .. table.concat(found, ',')
"""
_REDIS_PLACES = {f"{MARKER}:first": ("LRANGE", "0", "-1"), f"{MARKER}:second": ("HKEYS",)}


def places_for(place: Place, planted: Sequence[str]) -> tuple[str, ...]:
    """Where a store takes numbers, by what was planted in it; none where that is no pair."""
    if place.kind == REDIS:
        return tuple(_REDIS_PLACES) if planted else ()
    if place.kind == POSTGRES and f"schema {CANARY}" in planted:
        tables = (f"{CANARY}.marker_first", f"{CANARY}.marker_second")
        return (*tables, f"public.{MARKER}") if f"table public.{MARKER}" in planted else tables
    return ()


class MarkWriter:
    """Writes numbers until it is left.

    Args:
        stores: each store with its places.
        sleep: between two numbers.
    """

    def __init__(
        self, stores: Sequence[tuple[Place, tuple[str, ...]]], *, sleep: Callable[[float], None] | None = None
    ) -> None:
        self._stores = [(place, names) for place, names in stores if names]
        self._written: dict[int, list[tuple[int, float]]] = {index: [] for index in range(len(self._stores))}
        self._problems: dict[int, list[str]] = {index: [] for index in range(len(self._stores))}
        self._ended = threading.Event()
        self._sleep = sleep or self._ended.wait
        self._thread = threading.Thread(target=self._write, name="readiness-markers", daemon=True)

    def __enter__(self) -> Self:
        """Begin."""
        if self._stores:
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End; returns when the last number is written or refused."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join(WRITE_SECONDS * (len(self._stores) + 1))

    def wait(self, more: int, *, at_most_seconds: float) -> None:
        """Until every store that still takes numbers has so many more."""
        goals = {index: len(written) + more for index, written in self._written.items()}
        deadline = time.monotonic() + at_most_seconds
        while time.monotonic() < deadline and self._thread.is_alive():
            if all(len(self._written[index]) >= goal or self._has_given_up(index) for index, goal in goals.items()):
                return
            time.sleep(QUICK_SECONDS / 2)

    def marks(self, began: float) -> tuple[Marks, ...]:
        """What was acknowledged, counted from an instant of the monotonic clock."""
        found = []
        for index, (place, _) in enumerate(self._stores):
            acknowledged = tuple(
                Mark(number=number, seconds=round(at - began, 3)) for number, at in list(self._written[index])
            )
            problem = "" if acknowledged else "; ".join(self._problems[index][-1:]) or "no number was written"
            found.append(Marks(service=place.service, kind=place.kind, acknowledged=acknowledged, problem=problem))
        return tuple(found)

    def _write(self) -> None:
        for number in range(1, MAX_MARKS + 1):
            for index, (place, names) in enumerate(self._stores):
                if self._ended.is_set():
                    return
                if self._has_given_up(index):
                    continue
                try:
                    _WRITERS[place.kind](place, names, number)
                except ReadinessError as error:
                    self._problems[index].append(str(error)[:300])
                else:
                    self._written[index].append((number, time.monotonic()))
            self._sleep(QUICK_SECONDS if number < QUICK_MARKS else SLOW_SECONDS)

    def _has_given_up(self, index: int) -> bool:
        return len(self._problems[index]) >= MAX_FAILURES


def read_marks(marks: Marks, place: Place, names: Sequence[str]) -> Marks:
    """The same with what a restored store has of them."""
    present: dict[str, tuple[int, ...]] = {}
    try:
        for name in names:
            present[name] = _READERS[place.kind](place, name)
    except ReadinessError as error:
        return Marks(
            service=marks.service, kind=marks.kind, acknowledged=marks.acknowledged, problem=f"after: {error}"[:300]
        )
    return Marks(service=marks.service, kind=marks.kind, acknowledged=marks.acknowledged, present=present)


def _write_postgres(place: Place, names: Sequence[str], number: int) -> None:
    first, *rest = names
    # S608: the names are this package's own.
    parts = [f"m0 as (insert into {first} values ({number}) returning n)"]  # noqa: S608
    parts += [f"m{i} as (insert into {name} select n from m0 returning n)" for i, name in enumerate(rest, start=1)]  # noqa: S608
    _ask(place, f"with {', '.join(parts)} select n::text from m0")  # noqa: S608


def _write_redis(place: Place, names: Sequence[str], number: int) -> None:  # noqa: ARG001  # as the other one
    words = ("EVAL", _WRITE, "0", str(place.number), MARKER, str(number))
    answer = ask_redis(place.stack, place.service, words, users=place.users)
    if answer.strip() != str(number):
        raise GatherError(f"{place.service} did not take a number: {answer.strip()[:200]}")


def _read_postgres(place: Place, name: str) -> tuple[int, ...]:
    # Without the table the statement that reads it would not even be understood.
    there = _ask(place, f"select case when to_regclass('{name}') is null then 'absent' else 'present' end")
    if "present" not in there.split():
        return ()
    answer = _ask(place, f"select 'found ' || coalesce(string_agg(n::text, ',' order by n), '') from {name}")  # noqa: S608
    return _numbers(answer, place, name)


def _read_redis(place: Place, name: str) -> tuple[int, ...]:
    words = ("EVAL", _READ, "0", str(place.number), name, *_REDIS_PLACES[name])
    return _numbers(ask_redis(place.stack, place.service, words, users=place.users), place, name)


def _numbers(answer: str, place: Place, name: str) -> tuple[int, ...]:
    told = re.search(r"^found ([\d,]*)\s*$", answer, re.MULTILINE)
    if told is None:
        raise GatherError(f"{name} of {place.service} cannot be read: {answer.strip()[:200]}")
    return tuple(sorted(int(number) for number in told[1].split(",") if number))


def _ask(place: Place, statement: str) -> str:
    return ask_postgres(
        place.stack,
        place.service,
        statement,
        users=place.users,
        database=place.database,
        timeout_seconds=WRITE_SECONDS,
    )


_WRITERS: Mapping[str, Callable[[Place, Sequence[str], int], None]] = {POSTGRES: _write_postgres, REDIS: _write_redis}
_READERS: Mapping[str, Callable[[Place, str], tuple[int, ...]]] = {POSTGRES: _read_postgres, REDIS: _read_redis}
