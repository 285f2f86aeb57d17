"""Counts the work of PostgreSQL and Redis, and reads them, from outside the service that uses them.

Inside a container the store's own client program asks. Where the services are processes of this machine, the store's
port is asked directly: a client program without an address would talk to whatever else listens on the default port,
which may be the developer's own database.
"""

from __future__ import annotations

import asyncio
import dataclasses
import re
import socket
import urllib.parse
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from readiness.exceptions import GatherError, StackError
from readiness.instruments.poller import run_bounded
from readiness.runtime import Completed, Endpoint, Stack

__all__ = [
    "OWN_SESSIONS",
    "Counter",
    "Login",
    "ask_mysql",
    "ask_postgres",
    "ask_redis",
    "postgres_counter",
    "redis_counter",
]

ASK_SECONDS = 10.0
MAX_REPLY_BYTES = 1024 * 1024
#: What a client sends only to set up its connection, and what this instrument sends itself.
_OVERHEAD = frozenset({"info", "auth", "hello", "client", "select", "command", "config"})
_TRANSACTIONS = "select coalesce(sum(xact_commit + xact_rollback), 0)::bigint from pg_stat_database"
COMMAND_NOT_FOUND = frozenset({126, 127})
#: How Redis begins a refusal (redis.io/docs/reference/protocol-spec, simple errors); LOADING: it reads its files yet.
_REFUSALS = (
    "NOAUTH", "NOPERM", "WRONGPASS", "ERR", "(error)", "LOADING", "MISCONF", "OOM", "READONLY", "BUSY", "MASTERDOWN",
    "Could not connect",
)  # fmt: skip
#: Under this name the audit's own sessions are told from the application's.
OWN_SESSIONS = "readiness-audit"
MAX_ELEMENTS = 10_000
#: An idle PostgreSQL session publishes what it did less than a second before going idle only then (PGSTAT_IDLE_INTERVAL).
_PGSTAT_IDLE_SECONDS = 10.0


class _Reader(Protocol):
    """Where a reply comes from."""

    def readline(self, size: int, /) -> bytes: ...

    def read(self, size: int, /) -> bytes: ...


class _StatementError(GatherError):
    """The store lets this login in and refuses what it is asked."""


@dataclass(frozen=True, kw_only=True)
class Login:
    """Who may ask a store; every part may be missing."""

    user: str = ""
    password: str = ""
    database: str = ""


@dataclass(frozen=True, kw_only=True)
class Counter:
    """A running total of a store's work; only differences mean something.

    Attributes:
        unit: what one is.
        read: the total now. Raises GatherError or StackError where it cannot be had.
        held_back_seconds: how long work may be done before the total shows it.
    """

    service: str
    unit: str
    read: Callable[[], float]
    held_back_seconds: float = 0.0


def redis_counter(stack: Stack, service: str, *, port: int = 6379, users: Iterable[str] = ()) -> Counter:
    """Commands that a Redis (or Valkey) has run, connection set-up and this instrument's own left out.

    Args:
        stack: where it runs.
        service: the store's service.
        port: its container port.
        users: services whose variables may hold its password.
    """

    def read() -> float:
        reply = ask_redis(stack, service, ("INFO", "commandstats"), port=port, users=users)
        calls = re.findall(r"cmdstat_(\w+)[^:\r\n]*:calls=(\d+)", reply)
        if "# Commandstats" not in reply and not calls:
            raise GatherError(f"{service} gave no command statistics: {reply.strip()[:200]}")
        return float(sum(int(count) for name, count in calls if name.lower() not in _OVERHEAD))

    return Counter(service=service, unit="commands", read=read)


def postgres_counter(stack: Stack, service: str, *, port: int = 5432, users: Iterable[str] = ()) -> Counter:
    """Transactions that a PostgreSQL has ended, by ``pg_stat_database``, which lags by about a second.

    Args:
        stack: where it runs.
        service: the store's service.
        port: its container port.
        users: services whose variables may hold its login.
    """

    def read() -> float:
        answer = ask_postgres(stack, service, _TRANSACTIONS, port=port, users=users)
        number = re.search(r"^\s*(\d+)\s*$", answer, re.MULTILINE)
        if number is None:
            raise GatherError(f"{service} gave no transaction count: {answer.strip()[:200]}")
        return float(number.group(1))

    return Counter(service=service, unit="transactions", read=read, held_back_seconds=_PGSTAT_IDLE_SECONDS)


