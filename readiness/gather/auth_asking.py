"""Asking one stack as different people, patiently where its limiter refuses."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, cast

from readiness.exceptions import StackError
from readiness.facts.http import Exchange, StatusClass
from readiness.instruments.identity import PLAIN, Identity, filled, identity_from, log_in
from readiness.instruments.raw_http import send_raw
from readiness.verdict import Inconclusive

if TYPE_CHECKING:
    from readiness.instruments.client import HttpClient
    from readiness.runtime import Stack
    from readiness.target import Entry, Login, Request, Target

__all__ = ["Asker", "shown", "user_named"]

#: The longest that all refusals of a limiter together may hold up: two windows of a minute.
PATIENCE_SECONDS = 120.0
#: After so long nothing is sent any more: a service that hangs at every request would hold the audit up for an hour.
BUDGET_SECONDS = 240.0
#: Where a refusal does not say how long it lasts.
UNTOLD_WAIT_SECONDS = 15.0
#: Why something was not sent.
LATE = f"not sent: {BUDGET_SECONDS:.0f} s for all trials are over"


def user_named(login: Login, purpose: str, *, password: str = "", nth: int = 0) -> Mapping[str, str] | None:
    """Somebody to be: a user of our own where people can register, else the nth declared one, or None.

    Every part of the first user is made our own, because an address has to be unique as well as a name.
    """
    if login.request is None or not login.users:
        return None
    if login.register is None:
        return login.users[nth] if nth < len(login.users) else None
    first = login.users[0]
    own = {key: f"{purpose}-{text}" if key == "name" or "@" in text else text for key, text in first.items()}
    return {**own, "password": password or first["password"]}


def shown(request: Request, entry: Entry) -> str:
    """``"GET /me via proxy"``: how evidence names a request."""
    return f"{request.method} {request.path} via {entry.name}"


class Asker:
    """Sends requests through one entry and waits where a limiter says so, up to a bound for all waits together.

    Args:
        target: the declaration.
        stack: where it runs.
        http: asks it.
        sleep: waits.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        target: Target,
        stack: Stack,
        http: HttpClient,
        *,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.target, self.stack = target, stack
        self._http, self._sleep, self._clock = http, sleep, clock
        self._deadline = clock() + BUDGET_SECONDS
        self._patience_seconds = PATIENCE_SECONDS

    @property
    def entry(self) -> Entry:
        """Where requests enter."""
        return self.target.entries[0]

    @property
    def environment(self) -> Mapping[str, str]:
        """Variables of the service under audit."""
        return self.stack.environment(self.target.service) if self.target.service else {}

    def send(self, request: Request, headers: Mapping[str, str] | None = None) -> Exchange:
        """The answer; what cannot be sent at all is recorded like what is not answered."""
        return self._patiently(lambda: self._send(request, headers or {}))

    def send_once(self, request: Request) -> Exchange:
        """The answer, also where it is that a limiter refuses."""
        return self._send(request, {})

    def send_bytes(self, request: Request, headers: Mapping[str, str], *, entry: Entry) -> tuple[int | None, str]:
        """Status, or why there is none, for headers that no library sends."""
        lines = tuple(headers.items())
        while True:
            if self.is_late:
                return None, LATE
            answer = send_raw(self.stack, entry, method=request.method, path=request.path, headers=lines)
            if not self.wait(answer.status, next(iter(answer.all("retry-after")), "")):
                return answer.status, answer.error or ""

    def sent_login(self, user: Mapping[str, str]) -> tuple[int | None, Identity | None]:
        """The status of a login, and who it makes its caller; nobody where it was refused.

        A page with the form on it again, under the status of a success, is a refusal too: it identifies nobody.
        """
        login = self.target.login
        assert login is not None  # noqa: S101  # callers have looked
        assert login.request is not None  # noqa: S101
        answer = self.send(filled(login.request, user))
        try:
            return answer.status, identity_from(answer, login, login.request, user)
        except Inconclusive:
            return answer.status, None

    def log_in(self, user: Mapping[str, str] | None, *, register: bool = True) -> Identity:
        """Become ``user``.

        Raises:
            Inconclusive: as :func:`readiness.instruments.identity.log_in`.
        """
        login = self.target.login
        assert login is not None  # noqa: S101  # callers have looked
        if not register:
            login = dataclasses.replace(login, register=None)
        patient = cast("HttpClient", _Patient(self, self._http))
        return log_in(patient, self.entry, login, environment=self.environment, user=user)

    def wait(self, status: int | None, said: str) -> bool:
        """Whether it is worth asking again, after the wait that a limiter asks for in ``Retry-After``."""
        if status != HTTPStatus.TOO_MANY_REQUESTS or self._patience_seconds <= 0:
            return False
        seconds = float(said[:9]) + 1 if said.isascii() and said.isdigit() else UNTOLD_WAIT_SECONDS
        seconds = min(seconds, self._patience_seconds)
        self._patience_seconds -= seconds
        self._sleep(seconds)
        return True

    def pause(self, seconds: float) -> None:
        """Leave the target alone for a while."""
        self._sleep(seconds)

    @property
    def is_late(self) -> bool:
        """Whether the time for all of it is up."""
        return self._clock() > self._deadline

    def _send(self, request: Request, headers: Mapping[str, str]) -> Exchange:
        if self.is_late:
            return self.unsent(request, LATE)
        try:
            return self._http.send(self.entry, request, headers={**PLAIN, **headers})
        except StackError as error:
            return self.unsent(request, str(error))

    def unsent(self, request: Request, why: str) -> Exchange:
        """The record of a request that did not leave."""
        url = f"{self.entry.service}{request.path}"
        return Exchange(entry=self.entry.name, purpose=StatusClass.OK, method=request.method, url=url, error=why[:300])

    def _patiently(self, ask: Callable[[], Exchange]) -> Exchange:
        answer = ask()
        while self.wait(answer.status, answer.first("retry-after") or ""):
            answer = ask()
        return answer


class _Patient:
    """A client for the login, whose requests are limited like all others."""

    def __init__(self, asker: Asker, http: HttpClient) -> None:
        self._asker, self._http = asker, http

    def send(self, entry: Entry, request: Request, **options: Any) -> Exchange:
        while True:
            if self._asker.is_late:
                return self._asker.unsent(request, LATE)
            answer = self._http.send(entry, request, **options)
            if not self._asker.wait(answer.status, answer.first("retry-after") or ""):
                return answer
