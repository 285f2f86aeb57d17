"""Looking for a secret in the throw-away copy's stores and logs, and for how passwords are stored there."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from readiness.auth.hashes import HASH_PATTERN, PASSWORD_COLUMN, digests_of, recognise
from readiness.exceptions import ReadinessError
from readiness.facts.auth import Lifetime, Place, StoredHash
from readiness.gather.redis_search import MAX_KEYS, find_in_redis
from readiness.instruments.stores import ask_postgres
from readiness.target import Role

if TYPE_CHECKING:
    from readiness.gather.auth_asking import Asker
    from readiness.instruments.identity import Identity

__all__ = ["is_in_redis", "search_database", "search_logs", "search_redis", "store_lifetimes"]

MAX_DATABASES = 20
MAX_TABLES = 300
#: So many tables in one statement: it travels as one argument, and Linux bounds that at 128 KiB.
TABLES_AT_ONCE = 40
MAX_ROWS = 5
MAX_ROW_CHARS = 4_000
MAX_LOG_LINES = 20_000
#: How exactly the moment of issue has to be known: below the tolerance of five seconds with which a lifetime is judged.
ISSUED_WITHIN_SECONDS = 4.0
#: A store whose clock is further off than that tells no moment.
CLOCK_SECONDS = 1.0

#: Which database is the application's, its URL may not tell: it may be put together from parts.
_DATABASES = """
select coalesce(json_agg(datname), '[]')::text from pg_database where datallowconn and not datistemplate
"""
_TABLES = """
select coalesce(json_agg(format('%I.%I', n.nspname, c.relname)), '[]')::text
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p') and n.nspname <> 'information_schema' and n.nspname not like 'pg\\_%'
"""


@dataclass(frozen=True, kw_only=True)
class _Row:
    """A row that was picked: its columns' texts, and whether the user or the password is in it, also behind what was cut off."""

    table: str
    columns: Mapping[str, str]
    names_user: bool
    holds_password: bool


def _users(asker: Asker) -> list[str]:
    """Services whose variables may hold a store's login."""
    target = asker.target
    return sorted({service for service in (target.service, *target.services_of(Role.APP)) if service})


def _stores(asker: Asker, role: Role) -> Iterator[str]:
    yield from (service for service in asker.target.services_of(role) if service in asker.stack.services)


def search_database(
    asker: Asker, *, name: str, password: str, missed: dict[str, str]
) -> tuple[tuple[Place, ...], tuple[StoredHash, ...], bool]:
    """Every row that names the user, holds the password, or looks like a hash: is the password in it, and how.

    The last value is whether any row names the user: where none does, the password was looked for in the wrong place.
    """
    places: list[Place] = []
    hashes: list[StoredHash] = []
    is_named = False
    services = tuple(_stores(asker, Role.DB))
    if not services:
        missed["database"] = "no service of the stack is declared or known to be the database (roles.db)"
    for service in services:
        try:
            listed = json.loads(ask_postgres(asker.stack, service, _DATABASES, users=_users(asker)))
        except (ReadinessError, ValueError) as error:
            missed[f"database {service}"] = f"only PostgreSQL can be read, and it could not be: {error}"[:300]
            continue
        rows: list[_Row] = []
        for database in listed[:MAX_DATABASES] or [""]:
            try:
                rows += _rows(asker, service, str(database), name=name, password=password, missed=missed)
            except (ReadinessError, ValueError) as error:
                missed[f"database {service}, {database}"] = str(error)[:300]
        if len(listed) > MAX_DATABASES:
            missed[f"database {service}"] = f"it has {len(listed)} databases; {MAX_DATABASES} were searched"
        spots = sorted({spot for row in rows if row.holds_password for spot in _spots(row, password)})
        places.append(Place(where=f"database {service}", is_found=bool(spots), detail=", ".join(spots)[:300]))
        hashes += _hashes(asker, rows, password=password)
        is_named = is_named or any(row.names_user for row in rows)
    return tuple(places), tuple(_unique(hashes)), is_named


def _spots(row: _Row, password: str) -> Iterator[str]:
    """Where in a row the password stands; the table alone where it was cut off, or is written otherwise."""
    columns = [column for column, text in row.columns.items() if password in text]
    yield from (f"{row.table}.{column}" for column in columns or ["?"])


def _rows(asker: Asker, service: str, database: str, *, name: str, password: str, missed: dict[str, str]) -> list[_Row]:
    users = _users(asker)
    tables = json.loads(ask_postgres(asker.stack, service, _TABLES, users=users, database=database))
    if len(tables) > MAX_TABLES:
        missed[f"database {service}, {database}"] = f"it has {len(tables)} tables; {MAX_TABLES} were searched"
    named = f"strpos(lower(t::text), '{_literal(name.lower())}') > 0"
    held = _any_of(_spellings(password))
    other = _any_of(digests_of(password))
    found: list[_Row] = []
    for start in range(0, len(tables[:MAX_TABLES]), TABLES_AT_ONCE):
        # Told by the server, because of a long row only the beginning is fetched.
        selects = " union all ".join(
            f"(select '{_literal(table)}' as place, left(row_to_json(t)::text, {MAX_ROW_CHARS}) as line, "  # noqa: S608  # names quoted by the server
            f"{named} as named, {held} as held "
            f"from {table} t where {named} or {held} or {other} or t::text ~ '{HASH_PATTERN}' "
            f"order by held desc, named desc limit {MAX_ROWS})"
            for table in tables[start : start + TABLES_AT_ONCE]
        )
        statement = (
            f"select coalesce(json_agg(json_build_array(place, line, named, held)), '[]')::text from ({selects}) s"  # noqa: S608
        )
        answer = ask_postgres(asker.stack, service, statement, users=users, database=database)
        found += [
            _Row(table=str(table), columns=_texts(line), names_user=bool(is_named), holds_password=bool(is_held))
            for table, line, is_named, is_held in json.loads(answer)
        ]
    return found


