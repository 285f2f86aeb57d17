"""What one user can do with another one's record and job."""

from __future__ import annotations

import dataclasses
import json
import time
from typing import Any

from readiness.auth.records import differing, held, holds, steady, values_of
from readiness.declared.record import Record, record_of
from readiness.declared.request import request_of
from readiness.facts.auth import Isolation, Trial, TrialKind
from readiness.facts.http import Exchange
from readiness.gather.auth_asking import Asker, shown, user_named
from readiness.gather.auth_operations import UNLIKELY_ID
from readiness.instruments.identity import Identity, filled
from readiness.target import Request
from readiness.verdict import Inconclusive

__all__ = ["try_records"]

#: How long a second record is left alone to see what changes by itself: longer than a clock that counts seconds stands still.
UNTOUCHED_SECONDS = 1.1
#: How a record is answered that is no more, or no more one's own (RFC 9110, 15.5.4, 15.5.5 and 15.5.11).
GONE = frozenset({403, 404, 410})
#: What deleting answers where there is nothing to delete.
NO_MORE = frozenset({404, 410})
#: A shorter text stands in many answers.
LEAST_TEXT = 4
#: So many characters at the end of an id make another one, of the same form: hexadecimal digits stay such.
TURNED = 6
_TURN = str.maketrans(
    "0123456789abcdefABCDEFghijklmnopqrstuvwxyzGHIJKLMNOPQRSTUVWXYZ",
    "1234567890bcdefaBCDEFAhijklmnopqrstuvwxyzgHIJKLMNOPQRSTUVWXYZG",
)
_SUCCESSES = range(200, 300)


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
    """Collects what the stranger is answered, and what the owner sees of it."""

    def __init__(self, asker: Asker, owner: Identity, stranger: Identity) -> None:
        self._asker, self._owner, self._stranger = asker, owner, stranger
        self.trials: list[Trial] = []
        self.changed: list[str] = []
        self.public: list[str] = []
        self.not_told: list[str] = []

    def record(self, record: Record) -> None:
        """The declared record, from its creation to its end."""
        lists = [self._listed(record, who) for who in (self._owner, self._stranger)]
        created = time.monotonic()
        place = self._created(record.create, record.id)
        if place is None:
            return
        if record.read is not None:
            self._try_reading(record.read, place, id_at=record.id, create=record.create)
        # Before anything is changed or deleted: what is gone is in no list.
        self._try_listing(record, place, *lists)
        for words, request in (("changes", record.update), ("deletes", record.delete)):
            if request is not None:
                self._try_writing(words, request, record, place, created)
        # Changing and deleting is proven possible by the owner, last.
        for words, request in (("changes", record.update), ("deletes", record.delete)):
            if request is not None:
                self._prove(words, request, record, place)

    def job(self, enqueue: Request, at: str, result: Request) -> None:
        """A job is a record that is only read."""
        place = self._created(enqueue, at)
        if place is not None:
            self._try_reading(result, place, id_at=at, create=enqueue)

    def _created(self, create: Request, at: str) -> str | None:
        answer = self._asker.send(create, self._owner.headers)
        place = _place(answer.body, at)
        if not _is_success(answer) or place is None:
            self.not_told.append(f"{shown(create, self._asker.entry)} gave no {at}: {answer.status}")
            return None
        return place

    def _try_reading(self, read: Request, place: str, *, id_at: str, create: Request) -> None:
        if read.as_user == "anonymous":
            self.public.append(shown(read, self._asker.entry))
            return
        ready, sent = filled(read, {"id": place}), _texts_of(create)
        first, second = (self._asker.send(ready, self._owner.headers) for _ in range(2))
        answer = self._asker.send(ready, self._stranger.headers)
        effect: bool | None = True
        if _is_success(answer):
            own = values_of(first.body, sent)
            if _is_success(second):
                own = steady(own, values_of(second.body, sent))
            made_up = _made_up(place)
            other = filled(read, {"id": made_up})
            # Where the request does not name the record, there is nothing to compare it with.
            nothing = self._asker.send(other, self._stranger.headers) if other != ready else None
            effect = holds(
                values_of(answer.body, sent),
                own,
                values_of(nothing.body, sent) if nothing is not None and _is_success(nothing) else {},
                ids=(place, made_up),
                id_name=id_at.rpartition(".")[2],
                sent=sent,
            )
            # An answer to the owner in which nothing can be recognised shows nothing in a stranger's either.
            effect = effect if own else None
        self._add("reads", ready, answer, before=first.status, took_effect=effect)

    def _listed(self, record: Record, who: Identity) -> Exchange | None:
        if record.list is None or record.list.as_user == "anonymous":
            return None
        return self._asker.send(record.list, who.headers)

    def _try_listing(
        self, record: Record, place: str, own_before: Exchange | None, their_before: Exchange | None
    ) -> None:
        """The record is new, so a list that holds it now and did not before holds it indeed: numbers occur by chance."""
        own, theirs = self._listed(record, self._owner), self._listed(record, self._stranger)
        if record.list is None or own is None or theirs is None or own_before is None or their_before is None:
            return
        new = held(values_of(own.body), place) - held(values_of(own_before.body), place)
        id_name = record.id.rpartition(".")[2]
        # Some lists call the id otherwise than the answer to the creation does.
        names = {id_name} & set(new) or set(new)
        if not names:
            self.not_told.append(f"the owner's own list does not hold the record: {own.status}")
            return
        shows = held(values_of(theirs.body), place) - held(values_of(their_before.body), place)
        effect: bool | None = bool(names & set(shows))
        if effect and not _is_success(their_before):
            effect = None
        self._add("lists", record.list, theirs, before=own.status, took_effect=effect)

    def _try_writing(self, words: str, request: Request, record: Record, place: str, created: float) -> None:
        before = self._steadily(record, place)
        ready = filled(request, {"id": place})
        answer = self._asker.send(ready, self._stranger.headers)
        effect, what = self._effect(record, before, self._view(record, place), created)
        if what and not _is_success(answer):
            (self.changed if effect else self.not_told).append(what)
        # Whether the owner may do it, and sees it, is looked at afterwards and last.
        self._add(words, ready, answer, before=None, took_effect=effect)

    def _prove(self, words: str, request: Request, record: Record, place: str) -> None:
        """The owner may do what the stranger was refused; else the refusal is nobody's but the request's."""
        before = self._steadily(record, place)
        answer = self._asker.send(filled(request, {"id": place}), self._owner.headers)
        after = self._view(record, place)
        is_seen = after is not None and (
            after.status in GONE or (_is_success(after) and bool(differing(before, values_of(after.body))))
        )
        for number, trial in enumerate(self.trials):
            if trial.name != words or trial.before is not None:
                continue
            effect = trial.took_effect
            if words == "deletes" and not effect and answer.status in NO_MORE and trial.status in _SUCCESSES:
                effect = True  # not seen by reading, which may have been answered from a cache
            elif effect is False and not is_seen:
                effect = None  # what the owner does is not seen either
            self.trials[number] = dataclasses.replace(trial, before=answer.status, took_effect=effect)

    def _view(self, record: Record, place: str) -> Exchange | None:
        """How the owner sees the record now, if it can be seen."""
        request = record.read or record.list
        return None if request is None else self._asker.send(filled(request, {"id": place}), self._owner.headers)

    def _steadily(self, record: Record, place: str) -> dict[str, str]:
        """What the owner sees twice in a row; nothing where the record cannot be seen."""
        first, second = (self._view(record, place) for _ in range(2))
        if first is None or second is None or not (_is_success(first) and _is_success(second)):
            return {}
        return steady(values_of(first.body), values_of(second.body))

    def _effect(
        self, record: Record, before: dict[str, str], after: Exchange | None, created: float
    ) -> tuple[bool | None, str]:
        """Whether the owner sees the record changed or gone, which it would not be by itself; and that in words."""
        if not before or after is None:
            return None, ""
        is_gone = after.status in GONE
        if not is_gone and not _is_success(after):
            return None, ""
        places = frozenset(before) if is_gone else differing(before, values_of(after.body))
        if not places:
            return False, ""
        words = (
            f"the owner's record {f'is gone: {after.status} afterwards' if is_gone else 'reads otherwise than before'}"
        )
        changing = self._changing(record, time.monotonic() - created)
        if changing is None:
            return (True, words) if is_gone else (None, f"{words}, and perhaps by itself: no second one can be created")
        return (True, words) if places - changing else (False, "")

    def _changing(self, record: Record, seconds: float) -> frozenset[str] | None:
        """Places that change in a second record that nobody touches for as long; None where there can be no second one."""
        answer = self._asker.send(record.create, self._owner.headers)
        place = _place(answer.body, record.id)
        if not _is_success(answer) or place is None:
            return None
        before = self._view(record, place)
        self._asker.pause(max(seconds, UNTOUCHED_SECONDS))
        after = self._view(record, place)
        if before is None or after is None or not _is_success(before):
            return None
        values = values_of(before.body)
        return differing(values, values_of(after.body)) if _is_success(after) else frozenset(values)

    def _add(
        self, words: str, request: Request, answer: Exchange, *, before: int | None, took_effect: bool | None
    ) -> None:
        self.trials.append(
            Trial(
                kind=TrialKind.RECORD,
                name=words,
                request=shown(request, self._asker.entry),
                status=answer.status,
                error=(answer.error or "")[:200],
                before=before,
                took_effect=took_effect,
            )
        )


def _is_success(answer: Exchange) -> bool:
    return answer.status in _SUCCESSES


def _texts_of(create: Request) -> frozenset[str]:
    """Texts that the record is made of, as far as they are long enough not to occur by chance."""
    parts = [values_of(json.dumps(create.json)).values(), (create.form or {}).values()]
    return frozenset(text for values in parts for text in values if len(text) >= LEAST_TEXT)


def _made_up(place: str) -> str:
    """An id of the same form that hardly exists."""
    if place.isdecimal():
        return str(UNLIKELY_ID)
    turned = place[-TURNED:].translate(_TURN)
    return place[:-TURNED] + turned if turned != place[-TURNED:] else f"{place}x"


def _place(body: str, at: str) -> str | None:
    try:
        value: Any = json.loads(body)
    except (ValueError, RecursionError):
        return None
    for key in at.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else None