def ask_redis(stack: Stack, service: str, words: Sequence[str], *, port: int = 6379, users: Iterable[str] = ()) -> str:
    """A command's reply as text, the elements of a list a line each; at most a MiB of each.

    Arguments as for :func:`redis_counter`.

    Raises:
        GatherError, StackError: nobody is let in, or the command is refused.
    """
    return _first_of(
        _logins(stack, service, users, schemes=("redis", "rediss", "valkey")),
        lambda login: (
            _resp_ask(stack.endpoint(service, port), login, words)
            if stack.runtime == "process"
            else _redis_cli(stack, service, login, words)
        ),
    )


def ask_postgres(
    stack: Stack,
    service: str,
    statement: str,
    *,
    port: int = 5432,
    users: Iterable[str] = (),
    database: str = "",
    timeout_seconds: float = ASK_SECONDS,
    settings: Mapping[str, str] | None = None,
) -> str:
    """The one value that a statement gives, as text. Arguments as for :func:`postgres_counter`.

    Without ``database`` it is asked of the one that belongs to whoever is let in, which need not be the application's.
    ``settings`` hold for its session from the start; their values are without spaces and backslashes.

    Raises:
        GatherError, StackError: nobody is let in, or the statement fails.
    """
    logins = _logins(stack, service, users, schemes=("postgres", "postgresql"))
    if database:
        logins = tuple(dict.fromkeys(dataclasses.replace(login, database=database) for login in logins))
    return _first_of(
        logins,
        lambda login: (
            _over_the_wire(stack.endpoint(service, port), login, statement, timeout_seconds, settings or {})
            if stack.runtime == "process"
            else _psql(stack, service, login, statement, timeout_seconds=timeout_seconds, settings=settings or {})
        ),
    )


def ask_mysql(
    stack: Stack,
    service: str,
    statements: str,
    *,
    port: int = 3306,
    users: Iterable[str] = (),
    database: str = "",
    timeout_seconds: float = ASK_SECONDS,
) -> str:
    """What statements print, a row each line, by the client program of a MariaDB or MySQL; at most a MiB.

    Among processes it is the program of this machine, and is told the process' own port.
    Arguments as for :func:`ask_postgres`.

    Raises:
        GatherError, StackError: nobody is let in, or a statement fails.
    """
    script = (
        'export MYSQL_PWD="$1"; user="$2" database="$3" statements="$4"; shift 4; '
        'for cli in mariadb mysql; do command -v "$cli" >/dev/null 2>&1 && exec "$cli" "$@" -N -B --raw '
        '--connect-timeout=5 -u "$user" -e "$statements" ${database:+"$database"}; done; exit 127'
    )

    def ask(login: Login) -> str:
        place: list[str] = []
        if stack.runtime == "process":
            where = stack.endpoint(service, port)
            # Files of settings are the developer's here, and in a container the image's, which know its socket.
            place = ["--no-defaults", "--protocol=tcp", "-h", where.host, "-P", str(where.port)]
        words = [login.password, login.user or "root", database or login.database, statements, *place]
        done = stack.execute(service, ["sh", "-c", script, "sh", *words], timeout_seconds=timeout_seconds)
        return _output(done, service, "mysql")

    return _first_of(_mysql_logins(stack, service, users), ask)


