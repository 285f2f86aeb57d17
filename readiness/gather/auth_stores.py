"""Looking for a secret in the throw-away copy's stores and logs, and for how passwords are stored there."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from readiness.auth.hashes import HASH_PATTERN, PASSWORD_COLUMN, digests_of, recognise
from readiness.exceptions import ReadinessError
from readiness.facts.auth import Lifetime, Place, StoredHash
from readiness.instruments.stores import ask_postgres, ask_redis
from readiness.target import Role

if TYPE_CHECKING:
    from readiness.gather.auth_asking import Asker
    from readiness.instruments.identity import Identity

__all__ = ["search_database", "search_logs", "search_redis", "store_lifetimes"]

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
#: Keys that a Redis of a throw-away copy holds; a script that walks more would hold up the service.
MAX_KEYS = 20_000

_TABLES = """
select coalesce(json_agg(format('%I.%I', n.nspname, c.relname)), '[]')::text
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p') and n.nspname <> 'information_schema' and n.nspname not like 'pg\\_%'
"""
#: Every key whose name or value holds the text, with its time to live: one round trip, read only.
_FIND = f"""
local cursor, found, seen = '0', {{}}, 0
local function has(value)
  if type(value) == 'table' then
    for _, part in ipairs(value) do if has(part) then return true end end
    return false
  end
  return string.find(tostring(value), ARGV[1], 1, true) ~= nil
end
local reads = {{string = {{'GET'}}, hash = {{'HGETALL'}}, list = {{'LRANGE', '0', '999'}}, set = {{'SMEMBERS'}},
  zset = {{'ZRANGE', '0', '999'}}, stream = {{'XREVRANGE', '+', '-', 'COUNT', '1000'}}}}
repeat
  local page = redis.call('SCAN', cursor, 'COUNT', 500)
  cursor = page[1]
  for _, key in ipairs(page[2]) do
    seen = seen + 1
    local read = reads[redis.call('TYPE', key)['ok']]
    local hit = has(key)
    if not hit and read then
      hit = has(redis.call(read[1], key, unpack(read, 2)))
    end
    if hit then table.insert(found, redis.call('PTTL', key)) end
  end
until cursor == '0' or seen > {MAX_KEYS}
local now = redis.call('TIME')
return cjson.encode({{found = found, seen = seen, now = tonumber(now[1]) + tonumber(now[2]) / 1000000}})
"""


def _users(asker: Asker) -> list[str]:
    """Services whose variables may hold a store's login."""
    target = asker.target
    return sorted({service for service in (target.service, *target.services_of(Role.APP)) if service})


def _stores(asker: Asker, role: Role) -> Iterator[str]:
    yield from (service for service in asker.target.services_of(role) if service in asker.stack.services)


def search_database(
    asker: Asker, *, name: str, password: str, missed: dict[str, str]
) -> tuple[tuple[Place, ...], tuple[StoredHash, ...]]:
    """Every row that names the user, holds the password, or looks like a hash: is the password in it, and how."""
    places: list[Place] = []
    hashes: list[StoredHash] = []
    services = tuple(_stores(asker, Role.DB))
    if not services:
        missed["database"] = "no service of the stack is declared or known to be the database (roles.db)"
    for service in services:
        try:
            rows = _rows(asker, service, name=name, password=password)
        except (ReadinessError, ValueError) as error:
            missed[f"database {service}"] = f"only PostgreSQL can be read, and it could not be: {error}"[:300]
            continue
        spots = sorted({f"{table}.{column}" for table, row in rows for column, text in row.items() if password in text})
        places.append(Place(where=f"database {service}", is_found=bool(spots), detail=", ".join(spots)[:300]))
        hashes += _hashes(asker, rows, name=name, password=password)
    return tuple(places), tuple(_unique(hashes))


def _rows(asker: Asker, service: str, *, name: str, password: str) -> list[tuple[str, dict[str, str]]]:
    users = _users(asker)
    tables = json.loads(ask_postgres(asker.stack, service, _TABLES, users=users))[:MAX_TABLES]
    needles = [name, password, password.encode().hex(), *digests_of(password)]
    holds = " or ".join(f"strpos(t::text, '{_literal(needle)}') > 0" for needle in needles)
    found: list[tuple[str, dict[str, str]]] = []
    for start in range(0, len(tables), TABLES_AT_ONCE):
        selects = " union all ".join(
            f"(select '{_literal(table)}' as place, left(row_to_json(t)::text, {MAX_ROW_CHARS}) as line, "  # noqa: S608  # names quoted by the server
            f"strpos(t::text, '{_literal(name)}') > 0 as own "
            f"from {table} t where {holds} or t::text ~ '{HASH_PATTERN}' order by own desc limit {MAX_ROWS})"
            for table in tables[start : start + TABLES_AT_ONCE]
        )
        statement = f"select coalesce(json_agg(json_build_array(place, line)), '[]')::text from ({selects}) s"  # noqa: S608
        answer = ask_postgres(asker.stack, service, statement, users=users)
        found += [(str(table), _texts(line)) for table, line in json.loads(answer)]
    return found


def _literal(text: str) -> str:
    return text.replace("'", "''")


def _texts(line: str) -> dict[str, str]:
    """Column -> text of a row; a row that was cut off is one text."""
    try:
        row: Any = json.loads(line)
    except ValueError:
        return {"?": line}
    return {str(key): value if isinstance(value, str) else json.dumps(value) for key, value in row.items()}


def _hashes(asker: Asker, rows: list[tuple[str, dict[str, str]]], *, name: str, password: str) -> Iterator[StoredHash]:
    declared = asker.target.login.hash if asker.target.login else {}
    digests = digests_of(password)
    for table, row in rows:
        is_own = any(name in text for text in row.values()) or any(d in t for d in digests for t in row.values())
        for column, text in row.items():
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


def _find_in_redis(asker: Asker, service: str, text: str) -> Mapping[str, Any]:
    reply = ask_redis(asker.stack, service, ("EVAL", _FIND, "0", text), users=_users(asker))
    found = json.loads(reply)
    return found if isinstance(found, dict) else {}


def search_redis(asker: Asker, password: str, missed: dict[str, str]) -> Iterator[Place]:
    """Whether a key or value of a Redis holds the password."""
    for service in _stores(asker, Role.REDIS):
        try:
            found = _find_in_redis(asker, service, password).get("found") or []
        except (ReadinessError, ValueError) as error:
            missed[f"Redis {service}"] = str(error)[:300]
            continue
        yield Place(where=f"Redis {service}", is_found=bool(found), detail=f"{len(found)} keys")


def search_logs(asker: Asker, password: str, missed: dict[str, str]) -> Iterator[Place]:
    """Whether the log of a service holds the password, and in which line first."""
    for service in asker.stack.services:
        try:
            lines = asker.stack.logs(service, tail=MAX_LOG_LINES).splitlines()
        except ReadinessError as error:
            missed[f"log of {service}"] = str(error)[:300]
            continue
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
            reply = _find_in_redis(asker, service, secret)
            found, clock = reply.get("found") or [], float(reply.get("now") or 0.0)
        except (ReadinessError, ValueError):
            continue
        if not sent - CLOCK_SECONDS <= clock <= time.time() + CLOCK_SECONDS:
            continue
        for milliseconds in found[:5]:
            # -1: the key has no time to live.
            seconds = clock + milliseconds / 1000 - (begin + end) / 2 if milliseconds >= 0 else None
            yield Lifetime(token=which, source=f"time to live in {service}", seconds=seconds, is_enforced=True)
