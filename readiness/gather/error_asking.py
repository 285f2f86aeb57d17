"""Asking a stack that is there to be spoilt: as users of its own, searching every error answer before it is masked."""

from __future__ import annotations

import dataclasses
from http import HTTPStatus

from readiness.exceptions import StackError, UnsupportedError
from readiness.facts.errors import ErrorLeak
from readiness.facts.http import Exchange, StatusClass
from readiness.facts.probe_body import mask
from readiness.failures.leaks import Inside, leaks_of
from readiness.gather.own_user import own_user
from readiness.gather.probe_asking import known_secrets
from readiness.instruments.client import HttpClient
from readiness.instruments.identity import PLAIN, Identity, masked
from readiness.runtime import Stack
from readiness.target import Entry, Request, Target
from readiness.verdict import Inconclusive

__all__ = ["ErrorAsker", "inside_of", "sent_text"]

MAX_LEAKS = 30
MAX_USERS = 4
KEPT_CHARS = 4000
FIRST_ERROR = 400


def inside_of(stack: Stack) -> Inside:
    """What a stack's error answers must not tell."""
    environments = {}
    for service in stack.services:
        try:
            environments[service] = stack.environment(service)
        except (StackError, UnsupportedError):
            environments[service] = {}
    return Inside.of(environments, known_secrets(stack))


def sent_text(stack: Stack, entry: Entry, request: Request, answer: Exchange) -> str:
    """All that was sent, so that an echo can be told from a leak."""
    try:
        where = stack.endpoint(request.service or entry.service, request.port or entry.port)
        address = f"{where.host}:{where.port}"
    except (StackError, UnsupportedError):
        address = ""
    lines = [f"{name}: {value}" for name, value in answer.request_headers]
    content = request.content()[0].decode("utf-8", "replace")
    return "\n".join([answer.url, request.path, address, *lines, content])


class ErrorAsker:
    """Sends requests to one stack; where a limiter refuses one user, the next one asks.

    Attributes:
        leaks: what the error answers gave away so far; ``searched`` how many there were.
        is_refused: a limiter refuses every user that could be made.
    """

    def __init__(self, target: Target, stack: Stack, http: HttpClient, *, purpose: str) -> None:
        self.target, self.stack, self._http, self._purpose = target, stack, http, purpose
        self._inside = inside_of(stack)
        self._users: list[Identity] = []
        self._no_more_users = ""
        self.leaks: list[ErrorLeak] = []
        self.searched = 0
        self.is_refused = False
        self._next_user()

    @property
    def identity(self) -> Identity | None:
        """Who asks now."""
        return self._users[-1] if self._users else None

    def _next_user(self) -> bool:
        if self._no_more_users or len(self._users) >= MAX_USERS:
            return False
        number = len(self._users) + 1
        try:
            user = own_user(self.target, self.stack, self._http, f"{self._purpose}{number}")
        except Inconclusive as reason:
            self._no_more_users = reason.reason
            return False
        if any(user.name == known.name for known in self._users):
            self._no_more_users = "the login knows no further user"
            return False
        self._users.append(user)
        return True

    def ask(
        self,
        entry: Entry,
        request: Request,
        *,
        purpose: StatusClass = StatusClass.ERROR,
        anonymous: bool = False,
        timeout_seconds: float = 10.0,
    ) -> Exchange:
        """One answer: searched, masked, cut. Everything but ``anonymous`` is asked as a user: limits count by user."""
        while True:
            headers = {} if anonymous or self.identity is None else self.identity.headers
            answer = self._http.send(
                entry, request, purpose=purpose, headers={**PLAIN, **headers}, timeout_seconds=timeout_seconds
            )
            if answer.status != HTTPStatus.TOO_MANY_REQUESTS or anonymous:
                break
            if not self._next_user():
                self.is_refused = True
                break
        return self._kept(entry, request, answer)

    def _kept(self, entry: Entry, request: Request, answer: Exchange) -> Exchange:
        if answer.status is not None and answer.status >= FIRST_ERROR:
            self.searched += 1
            sent = sent_text(self.stack, entry, request, answer)
            for leak in leaks_of(answer.label[:200], answer.body, answer.headers, sent=sent, inside=self._inside):
                # One example of a kind is enough, whatever provoked it.
                if leak.kind not in {known.kind for known in self.leaks} and len(self.leaks) < MAX_LEAKS:
                    self.leaks.append(leak)
        secrets = self.identity.secrets if self.identity is not None else frozenset[str]()
        shown = masked(answer, secrets)
        return dataclasses.replace(shown, body=mask(shown.body, self._inside.secrets)[:KEPT_CHARS])
