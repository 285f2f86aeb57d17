"""Keys in every Redis of the stack, and what is left of them after a restart, a recreation and a crash."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

from readiness.check import Impact
from readiness.exceptions import GatherError, ReadinessError, UnsupportedError
from readiness.facts.persistence import Marked, RedisEndings
from readiness.gather import gatherer
from readiness.gather.probe_outage import require_stop
from readiness.gather.store_asking import here, store_users, wait_for, wait_redis
from readiness.gather.store_settings import redis_settings
from readiness.instruments.faults import Fault, Faults
from readiness.instruments.stores import ask_redis
from readiness.runtime import Progress, Stack
from readiness.target import Role, Target

__all__ = ["redis_endings"]

MARKS = 12
#: ``appendfsync everysec`` may be two seconds behind (redis.io, "Redis persistence"); what is older has to be there.
EARLY_SECONDS = 3.0
FAULT_SECONDS = 60.0
SNAPSHOT_SECONDS = 10.0
PREFIX = "readiness:mark:"
KEPT = ("save", "appendonly", "appendfsync")

_WRITE = "for i = 1, tonumber(ARGV[2]) do redis.call('SET', ARGV[1] .. i, 'kept') end return tostring(ARGV[2])"
_COUNT = "local n = 0 for i = 1, tonumber(ARGV[2]) do n = n + redis.call('EXISTS', ARGV[1] .. i) end return tostring(n)"
_REMOVE = "for i = 1, tonumber(ARGV[2]) do redis.call('DEL', ARGV[1] .. i) end return 'done'"


@gatherer(impact=Impact.DISRUPTS, at_most_seconds=150)
def redis_endings(target: Target, stack: Stack, faults: Faults, progress: Progress) -> RedisEndings:
    """Write keys, end the server in one of three ways, count; one Redis after the other."""
    require_stop(stack)
    services = here(target, stack, Role.REDIS)
    users = store_users(target)
    fact = RedisEndings()
    for service in services:
        progress(f"ending {service} three times", at_most_seconds=60)
        try:
            told = redis_settings(stack, service, users)
        except ReadinessError as error:
            problem = Marked(service=service, ended="restart", problem=f"it cannot be asked: {error}"[:300])
            fact = dataclasses.replace(fact, marked=(*fact.marked, problem))
            continue
        fact = dataclasses.replace(
            fact,
            marked=(*fact.marked, *_endings(stack, faults, service, users)),
            settings={**fact.settings, service: {name: told[name] for name in KEPT if name in told}},
            unsaved={**fact.unsaved, **_unsaved(stack, service, users, told)},
        )
    return fact


def _endings(stack: Stack, faults: Faults, service: str, users: tuple[str, ...]) -> Iterator[Marked]:
    ways: dict[str, Callable[[], AbstractContextManager[Fault]]] = {
        "restart": lambda: faults.stopped(service, at_most_seconds=FAULT_SECONDS),
        "recreate": lambda: faults.recreated(service, at_most_seconds=FAULT_SECONDS),
        "crash": lambda: faults.crashed(service, at_most_seconds=FAULT_SECONDS),
    }
    for name, way in ways.items():
        try:
            yield _ending(stack, service, users, name, way)
        except UnsupportedError as error:
            yield Marked(service=service, ended=name, problem=str(error)[:300])
        except (ReadinessError, ValueError) as error:
            # Not a number: a member of a cluster sends its clients elsewhere.
            yield Marked(service=service, ended=name, problem=f"{service} could not be ended so: {error}"[:300])


def _ending(
    stack: Stack,
    service: str,
    users: tuple[str, ...],
    name: str,
    way: Callable[[], AbstractContextManager[Fault]],
) -> Marked:
    def run(script: str, part: str) -> str:
        return ask_redis(stack, service, ("EVAL", script, "0", f"{PREFIX}{name}:{part}:", str(MARKS)), users=users)

    # A crash is the one end after which the age of a key counts.
    wait_seconds = EARLY_SECONDS if name == "crash" else 0.0
    run(_WRITE, "early")
    written = time.monotonic()
    time.sleep(wait_seconds)
    run(_WRITE, "late")
    age = time.monotonic() - written
    before = {part: int(run(_COUNT, part)) for part in ("early", "late")}
    if min(before.values()) < MARKS:
        raise GatherError(f"it keeps {min(before.values())} of {MARKS} keys that were just written")
    with way():
        pass
    back = wait_redis(stack, service, users)
    if back is None:
        return Marked(service=service, ended=name, early=MARKS, late=MARKS, early_seconds=round(age, 3))
    left = {part: int(run(_COUNT, part)) for part in ("early", "late")}
    for part in left:
        with contextlib.suppress(ReadinessError):
            run(_REMOVE, part)
    return Marked(
        service=service,
        ended=name,
        early=MARKS,
        early_left=left["early"],
        early_seconds=round(age, 3),
        late=MARKS,
        late_left=left["late"],
        back_seconds=back,
    )


def _unsaved(stack: Stack, service: str, users: tuple[str, ...], told: dict[str, str]) -> dict[str, str]:
    """Whether a snapshot can be written where there are save points: asked for once, at the end."""
    if not told.get("save"):
        return {}

    def about() -> dict[str, Any]:
        lines = ask_redis(stack, service, ("INFO", "persistence"), users=users).splitlines()
        return dict(line.strip().split(":", 1) for line in lines if ":" in line)

    try:
        ask_redis(stack, service, ("BGSAVE", "SCHEDULE"), users=users)
        wait_for(lambda: about().get("rdb_bgsave_in_progress") == "0", at_most_seconds=SNAPSHOT_SECONDS)
        seen = about()
    except ReadinessError as error:
        return {service: str(error)[:200]}
    if seen.get("rdb_bgsave_in_progress") == "0" and seen.get("rdb_last_bgsave_status") != "ok":
        return {service: f"rdb_last_bgsave_status is {seen.get('rdb_last_bgsave_status', 'not told')}"}
    return {}