def _spellings(password: str) -> Iterator[str]:
    """How a row's text may write a password: as it is, inside JSON, as bytes, and with the row's own quoting."""
    for text in (password, json.dumps(password)[1:-1]):
        yield text
        yield text.replace("\\", "\\\\").replace('"', '""')
    yield password.encode().hex()


def _any_of(needles: Iterable[str]) -> str:
    conditions = [f"strpos(t::text, '{_literal(needle)}') > 0" for needle in dict.fromkeys(needles)]
    return f"({' or '.join(conditions)})"


def _literal(text: str) -> str:
    return text.replace("'", "''")


def _texts(line: str) -> dict[str, str]:
    """Column -> text of a row; a row that was cut off is one text."""
    try:
        row: Any = json.loads(line)
    except ValueError:
        return {"?": line}
    return {str(key): value if isinstance(value, str) else json.dumps(value) for key, value in row.items()}


def _hashes(asker: Asker, rows: list[_Row], *, password: str) -> Iterator[StoredHash]:
    declared = asker.target.login.hash if asker.target.login else {}
    digests = digests_of(password)
    for row in rows:
        table = row.table
        is_own = row.names_user or any(digest in text for digest in digests for text in row.columns.values())
        for column, text in row.columns.items():
            is_declared = column == declared.get("column") and table.rpartition(".")[2] == declared.get("table", "")
            plain = next((words for digest, words in digests.items() if digest in text), None)
            found = recognise(text)
            scheme, parameters = "unknown", dict[str, int]()
            if password in text:
                scheme = "plaintext"
            elif plain is not None:
                scheme = plain
            elif found is not None:
                scheme, parameters = found
            elif not is_own or not (is_declared or PASSWORD_COLUMN.search(column)):
                continue
            bare = table.removeprefix("public.")
            yield StoredHash(place=f"{bare}.{column}", scheme=scheme, parameters=parameters, is_own=is_own)


def _unique(hashes: list[StoredHash]) -> Iterator[StoredHash]:
    seen: set[str] = set()
    for stored in hashes:
        if (text := repr(stored)) not in seen:
            seen.add(text)
            yield stored


def search_redis(asker: Asker, password: str, missed: dict[str, str]) -> Iterator[Place]:
    """Whether a key or value of a Redis holds the password."""
    for service in _stores(asker, Role.REDIS):
        try:
            reply = find_in_redis(asker.stack, service, password, users=_users(asker))
        except (ReadinessError, ValueError) as error:
            missed[f"Redis {service}"] = str(error)[:300]
            continue
        found, unread = reply.get("found") or [], int(reply.get("unread") or 0)
        if int(reply.get("seen") or 0) > MAX_KEYS:
            missed[f"Redis {service}"] = f"it has more than {MAX_KEYS} keys"
        elif unread:
            missed[f"Redis {service}"] = f"{unread} keys are too long, or of a module's own type"
        yield Place(where=f"Redis {service}", is_found=bool(found), detail=f"{len(found)} keys")


def is_in_redis(asker: Asker, text: str) -> bool:
    """Whether a Redis that can be read holds the text."""
    try:
        return any(
            find_in_redis(asker.stack, service, text, users=_users(asker)).get("found")
            for service in _stores(asker, Role.REDIS)
        )
    except (ReadinessError, ValueError):
        return False


def search_logs(asker: Asker, password: str, missed: dict[str, str]) -> Iterator[Place]:
    """Whether the log of a service holds the password, and in which line first."""
    for service in asker.stack.services:
        try:
            lines = asker.stack.logs(service, tail=MAX_LOG_LINES).splitlines()
        except ReadinessError as error:
            missed[f"log of {service}"] = str(error)[:300]
            continue
        if len(lines) >= MAX_LOG_LINES:
            missed[f"log of {service}"] = f"only its last {MAX_LOG_LINES} lines were searched"
        hit = next((line for line in lines if password in line), None)
        detail = f"{len(lines)} lines" if hit is None else hit.replace(password, "***")[:300]
        yield Place(where=f"log of {service}", is_found=hit is not None, detail=detail)


def store_lifetimes(asker: Asker, which: str, secret: str, who: Identity) -> Iterator[Lifetime]:
    """How long a Redis keeps what holds the token; nothing where no Redis does, or where it is not told exactly enough.

    From the moment of issue to the moment at which the key ends by the store's own clock: neither how long it took to look
    nor a wait before it changes that.
    """
    begin, end = who.issued or (0.0, 0.0)
    if who.issued is None or end - begin > 2 * ISSUED_WITHIN_SECONDS:
        return
    for service in _stores(asker, Role.REDIS):
        sent = time.time()
        try:
            reply = find_in_redis(asker.stack, service, secret, users=_users(asker))
            found, clock = reply.get("found") or [], float(reply.get("now") or 0.0)
        except (ReadinessError, ValueError):
            continue
        if not sent - CLOCK_SECONDS <= clock <= time.time() + CLOCK_SECONDS:
            continue
        for milliseconds in found[:5]:
            # -1: the key has no time to live.
            seconds = clock + milliseconds / 1000 - (begin + end) / 2 if milliseconds >= 0 else None
            yield Lifetime(token=which, source=f"time to live in {service}", seconds=seconds, is_enforced=True)
