"""One request that needs a dependency, asked beside an outage of it: before, meanwhile, afterwards."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable, Mapping

from readiness.declared.errors import errors_of
from readiness.exceptions import StackError
from readiness.facts.errors import ErrorLeak, NeedingAnswer
from readiness.facts.http import Exchange, StatusClass
from readiness.facts.probe_body import mask
from readiness.failures.leaks import leaks_of
from readiness.failures.shape import is_good
from readiness.gather.error_asking import inside_of, sent_text
from readiness.gather.own_user import own_user
from readiness.instruments.client import HttpClient
from readiness.instruments.identity import PLAIN, masked
from readiness.runtime import Stack
from readiness.target import Entry, Request, Role, Target
from readiness.verdict import Inconclusive

__all__ = ["Needing", "needing_of"]

#: The client's patience: longer than any answer that a check would let pass.
ANSWER_SECONDS = 16.0
#: The probes are well already; what a pool still has to notice takes less.
RECOVERY_SECONDS = 10.0
KEPT_CHARS = 4000
FIRST_ERROR = 400


class Needing:
    """Asks, and collects the answers.

    Attributes:
        answers: so far.
    """

    def __init__(
        self,
        target: Target,
        stack: Stack,
        http: HttpClient,
        request: Request,
        *,
        is_declared: bool,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._stack, self._http, self._request, self._sleep = stack, http, request, sleep
        self._is_declared = is_declared
        own = (entry for entry in target.entries if entry.service == target.service)
        self._entry: Entry = next(own, target.entries[0])
        self._inside = inside_of(stack)
        self._headers: Mapping[str, str] = {}
        self._secrets: frozenset[str] = frozenset()
        self._thread: threading.Thread | None = None
        self.answers: list[NeedingAnswer] = []
        if request.as_user != "anonymous":
            try:
                identity = own_user(target, stack, http, "needing", entry=self._entry)
            except Inconclusive:
                return  # it is then refused at rest already, which is what the check reads
            self._headers, self._secrets = identity.headers, identity.secrets

    def ask(self, phase: str) -> Exchange:
        """One answer, kept under this phase."""
        purpose = StatusClass.UNAVAILABLE
        headers = {**PLAIN, **self._headers}
        try:
            answer = self._http.send(
                self._entry, self._request, purpose=purpose, headers=headers, timeout_seconds=ANSWER_SECONDS
            )
        except StackError as error:
            url = f"{self._entry.service}:{self._entry.port}{self._request.path}"
            answer = Exchange(
                entry=self._entry.name, purpose=purpose, method=self._request.method, url=url, error=str(error)[:300]
            )
        leaks: tuple[ErrorLeak, ...] = ()
        if (answer.status or 0) >= FIRST_ERROR:
            sent = sent_text(self._stack, self._entry, self._request, answer)
            where = f"{answer.label[:200]}, {phase}"
            leaks = leaks_of(where, answer.body, answer.headers, sent=sent, inside=self._inside)
        shown = masked(answer, self._secrets)
        shown = dataclasses.replace(shown, body=mask(shown.body, self._inside.secrets)[:KEPT_CHARS])
        self.answers.append(NeedingAnswer(phase=phase, exchange=shown, is_declared=self._is_declared, leaks=leaks))
        return answer

    def ask_until_good(self, phase: str) -> None:
        """Ask until it is well again, or time is up; the last answer counts."""
        deadline = time.monotonic() + RECOVERY_SECONDS
        while not is_good(self.ask(phase)) and time.monotonic() < deadline:
            self.answers.pop()
            self._sleep(0.5)

    def begin(self, phase: str) -> None:
        """Ask beside whatever else is going on, because the answer may take its time."""
        self._thread = threading.Thread(target=self.ask, args=(phase,), name="readiness-needing", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Wait for the answer that was begun."""
        if self._thread is not None:
            self._thread.join(ANSWER_SECONDS + 2)
            self._thread = None


def needing_of(
    target: Target, stack: Stack, http: HttpClient, *, role: Role | None, services: tuple[str, ...]
) -> Needing | None:
    """For the request that the owner names for one of ``services``; for the database else the ordinary request."""
    if not target.entries:
        return None
    declared = next((r for s, r in errors_of(target).needs.items() if s in services), None)
    request = declared or (target.paths.ok if role is Role.DB else None)
    if request is None:
        return None
    return Needing(target, stack, http, request, is_declared=declared is not None)
