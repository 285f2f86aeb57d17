"""Which stores a backup is of, and where in a copy each of them is."""

from __future__ import annotations

import contextlib
import dataclasses
import re
import string
import urllib.parse
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from readiness.declared.backup import Backup, StoreOf
from readiness.exceptions import ReadinessError
from readiness.gather.store_asking import app_database, here, store_users
from readiness.instruments.digests.side import Where
from readiness.instruments.stores import ask_postgres, ask_redis
from readiness.runtime import Capability, Stack
from readiness.target import Role, Target

__all__ = ["FILES", "POSTGRES", "REDIS", "Place", "in_force", "places_of", "uncovered"]

POSTGRES, REDIS, FILES = "postgres", "redis", "files"
#: Role of a service -> kinds of stores that it may be.
_KINDS = {
    "postgres": POSTGRES, "pgvector": POSTGRES, "timescale": POSTGRES, "postgis": POSTGRES, "redis": REDIS,
    "valkey": REDIS, "mysql": "mysql", "mariadb": "mysql", "qdrant": "qdrant", "chroma": "chroma", "mongo": "mongo",
}  # fmt: skip
_SQLITE = (".db", ".sqlite", ".sqlite3", ".db3")
_SCHEMES = ("redis", "rediss", "valkey")
_CRON = re.compile(r"@\w+|\S+(?: +\S+){4}")


@dataclass(frozen=True, kw_only=True)
class Place:
    """One store of one stack.

    Attributes:
        kind: of its digest; empty where nothing tells.
        path: of the folder or file.
        shown: the same as it is declared, with the names of variables.
        database: that the application uses; empty for the login's own.
        number: of the Redis database that the application uses.
        users: services whose variables may hold its login.
    """

    stack: Stack
    service: str
    kind: str
    path: str = ""
    shown: str = ""
    database: str = ""
    number: int = 0
    users: tuple[str, ...] = ()

    def where(self, *, until: float, keys: Mapping[str, tuple[str, ...]], progress: Callable[[str], None]) -> Where:
        """For its digest."""
        return Where(
            stack=self.stack,
            service=self.service,
            name=self.path or self.database,
            users=self.users,
            until=until if self.kind == REDIS else 0.0,
            keys=keys,
            progress=progress,
        )


def in_force(backup: Backup, stack: Stack) -> Backup:
    """The declaration with the directory that the variables of this stack's service name, and its cron line."""
    variables = _variables(stack, backup.run)
    directory = variables.get(backup.directory_variable, "") or _filled(backup.directory, variables)
    schedule = backup.schedule
    if schedule is not None and schedule.variable:
        cron = _variables(stack, schedule.service).get(schedule.variable, "").strip()
        schedule = dataclasses.replace(schedule, cron=cron if _CRON.fullmatch(cron) else schedule.cron)
    return dataclasses.replace(backup, directory=directory, schedule=schedule)


def places_of(target: Target, backup: Backup, stack: Stack, images: Mapping[str, str]) -> tuple[Place, ...]:
    """The declared stores in this stack, else those that are found by their roles.

    Args:
        target: roles and logins.
        backup: the declaration.
        stack: a running copy.
        images: service -> image, where known.
    """
    roles = (Role.DB, Role.REDIS, Role.VECTOR, Role.SEARCH)
    declared = backup.stores or tuple(StoreOf(service=service) for service in here(target, stack, *roles))
    return tuple(_place(target, store, stack, images) for store in declared)


def uncovered(places: tuple[Place, ...], stack: Stack, *, apart: str = "") -> tuple[str, ...]:
    """Named volumes of services whose data no declared store is, as far as an engine tells; not those of ``apart``."""
    if Capability.INSPECT not in stack.capabilities:
        return ()
    whole = {place.service for place in places if place.kind != FILES}
    folders = {(place.service, place.path.rstrip("/")) for place in places if place.kind == FILES}
    found: dict[str, None] = {}
    covered: set[str] = set()
    for service in stack.services:
        if service == apart:
            continue
        try:
            mounts = [mount for container in stack.containers(service)[:1] for mount in container.mounts]
        except ReadinessError:
            continue
        for mount in mounts:
            if mount.kind != "volume" or not mount.source:
                continue
            destination = mount.destination.rstrip("/")
            is_covered = service in whole or any(
                service == other and (destination == path or destination.startswith(f"{path}/"))
                for other, path in folders
            )
            if is_covered:
                covered.add(mount.source)
            found.setdefault(f"{mount.source}\n{destination} of {service}")
    names = (name.split("\n") for name in found)
    return tuple(told for source, told in names if source not in covered)


def _place(target: Target, store: StoreOf, stack: Stack, images: Mapping[str, str]) -> Place:
    users = store_users(target)
    path = _filled(store.path, _variables(stack, store.service))
    kind = store.kind or _kind(target, store, stack, images, users)
    place = Place(stack=stack, service=store.service, kind=kind, path=path, shown=store.path, users=users)
    if kind == POSTGRES:
        with contextlib.suppress(ReadinessError):
            return dataclasses.replace(
                place, path="", shown="", database=path or app_database(stack, store.service, users)
            )
    if kind == REDIS:
        return dataclasses.replace(place, number=_number(stack, store.service, users))
    return place


def _kind(target: Target, store: StoreOf, stack: Stack, images: Mapping[str, str], users: tuple[str, ...]) -> str:
    if store.path:
        return "sqlite" if store.path.endswith(_SQLITE) else FILES
    if store.service in target.services_of(Role.REDIS):
        return REDIS
    image = images.get(store.service, "").rpartition("/")[2]
    known = next((kind for word, kind in _KINDS.items() if word in image), "")
    if known:
        return known
    asks: dict[str, Callable[[], str]] = {
        POSTGRES: lambda: ask_postgres(stack, store.service, "select 1", users=users),
        REDIS: lambda: ask_redis(stack, store.service, ("PING",), users=users),
    }
    for kind, ask in asks.items():
        with contextlib.suppress(ReadinessError):
            ask()
            return kind
    return ""


def _number(stack: Stack, service: str, users: tuple[str, ...]) -> int:
    """The database that the application's URL names, else the fullest one."""
    for user in users:
        for value in _variables(stack, user).values():
            with contextlib.suppress(ValueError):
                url = urllib.parse.urlsplit(value.strip())
                if url.scheme in _SCHEMES and url.path.strip("/").isdecimal():
                    return int(url.path.strip("/"))
    with contextlib.suppress(ReadinessError):
        told = re.findall(r"db(\d+):keys=(\d+)", ask_redis(stack, service, ("INFO", "keyspace"), users=users))
        if told:
            return int(max(told, key=lambda each: int(each[1]))[0])
    return 0


def _variables(stack: Stack, service: str) -> Mapping[str, str]:
    try:
        return stack.environment(service)
    except ReadinessError:
        return {}


def _filled(text: str, variables: Mapping[str, str]) -> str:
    """``${NAME}`` replaced by the service's variable of that name, where it has one."""
    return string.Template(text).safe_substitute(variables) if "${" in text else text