def _mysql_logins(stack: Stack, service: str, users: Iterable[str]) -> tuple[Login, ...]:
    """Who to ask as: the administrator of the image's variables, who sees everything, then the users."""
    own = _environment(stack, service)
    database = own.get("MARIADB_DATABASE", own.get("MYSQL_DATABASE", ""))
    found = [
        Login(user="root", password=own[name], database=database)
        for name in ("MARIADB_ROOT_PASSWORD", "MYSQL_ROOT_PASSWORD")
        if own.get(name)
    ]
    found.append(Login(user="root", database=database))
    found.extend(
        Login(user=own[f"{brand}_USER"], password=own.get(f"{brand}_PASSWORD", ""), database=database)
        for brand in ("MARIADB", "MYSQL")
        if own.get(f"{brand}_USER")
    )
    values = (value for user in users for value in _environment(stack, user).values())
    found.extend(login for value in values if (login := _login_of(value, ("mysql", "mariadb"))) is not None)
    return tuple(dict.fromkeys(found))


def _first_of(logins: tuple[Login, ...], ask: Callable[[Login], str]) -> str:
    """The answer to the first login that is let in."""
    problem: GatherError | None = None
    for login in logins:
        try:
            return ask(login)
        except GatherError as error:
            # What somebody who is let in is told says more than that others are not let in.
            is_better = isinstance(error, _StatementError) and not isinstance(problem, _StatementError)
            problem = error if problem is None or is_better else problem
    assert problem is not None  # noqa: S101  # there is always at least one login to try
    raise problem


def _logins(stack: Stack, service: str, users: Iterable[str], *, schemes: tuple[str, ...]) -> tuple[Login, ...]:
    """Who to ask as. Without a password first: inside its own container a store often lets everybody in."""
    own = _environment(stack, service)
    name = own.get("POSTGRES_USER", "postgres" if "postgres" in schemes else "")
    found = [Login(user=name, database=own.get("POSTGRES_DB", name))]
    for user in users:
        for value in _environment(stack, user).values():
            login = _login_of(value, schemes)
            if login is not None:
                found.append(login)
    password = next((own[n] for n in ("POSTGRES_PASSWORD", "REDIS_PASSWORD", "VALKEY_PASSWORD") if own.get(n)), "")
    found.append(Login(user=name, password=password, database=own.get("POSTGRES_DB", name)))
    return tuple(dict.fromkeys(found))


def _environment(stack: Stack, service: str) -> Mapping[str, str]:
    try:
        return stack.environment(service)
    except StackError:
        return {}


def _login_of(value: str, schemes: tuple[str, ...]) -> Login | None:
    try:
        url = urllib.parse.urlsplit(value.strip())
        if url.scheme.split("+")[0] not in schemes:
            return None
        return Login(
            user=urllib.parse.unquote(url.username or ""),
            password=urllib.parse.unquote(url.password or ""),
            database=url.path.lstrip("/").split("?")[0],
        )
    except ValueError:
        return None


def _redis_cli(stack: Stack, service: str, login: Login, words: Sequence[str]) -> str:
    script = (
        '[ -z "$1" ] || export REDISCLI_AUTH="$1"; shift; '
        'for cli in redis-cli valkey-cli; do command -v "$cli" >/dev/null 2>&1 && exec "$cli" "$@"; done; exit 127'
    )
    done = stack.execute(service, ["sh", "-c", script, "sh", login.password, *words], timeout_seconds=ASK_SECONDS)
    reply = _output(done, service, "redis-cli")
    # redis-cli ends with 0 also when it is refused.
    if reply.lstrip().startswith(_REFUSALS):
        raise GatherError(f"Redis refuses {words[0]}: {reply.strip()[:100]}")
    return reply


def _psql(
    stack: Stack, service: str, login: Login, statement: str, *, timeout_seconds: float, settings: Mapping[str, str]
) -> str:
    # By its socket, else by TCP: where the socket is, only the server's own settings say.
    script = (
        "command -v psql >/dev/null 2>&1 || exit 127; "
        f'export PGPASSWORD="$1" PGCONNECT_TIMEOUT=5 PGAPPNAME={OWN_SESSIONS} PGCLIENTENCODING=UTF8 '
        'PGOPTIONS="$5"; for host in "" 127.0.0.1; do psql -X -A -t -w ${host:+-h "$host"} -U "$2" -d "$3" -c "$4"; code=$?; '
        # Only a connection that does not come about is tried the other way (psql ends with 2, documentation, Exit Status).
        '[ "$code" = 2 ] || exit "$code"; done; exit 2'
    )
    database = login.database or login.user or "postgres"
    options = " ".join(f"-c {name}={value}" for name, value in settings.items())
    command = ["sh", "-c", script, "sh", login.password, login.user or "postgres", database, statement, options]
    return _output(stack.execute(service, command, timeout_seconds=timeout_seconds), service, "psql")


