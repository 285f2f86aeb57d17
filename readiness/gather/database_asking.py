"""What the gatherers of database connections share: a request that needs the database, counts, and many at once."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from readiness.declared.errors import errors_of
from readiness.exceptions import ReadinessError
from readiness.gather.own_user import own_user
from readiness.gather.store_asking import Requester, app_database, here, store_users
from readiness.instruments.client import HttpClient
from readiness.instruments.stores import OWN_SESSIONS, ask_postgres
from readiness.runtime import Stack
from readiness.target import Request, Role, Target
from readiness.verdict import Inconclusive

if TYPE_CHECKING:
    from readiness.facts.http import Exchange

__all__ = ["SESSIONS", "TOO_MANY", "Bench", "bench_of", "log_lines"]

TOO_MANY = 429
#: The application's sessions: those of clients that are not the audit's own.
SESSIONS = (
    "from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid() "
    f"and application_name <> '{OWN_SESSIONS}'"
)


@dataclasses.dataclass(kw_only=True)
class Bench:
    """One PostgreSQL, and the request that needs it.

    ``slowest_look_seconds`` is the longest that a connection and a question of the audit's own took: what the application's
    connections cannot be expected to be quicker than.
    """

    target: Target
    stack: Stack
    service: str
    request: Request
    requester: Requester
    database: str = ""
    slowest_look_seconds: float = 0.0

    @property
    def label(self) -> str:
        """The request as evidence names it."""
        return f"{self.request.method} {self.request.path}"

    def ask(self, statement: str) -> str:
        """One value from the database.

        Raises:
            GatherError, StackError: it does not come.
        """
        users, began = store_users(self.target), time.monotonic()
        answer = ask_postgres(self.stack, self.service, statement, users=users, database=self.database).strip()
        self.slowest_look_seconds = max(self.slowest_look_seconds, time.monotonic() - began)
        return answer

    def number(self, statement: str) -> int:
        """One figure.

        Raises:
            GatherError, StackError: it does not come.
        """
        answer = self.ask(statement)
        return int(answer) if answer.lstrip("-").isdecimal() else 0

    def sessions(self) -> int:
        """Connections of the application now."""
        return self.number(f"select count(*) {SESSIONS}")

    def end_sessions(self) -> int:
        """End every connection of the application from the server's side; how many that were."""
        return self.number(f"select count(*) filter (where pg_terminate_backend(pid)) {SESSIONS}")

    def learn_database(self) -> None:
        """Which database is the application's, while it has sessions there."""
        self.database = app_database(self.stack, self.service, store_users(self.target))

    def send(self, *, timeout_seconds: float = 15.0) -> Exchange:
        """The request once."""
        return self.requester.send(self.request, timeout_seconds=timeout_seconds)

    def send_many(self, count: int, *, at_once: int, timeout_seconds: float) -> tuple[Exchange, ...]:
        """The request ``count`` times, ``at_once`` of them at a time; in the order in which they were sent."""
        # A client of their own each: a shared one has one pool of connections and its limits.
        headers, secrets = self.requester.headers_for(self.request)

        def one(_: int) -> Exchange:
            with HttpClient(self.stack) as http:
                return self.requester.send_with(http, self.request, headers, secrets, timeout_seconds)

        with ThreadPoolExecutor(at_once) as pool:
            return tuple(pool.map(one, range(count)))


def bench_of(target: Target, stack: Stack, http: HttpClient, purpose: str) -> Bench | dict[str, str]:
    """The bench for the first database that is a PostgreSQL, or why there is none: part -> reason."""
    services = here(target, stack, Role.DB)
    if not services:
        return {"database": "no service of the stack has the role db"}
    reasons: dict[str, str] = {}
    for service in services:
        request = _request(target, service)
        if request is None:
            reasons[service] = "not configured: errors.needs"
            continue
        bench = Bench(
            target=target,
            stack=stack,
            service=service,
            request=request,
            requester=Requester(target, stack, http, purpose),
        )
        try:
            bench.ask("select 1")
        except ReadinessError as error:
            reasons[service] = f"only PostgreSQL can be asked, and it could not be: {error}"[:300]
            continue
        bench.request = _of_a_user(target, stack, http, bench, purpose)
        return bench
    return reasons


def _request(target: Target, service: str) -> Request | None:
    """What cannot be answered without the database: declared, else the ordinary request."""
    return errors_of(target).needs.get(service) or target.paths.ok


def _of_a_user(target: Target, stack: Stack, http: HttpClient, bench: Bench, purpose: str) -> Request:
    """As a user of its own where one can be had: callers without one share a limit with all others."""
    request = bench.request
    is_counted_by_user = any(limit.key == "user" for limit in target.limits)
    if request.as_user != "anonymous" or not is_counted_by_user:
        return request
    try:
        own_user(target, stack, http, purpose, entry=bench.requester.entry)
    except Inconclusive:
        return request
    return dataclasses.replace(request, as_user="user")


def log_lines(text: str, *patterns: str, most: int = 5) -> tuple[str, ...]:
    """The lines of a log that hold one of these texts, each at most 300 characters."""
    found: Iterable[str] = (line for line in text.splitlines() if any(pattern in line for pattern in patterns))
    return tuple(line[:300] for line in list(found)[:most])
