"""What the gatherers of persistence share: requests of a user of their own, and waiting until a store or the stack is back."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from readiness.exceptions import ReadinessError, StackError
from readiness.facts.http import Exchange, StatusClass
from readiness.failures.shape import value_at
from readiness.gather.input_limits import app_entry
from readiness.gather.own_user import own_user
from readiness.instruments.client import HttpClient
from readiness.instruments.identity import PLAIN, masked
from readiness.instruments.stores import ask_postgres, ask_redis
from readiness.runtime import Stack
from readiness.target import Entry, ProbeKind, Request, Role, Target
from readiness.verdict import Inconclusive

if TYPE_CHECKING:
    from readiness.instruments.identity import Identity

__all__ = [
    "Requester",
    "app_database",
    "here",
    "id_at",
    "is_accepted",
    "rows_with",
    "store_users",
    "wait_for",
    "wait_redis",
    "wait_served",
]

#: A store that reads its files back, on a busy machine.
STORE_SECONDS = 30.0
SERVED_SECONDS = 60.0
PAUSE_SECONDS = 0.25
KEPT_CHARS = 2000
MAX_ID_CHARS = 200
_FIRST_ERROR = 500
_FIRST_SUCCESS, _FIRST_NOT_SUCCESS = 200, 300

#: The application's database: the one with most of its sessions, else where most of the user's tables are found.
_DATABASE = """
select coalesce((select datname from pg_stat_activity where backend_type = 'client backend' and datname is not null
and pid <> pg_backend_pid() and application_name <> 'readiness-audit' group by 1 order by count(*) desc limit 1), '')
"""
#: Rows of every table that hold a text, counted one table after the other in one statement.
_ROWS = """
select coalesce(sum((xpath('/row/c/text()', query_to_xml(format(
'select count(*) as c from %I.%I t where strpos(t::text, %L) > 0', n.nspname, c.relname, '{text}'),
false, true, '')))[1]::text::bigint), 0)::text
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'r' and n.nspname <> 'information_schema' and n.nspname not like 'pg\\_%'
"""


class Requester:
    """Sends the requests of one gatherer past the proxy, as a user of its own where a request needs one.

    Args:
        target, stack, http: where.
        purpose: begins the user's name.

    Raises:
        Inconclusive: there is no entry.
    """

    def __init__(self, target: Target, stack: Stack, http: HttpClient, purpose: str) -> None:
        entry = app_entry(target)
        if entry is None:
            raise Inconclusive("there is no entry to ask", undeclared="entry", supply="entry: {service: web, port: 80}")
        self.entry: Entry = entry
        self._target, self._stack, self._http, self._purpose = target, stack, http, purpose
        self._identity: Identity | None = None

    def send(
        self, request: Request, *, headers: Mapping[str, str] | None = None, timeout_seconds: float = 15.0
    ) -> Exchange:
        """Send one request; silence is recorded, not raised.

        Raises:
            Inconclusive: it needs a user, and nobody can log in.
        """
        own, secrets = self.headers_for(request)
        return self.send_with(self._http, request, {**own, **(headers or {})}, secrets, timeout_seconds)

    def forget(self) -> None:
        """Log in anew for the next request: what ended may have been where sessions are kept."""
        self._identity = None

    def headers_for(self, request: Request) -> tuple[Mapping[str, str], frozenset[str]]:
        """What a request of this user carries, and what of it is secret.

        Raises:
            Inconclusive: it needs a user, and nobody can log in.
        """
        if request.as_user == "anonymous":
            return {}, frozenset()
        if self._identity is None:
            self._identity = own_user(self._target, self._stack, self._http, self._purpose, entry=self.entry)
        return self._identity.headers, self._identity.secrets

    def send_with(
        self,
        http: HttpClient,
        request: Request,
        headers: Mapping[str, str],
        secrets: frozenset[str],
        timeout_seconds: float,
    ) -> Exchange:
        """Send one request by another client; for several at once."""
        try:
            answer = http.send(self.entry, request, headers={**PLAIN, **headers}, timeout_seconds=timeout_seconds)
        except StackError as error:
            url = f"{self.entry.service}:{self.entry.port}{request.path}"
            answer = Exchange(
                entry=self.entry.name, purpose=StatusClass.OK, method=request.method, url=url, error=str(error)[:300]
            )
        shown = masked(answer, secrets)
        return dataclasses.replace(shown, body=shown.body[:KEPT_CHARS], request_headers=())


def is_accepted(answer: Exchange, request: Request) -> bool:
    """Whether it was answered as the owner expects."""
    accepted = request.expect or range(_FIRST_SUCCESS, _FIRST_NOT_SUCCESS)
    return answer.status in accepted


def id_at(answer: Exchange, place: str) -> str:
    """The id at a dotted place of the answer's body; empty where there is none."""
    found = value_at(answer, place)
    return str(found)[:MAX_ID_CHARS] if isinstance(found, str | int) and not isinstance(found, bool) else ""


