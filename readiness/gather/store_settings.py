"""How every store runs: its settings as the server tells them, its data directory, and what is mounted there."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from readiness.check import Impact
from readiness.declared.persistence import settings_of
from readiness.exceptions import ReadinessError, UnsupportedError
from readiness.facts.persistence import Store, StoreSettings
from readiness.gather import gatherer
from readiness.gather.store_asking import here, store_users
from readiness.instruments.stores import ask_postgres, ask_redis
from readiness.persistence.words import POSTGRES_VARIABLES, REDIS_VARIABLES, stated_postgres, stated_redis
from readiness.runtime import Capability, Runtime, Stack
from readiness.target import Role, Target

__all__ = ["redis_settings", "store_settings"]

#: What decides what is kept, beside what somebody declares.
POSTGRES_KEPT = (
    "data_directory", "fsync", "full_page_writes", "max_connections", "reserved_connections", "shared_buffers",
    "superuser_reserved_connections", "synchronous_commit",
)  # fmt: skip
REDIS_KEPT = ("appendfsync", "appendonly", "dir", "maxmemory", "maxmemory-policy", "save")
#: They are passwords.
SECRET = frozenset({"requirepass", "masterauth", "tls-key-file-pass", "tls-client-key-file-pass", "masteruser"})
_POSTGRES = """
select json_build_object('version', current_setting('server_version'),
'rows', (select json_object_agg(name, json_build_array(setting, coalesce(unit, ''))) from pg_settings))::text
"""
ROLES = {Role.DB: "db", Role.REDIS: "redis", Role.VECTOR: "vector", Role.SEARCH: "search"}


@gatherer(impact=Impact.OBSERVES, at_most_seconds=60)
def store_settings(target: Target, stack: Stack, runtime: Runtime) -> StoreSettings:
    """Ask every store of the stack, and the engine for its mounts."""
    if Capability.EXEC not in stack.capabilities:
        # Of somebody's running system not even the services are known: none is not none there.
        hint = "audit a throw-away stack with --readiness-target"
        raise UnsupportedError(Capability.EXEC, runtime=stack.runtime, hint=hint)
    found = ((service, word) for role, word in ROLES.items() for service in here(target, stack, role))
    return StoreSettings(stores=tuple(_store(target, stack, runtime, service, word) for service, word in found))


def redis_settings(stack: Stack, service: str, users: tuple[str, ...]) -> dict[str, str]:
    """Every setting of a Redis but its passwords.

    Raises:
        GatherError, StackError: it cannot be asked, or hides them.
    """
    lines = ask_redis(stack, service, ("CONFIG", "GET", "*"), users=users).split("\n")
    found = dict(zip(lines[::2], lines[1::2], strict=False))
    return {name.strip(): value.strip() for name, value in found.items() if name.strip() not in SECRET}


def _store(target: Target, stack: Stack, runtime: Runtime, service: str, role: str) -> Store:
    model = runtime.model().services.get(service)
    command = (*model.entrypoint, *model.command) if model is not None else ()
    store = Store(service=service, role=role, image=model.image if model is not None else "")
    if Capability.INSPECT in stack.capabilities:
        try:
            container = stack.containers(service)[0]
            # What the owner's file does not name, a build, is known by what it was built from.
            image = store.image or container.image
            store = dataclasses.replace(
                store, image=image, mounts=container.mounts, image_volumes=container.image_volumes
            )
        except ReadinessError as error:
            store = dataclasses.replace(store, problem=str(error)[:300])
    declared = settings_of(target).get(service, {})
    users = store_users(target)
    try:
        variables = stack.environment(service)
        if role == "db":
            return _postgres(store, stack, users, declared=declared, command=command, variables=variables)
        if role == "redis":
            return _redis(store, stack, users, declared=declared, command=command, variables=variables)
    except (ReadinessError, ValueError) as error:
        return dataclasses.replace(store, problem=str(error)[:300])
    return store


def _postgres(
    store: Store,
    stack: Stack,
    users: tuple[str, ...],
    *,
    declared: Mapping[str, str],
    command: tuple[str, ...],
    variables: Mapping[str, str],
) -> Store:
    told: dict[str, Any] = json.loads(ask_postgres(stack, store.service, _POSTGRES, users=users))
    rows: dict[str, list[str]] = told["rows"]
    stated = {name: value for name, value in stated_postgres(command).items() if name in rows}
    named = {n: v for n, v in variables.items() if POSTGRES_VARIABLES.get(n) in rows}
    wanted = {*POSTGRES_KEPT, *declared, *stated, *(POSTGRES_VARIABLES[name] for name in named)} & rows.keys()
    return dataclasses.replace(
        store,
        kind="postgres",
        version=str(told["version"]),
        settings={name: str(rows[name][0]) for name in sorted(wanted)},
        units={name: rows[name][1] for name in sorted(wanted) if rows[name][1]},
        stated=stated,
        variables=named,
        directory=str(rows.get("data_directory", [""])[0]),
    )


def _redis(
    store: Store,
    stack: Stack,
    users: tuple[str, ...],
    *,
    declared: Mapping[str, str],
    command: tuple[str, ...],
    variables: Mapping[str, str],
) -> Store:
    rows = redis_settings(stack, store.service, users)
    stated = {name: value for name, value in stated_redis(command).items() if name in rows}
    named = {n: v for n, v in variables.items() if REDIS_VARIABLES.get(n) in rows}
    wanted = {*REDIS_KEPT, *declared, *stated, *(REDIS_VARIABLES[name] for name in named)} & rows.keys()
    about = ask_redis(stack, store.service, ("INFO", "server"), users=users)
    told = dict(line.strip().split(":", 1) for line in about.splitlines() if ":" in line)
    return dataclasses.replace(
        store,
        kind="redis",
        version=told.get("valkey_version") or told.get("redis_version", ""),
        settings={name: rows[name] for name in sorted(wanted)},
        stated=stated,
        variables=named,
        directory=rows.get("dir", ""),
    )
