"""Stores that the owner's compose file expects from outside, made part of the copy; and what still points outside.

A copy must never write into a store that is not its own: what the owner's variables say about one is either served by
a store of the copy or pointed at a name that cannot exist.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from readiness.exceptions import ConfigError
from readiness.target import Provide

__all__ = ["NOWHERE", "Outside", "Store", "is_host_variable", "is_store_address", "outside", "store_for"]

#: Reserved by RFC 2606: no resolver ever knows it.
NOWHERE = "outside-the-stack.invalid"

_STORE_SCHEME = re.compile(
    r"^(postgres(ql)?|mysql|mariadb|mongodb|rediss?|valkeys?|amqps?|nats|kafka|clickhouse|cockroachdb|mssql|smtps?)([+.][\w+.]+)?$"
)
_HOST_VARIABLE = re.compile(
    r"^(.*_)?(POSTGRES|POSTGRESQL|PG|DB|DATABASE|MYSQL|MARIADB|MONGO|MONGODB|REDIS|VALKEY|RABBITMQ|AMQP|SMTP|MAIL|EMAIL)"
    r"_?(HOST|HOSTNAME|SERVER|ADDR|ADDRESS)$"
)
_HERE = re.compile(r"^(localhost|127\.[\d.]+|::1|0\.0\.0\.0)$")
#: Names for the machine itself, as the engines define them.
_MACHINE = re.compile(r"^(host|gateway)\.(docker|containers|lima)\.internal$")
#: A secret in a URL's place: 16 hexadecimal characters need no escaping.
_SECRET_CHARS = 16


@dataclass(frozen=True, kw_only=True)
class Store:
    """A store of the run's own.

    Attributes:
        definition: the service in compose's form, without networks and labels.
        url: what the owner's variable gets.
        alias: the name under which the owner's stack knows the store, where it has one.
    """

    service: str
    definition: dict[str, Any]
    url: str
    alias: str | None


@dataclass(frozen=True, kw_only=True)
class Outside:
    """A variable that points to a store outside the stack, and the value that points nowhere."""

    variable: str
    host: str
    value: str


def store_for(provide: Provide, *, present: str, taken: Iterable[str], run_id: str) -> Store:
    """The store that ``provide`` asks for.

    Args:
        provide: which store, and the variable that gets its URL.
        present: what that variable says now; scheme, names and password in it are kept, only the host is ours.
        taken: names of the owner's services.
        run_id: the password derives from it where there is none.

    Raises:
        ConfigError: a store that is not known.
    """
    if provide.store not in _STORES:
        raise ConfigError(
            f"provide.{provide.store}: this store is not known", hint=f"known are {', '.join(sorted(_STORES))}"
        )
    service = provide.store
    while service in set(taken):
        service = f"readiness-{service}"
    parts = urlsplit(present) if "://" in present else urlsplit("")
    alias = parts.hostname if parts.hostname and not _HERE.match(parts.hostname) and "." not in parts.hostname else None
    password = (
        unquote(parts.password or "") or hashlib.sha256(f"{run_id}/{service}".encode()).hexdigest()[:_SECRET_CHARS]
    )
    return _STORES[provide.store](service, parts, password, alias)


def outside(environment: Mapping[str, Any], *, known: Iterable[str]) -> tuple[Outside, ...]:
    """The variables that point to a store outside the stack.

    A name without a dot is not outside: nothing beyond the stack answers to it, and a wrong one is a finding.
    """
    inside = set(known)
    found = []
    for name, raw in environment.items():
        value = str(raw or "")
        if is_store_address(value):
            for host in _hosts(urlsplit(value).netloc):
                if _is_outside(host, inside):
                    found.append(Outside(variable=name, host=host, value=value.replace(host, NOWHERE)))
                    break
        elif _HOST_VARIABLE.match(name.upper()) and _is_outside(value.rpartition(":")[0] or value, inside):
            host = value.rpartition(":")[0] or value
            found.append(Outside(variable=name, host=host, value=value.replace(host, NOWHERE)))
    return tuple(found)


def is_host_variable(name: str) -> bool:
    """Whether a variable's name says that it holds the host of a store."""
    return bool(_HOST_VARIABLE.match(name.upper()))


def is_store_address(value: str) -> bool:
    """Whether this is the URL of a store."""
    parts = _split(value)
    return parts is not None and bool(_STORE_SCHEME.match(parts.scheme.lower()))


def _split(value: str) -> Any:
    try:
        return urlsplit(value) if "://" in value else None
    except ValueError:
        return None


def _hosts(netloc: str) -> list[str]:
    """The hosts of a URL; clusters list several."""
    listed = netloc.rpartition("@")[2].split(",")
    return [
        host.rpartition(":")[0] or host if "]" not in host else host.partition("]")[0][1:] for host in listed if host
    ]


def _is_outside(host: str, inside: set[str]) -> bool:
    if not host or host in inside or _HERE.match(host) or "$" in host:
        return False
    return bool(_MACHINE.match(host)) or "." in host or ":" in host


def _postgres(service: str, parts: Any, password: str, alias: str | None) -> Store:
    user, database = unquote(parts.username or "") or "readiness", parts.path.lstrip("/") or "readiness"
    scheme = parts.scheme or "postgresql"
    query = f"?{parts.query}" if parts.query else ""
    environment = {"POSTGRES_USER": user, "POSTGRES_PASSWORD": password, "POSTGRES_DB": database}
    return Store(
        service=service,
        definition={
            "image": "postgres:16",
            "environment": {name: value.replace("$", "$$") for name, value in environment.items()},
            "healthcheck": {
                "test": ["CMD", "pg_isready", "-U", user, "-d", database],
                "interval": "1s", "timeout": "5s", "retries": 60,
            },
        },
        url=f"{scheme}://{quote(user, safe='')}:{quote(password, safe='')}@{alias or service}:5432/{database}{query}",
        alias=alias,
    )  # fmt: skip


def _redis(service: str, parts: Any, password: str, alias: str | None) -> Store:
    has_password = bool(parts.password)
    command = ["redis-server", "--save", ""] + (["--requirepass", password.replace("$", "$$")] if has_password else [])
    ping = ["CMD", "redis-cli"] + (["-a", password.replace("$", "$$")] if has_password else []) + ["ping"]
    database = parts.path if parts.path.strip("/") else "/0"
    user = f"{parts.username or ''}:{quote(password, safe='')}@" if has_password else ""
    return Store(
        service=service,
        definition={
            "image": "redis:7",
            "command": command,
            "healthcheck": {"test": ping, "interval": "1s", "timeout": "5s", "retries": 30},
        },
        url=f"redis://{user}{alias or service}:6379{database}",
        alias=alias,
    )


_STORES = {"postgres": _postgres, "redis": _redis}