def here(target: Target, stack: Stack, *roles: Role) -> tuple[str, ...]:
    """The services of these roles that this stack has."""
    named = dict.fromkeys(service for role in roles for service in target.services_of(role))
    return tuple(service for service in named if service in stack.services)


def store_users(target: Target) -> tuple[str, ...]:
    """Services whose variables may hold a store's login."""
    roles = (target.services_of(role) for role in (Role.APP, Role.WORKER))
    return tuple(dict.fromkeys([*([target.service] if target.service else []), *(s for some in roles for s in some)]))


def wait_for(
    is_there: Callable[[], bool], *, at_most_seconds: float, sleep: Callable[[float], None] = time.sleep
) -> float | None:
    """Ask until it is so; the seconds that took, or None where it did not come."""
    began = time.monotonic()
    while True:
        if is_there():
            return round(time.monotonic() - began, 3)
        if time.monotonic() - began > at_most_seconds:
            return None
        sleep(PAUSE_SECONDS)


def wait_redis(stack: Stack, service: str, users: tuple[str, ...]) -> float | None:
    """Wait until a Redis answers commands; the seconds, or None."""

    def answers() -> bool:
        try:
            return bool(ask_redis(stack, service, ("EVAL", "return 'yes'", "0"), users=users).strip())
        except ReadinessError:
            return False

    return wait_for(answers, at_most_seconds=STORE_SECONDS)


def wait_served(target: Target, requester: Requester) -> float | None:
    """Wait until the service calls itself ready, or answers the ordinary request without an error; the seconds, or None."""
    probe = target.probes.get(ProbeKind.READY)
    if probe is None:
        request, accepted = target.steady_request, set(target.steady_request.expect)
    else:
        request = Request(path=probe.path, service=probe.service, port=probe.port)
        accepted = set(probe.expect)

    def is_well() -> bool:
        status = requester.send(dataclasses.replace(request, as_user="anonymous"), timeout_seconds=5.0).status
        return status is not None and (status in accepted if accepted else status < _FIRST_ERROR)

    return wait_for(is_well, at_most_seconds=SERVED_SECONDS)


def app_database(stack: Stack, service: str, users: tuple[str, ...]) -> str:
    """The database that the application has sessions in; empty where it has none.

    Raises:
        GatherError, StackError: it cannot be asked.
    """
    return ask_postgres(stack, service, _DATABASE, users=users).strip()


def rows_with(stack: Stack, service: str, text: str, users: tuple[str, ...]) -> int | None:
    """How many rows of the application's database hold a text of letters and digits; None where it cannot be told."""
    if not text.replace("-", "").isalnum():
        return None
    try:
        database = app_database(stack, service, users)
        answer = ask_postgres(stack, service, _ROWS.format(text=text), users=users, database=database)
        return int(answer.strip())
    except (ReadinessError, ValueError):
        return None