def _output(done: Completed, service: str, program: str) -> str:
    if done.exit_code in COMMAND_NOT_FOUND:
        raise GatherError(f"{service} has no {program}, so its work cannot be counted from outside")
    if done.exit_code != 0:
        raise GatherError(f"{program} in {service} ended with {done.exit_code}: {done.output.strip()[-200:]}")
    return done.output


def _resp_ask(where: Endpoint, login: Login, words: Sequence[str]) -> str:
    """One command over a bare connection (RESP2, redis.io/docs/reference/protocol-spec)."""
    try:
        place = (where.host, where.port)
        with socket.create_connection(place, timeout=ASK_SECONDS) as connection, connection.makefile("rwb") as stream:
            if login.password:
                _resp(stream.write, stream.flush, ["AUTH", *([login.user] if login.user else []), login.password])
                if not (answer := stream.readline(4096)).startswith(b"+"):
                    raise GatherError(f"Redis refuses the login: {answer.decode('utf-8', 'replace').strip()[:100]}")
            _resp(stream.write, stream.flush, words)
            return _reply(stream, words[0])
    except (OSError, ValueError) as error:
        raise GatherError(f"Redis at {where.host}:{where.port} cannot be asked: {error}") from error


def _reply(stream: _Reader, asked: str) -> str:
    """One reply as ``redis-cli`` prints it where nobody watches: the elements of a list a line each."""
    head = stream.readline(4096)
    kind, rest = head[:1], head[1:].strip()
    if kind in {b"+", b":"}:
        return rest.decode("utf-8", "replace")
    if kind == b"$":
        length = int(rest)
        text = stream.read(min(max(length, 0), MAX_REPLY_BYTES)).decode("utf-8", "replace")
        if 0 <= length <= MAX_REPLY_BYTES:
            stream.read(2)
        return text
    if kind == b"*":
        return "\n".join(_reply(stream, asked) for _ in range(min(max(int(rest), 0), MAX_ELEMENTS)))
    raise GatherError(f"Redis refuses {asked}: {rest.decode('utf-8', 'replace')[:100]}")


def _resp(write: Callable[[bytes], object], flush: Callable[[], object], words: Sequence[str]) -> None:
    encoded = [word.encode() for word in words]
    write(b"*%d\r\n" % len(encoded) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in encoded))
    flush()


def _over_the_wire(
    where: Endpoint, login: Login, statement: str, timeout_seconds: float, settings: Mapping[str, str]
) -> str:
    try:
        import asyncpg  # noqa: PLC0415  # optional: only the demo's extra brings it
    except ImportError as error:
        raise GatherError("asking PostgreSQL needs the package asyncpg: pip install asyncpg") from error

    async def ask() -> str:
        connection = await asyncpg.connect(
            host=where.host,
            port=where.port,
            user=login.user or "postgres",
            password=login.password or None,
            database=login.database or login.user or "postgres",
            timeout=5,
            server_settings={"application_name": OWN_SESSIONS, **settings},
        )
        try:
            return str(await connection.fetchval(statement))
        except asyncpg.InsufficientPrivilegeError:
            raise
        except asyncpg.PostgresError as error:
            words = f"{type(error).__name__}: {str(error)[:200]}"
            raise _StatementError(f"PostgreSQL at {where.host}:{where.port} refuses a statement: {words}") from error
        finally:
            await connection.close(timeout=2)

    try:
        return run_bounded(ask(), at_most_seconds=timeout_seconds)
    except (OSError, TimeoutError, asyncio.CancelledError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise GatherError(f"PostgreSQL at {where.host}:{where.port} cannot be asked: {type(error).__name__}") from error
