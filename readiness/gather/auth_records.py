"""What one user can do with another one's record and job."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from readiness.declared.record import record_of
from readiness.declared.request import request_of
from readiness.facts.auth import Isolation, Trial, TrialKind
from readiness.facts.http import Exchange
from readiness.gather.auth_asking import Asker, shown, user_named
from readiness.instruments.identity import Identity, filled
from readiness.target import Request
from readiness.verdict import Inconclusive

__all__ = ["try_records"]


def try_records(asker: Asker) -> Isolation:
    """A creates, B reads, lists, changes and deletes; what A sees before and afterwards."""
    target, login = asker.target, asker.target.login
    record, jobs = record_of(target), target.extra.get("jobs") or {}
    has_job = "enqueue" in jobs and "result" in jobs
    if record is None and not has_job:
        key = "" if "record" in target.declined else "record"
        return Isolation(problem=target.declined.get("record", "not configured: record"), undeclared=key)
    if login is None:
        return Isolation(problem=target.declined.get("login", "no login is configured"), undeclared="login")
    owner, stranger = user_named(login, "auth-owner", nth=0), user_named(login, "auth-stranger", nth=1)
    if owner is None or stranger is None:
        return Isolation(
            problem="two users are needed: login.register, or two in login.users", undeclared="login.users"
        )
    try:
        trying = _Trying(asker, asker.log_in(owner), asker.log_in(stranger))
    except Inconclusive as reason:
        return Isolation(problem=reason.reason)
    if record is not None:
        trying.record(record)
    if has_job:
        trying.job(request_of(jobs["enqueue"]), str(jobs.get("id", "id")), request_of(jobs["result"]))
    return Isolation(
        trials=tuple(trying.trials),
        changed=tuple(trying.changed),
        public=tuple(trying.public),
        not_told=tuple(trying.not_told),
    )


class _Trying:
    """Collects what the stranger is answered."""

    def __init__(self, asker: Asker, owner: Identity, stranger: Identity) -> None:
        self._asker, self._owner, self._stranger = asker, owner, stranger
        self.trials: list[Trial] = []
        self.changed: list[str] = []
        self.public: list[str] = []
        self.not_told: list[str] = []

    def record(self, record: Any) -> None:
        """The declared record, from its creation to its end."""
        place = self._created(record.create, record.id)
        if place is None:
            return
        before = self._read(record.read, place)
        for words, request in (("reads", record.read), ("changes", record.update), ("deletes", record.delete)):
            if request is None:
                continue
            if request.as_user == "anonymous" and words == "reads":
                self.public.append(shown(request, self._asker.entry))
                continue
            # Changing and deleting is proven possible by the owner, afterwards and last.
            self._try(words, filled(request, {"id": place}), before.status if words == "reads" and before else None)
        self._list(record, place)
        after = self._read(record.read, place)
        if before is not None and after is not None and _is_success(before):
            if not _is_success(after):
                self.changed.append(f"the owner's record is gone: {before.status} before, {after.status} afterwards")
            elif before.body != after.body and record.update is not None:
                self.changed.append("the owner's record reads otherwise than before")
        self._prove(record, place)

    def job(self, enqueue: Request, at: str, result: Request) -> None:
        """A job is a record that is only read."""
        place = self._created(enqueue, at)
        if place is None:
            return
        if result.as_user == "anonymous":
            self.public.append(shown(result, self._asker.entry))
            return
        ready = filled(result, {"id": place})
        before = self._asker.send(ready, self._owner.headers)
        self._try("reads", ready, before.status)

    def _created(self, create: Request, at: str) -> str | None:
        answer = self._asker.send(create, self._owner.headers)
        place = _place(answer.body, at)
        if not _is_success(answer) or place is None:
            self.not_told.append(f"{shown(create, self._asker.entry)} gave no {at}: {answer.status}")
            return None
        return place

    def _read(self, read: Request | None, place: str) -> Exchange | None:
        return None if read is None else self._asker.send(filled(read, {"id": place}), self._owner.headers)

    def _try(self, words: str, request: Request, before: int | None) -> None:
        answer = self._asker.send(request, self._stranger.headers)
        where = shown(request, self._asker.entry)
        self.trials.append(
            Trial(
                kind=TrialKind.RECORD,
                name=words,
                request=where,
                status=answer.status,
                error=(answer.error or "")[:200],
                before=before,
            )
        )

    def _list(self, record: Any, place: str) -> None:
        if record.list is None or record.list.as_user == "anonymous":
            return
        own = self._asker.send(record.list, self._owner.headers)
        if not _is_listed(own.body, place):
            self.not_told.append(f"the owner's own list does not hold the record: {own.status}")
            return
        theirs = self._asker.send(record.list, self._stranger.headers)
        status = theirs.status if _is_listed(theirs.body, place) else HTTPStatus.NOT_FOUND.value
        where = shown(record.list, self._asker.entry)
        self.trials.append(Trial(kind=TrialKind.RECORD, name="lists", request=where, status=status, before=own.status))

    def _prove(self, record: Any, place: str) -> None:
        """The owner may do what the stranger was refused; else the refusal is nobody's but the request's."""
        for words, request in (("changes", record.update), ("deletes", record.delete)):
            if request is None:
                continue
            status = self._asker.send(filled(request, {"id": place}), self._owner.headers).status
            self.trials = [
                dataclasses.replace(trial, before=status) if trial.name == words and trial.before is None else trial
                for trial in self.trials
            ]


def _is_success(answer: Exchange) -> bool:
    return answer.status is not None and HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES


def _place(body: str, at: str) -> str | None:
    try:
        value: Any = json.loads(body)
    except (ValueError, RecursionError):
        return None
    for key in at.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else None


def _is_listed(body: str, place: str) -> bool:
    """Whether any value of a JSON answer is the record's id."""
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        return False
    return any(value == place for value in _values(data))


def _values(data: Any) -> Iterator[str]:
    stack = [data]
    while stack:
        value = stack.pop()
        if isinstance(value, dict):
            stack += value.values()
        elif isinstance(value, list):
            stack += value
        elif isinstance(value, str | int) and not isinstance(value, bool):
            yield str(value)
