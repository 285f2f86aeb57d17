"""One request with one idempotency key, again after a restart and a crash; and a key whose first attempt failed."""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from readiness.check import Impact
from readiness.declared.persistence import UNIQUE, Idempotency, idempotency_of
from readiness.exceptions import StackError, UnsupportedError
from readiness.facts.http import Exchange
from readiness.facts.persistence import IdempotentRepeats, Repeat
from readiness.gather import gatherer
from readiness.gather.probe_outage import require_stop
from readiness.gather.store_asking import (
    Requester,
    here,
    id_at,
    is_accepted,
    rows_with,
    store_users,
    wait_for,
    wait_redis,
    wait_served,
)
from readiness.instruments.client import HttpClient
from readiness.instruments.faults import Fault, Faults
from readiness.instruments.identity import filled
from readiness.runtime import Progress, Stack
from readiness.target import Request, Role, Target

__all__ = ["idempotent_repeats"]

FAULT_SECONDS = 90.0
#: A first attempt that fails, and a pool that has to notice that its store is back.
ANSWER_SECONDS = 16.0
RECOVERY_SECONDS = 20.0
_FIRST_ERROR = 500


@gatherer(impact=Impact.DISRUPTS, at_most_seconds=240)
def idempotent_repeats(
    target: Target, stack: Stack, http: HttpClient, faults: Faults, progress: Progress
) -> IdempotentRepeats:
    """Send, repeat, end Redis and the service cleanly and by a crash, repeat; then fail a first attempt and repeat."""
    declared = idempotency_of(target)
    if declared is None:
        return IdempotentRepeats(not_done={"idempotency": "not configured: idempotency"})
    require_stop(stack)
    progress("a request with an idempotency key, through restarts", at_most_seconds=120)
    return _Scenario(
        target=target,
        stack=stack,
        faults=faults,
        declared=declared,
        requester=Requester(target, stack, http, "idempotency"),
    ).run()


@dataclass(kw_only=True)
class _Scenario:
    target: Target
    stack: Stack
    faults: Faults
    declared: Idempotency
    requester: Requester
    fact: IdempotentRepeats = field(default_factory=IdempotentRepeats)

    def run(self) -> IdempotentRepeats:
        text, request = self._request()
        key = uuid.uuid4().hex
        first = self._send(request, key)
        self.fact = IdempotentRepeats(first=first, first_id=id_at(first, self.declared.id), first_rows=self._rows(text))
        if not is_accepted(first, request):
            return self.fact
        other = self._send(self._request()[1], uuid.uuid4().hex)
        self.fact = dataclasses.replace(self.fact, other=other, other_id=id_at(other, self.declared.id))
        self._repeat("at once", request, key, text)
        for how in ("restart", "crash"):
            try:
                self._end_all(how)
            except UnsupportedError as error:
                self._miss(how, str(error)[:200])
                continue
            self._repeat(how, request, key, text)
        self._failed_first()
        return self.fact

    def _request(self) -> tuple[str, Request]:
        text = f"readiness{uuid.uuid4().hex[:12]}"
        return text, filled(self.declared.request, {UNIQUE.strip("{}"): text})

    def _send(self, request: Request, key: str) -> Exchange:
        return self.requester.send(request, headers={self.declared.header: key}, timeout_seconds=ANSWER_SECONDS)

    def _rows(self, text: str) -> int | None:
        """Rows that hold the text; where the owner's request has no place for it, nothing can be counted."""
        services = here(self.target, self.stack, Role.DB)
        if not services or UNIQUE not in repr(self.declared.request):
            return None
        return rows_with(self.stack, services[0], text, store_users(self.target))

    def _repeat(self, after: str, request: Request, key: str, text: str) -> None:
        answer = self._send(request, key)
        repeat = Repeat(after=after, answer=answer, id=id_at(answer, self.declared.id), rows=self._rows(text))
        self.fact = dataclasses.replace(self.fact, repeats=(*self.fact.repeats, repeat))

    def _end_all(self, how: str) -> None:
        """End every Redis, then the service, and wait until it serves again."""
        way: Callable[..., AbstractContextManager[Fault]]
        way = self.faults.crashed if how == "crash" else self.faults.stopped
        ended = []
        for service in (*here(self.target, self.stack, Role.REDIS), *here(self.target, self.stack, Role.APP)):
            with way(service, at_most_seconds=FAULT_SECONDS):
                pass
            if service in self.target.services_of(Role.REDIS):
                wait_redis(self.stack, service, store_users(self.target))
            ended.append(service)
        if wait_served(self.target, self.requester) is None:
            self._miss(how, "the service was not ready again in time")
        self.requester.forget()
        self.fact = dataclasses.replace(self.fact, events=(*self.fact.events, f"{how} of {', '.join(ended)}"))

    def _failed_first(self) -> None:
        """A first attempt while the database is stopped, and the same request when it is back."""
        services = here(self.target, self.stack, Role.DB)
        if not services:
            self._miss("failure", "there is no database to be stopped, so no first attempt could be made to fail")
            return
        text, request = self._request()
        key = uuid.uuid4().hex
        with self.faults.stopped_all(*services, at_most_seconds=FAULT_SECONDS):
            failed = self._send(request, key)
        self.fact = dataclasses.replace(self.fact, failed=failed)
        if wait_served(self.target, self.requester) is None:
            self._miss("failure", "the service was not ready again in time after its database's return")
        last: list[Exchange] = []

        def is_over() -> bool:
            # The service's own connections may take a moment more; an answer below 500 is its last word.
            try:
                last[:] = [self._send(request, key)]
            except StackError:
                return False
            return last[0].status is not None and last[0].status < _FIRST_ERROR

        wait_for(is_over, at_most_seconds=RECOVERY_SECONDS)
        if last:
            repeat = Repeat(after="failure", answer=last[0], id=id_at(last[0], self.declared.id), rows=self._rows(text))
            self.fact = dataclasses.replace(self.fact, repeats=(*self.fact.repeats, repeat))

    def _miss(self, part: str, why: str) -> None:
        self.fact = dataclasses.replace(self.fact, not_done={**self.fact.not_done, part: why})
