"""What the application's users did before a backup, and find again in the restored stack."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from readiness.declared.record import Record, record_of
from readiness.exceptions import ReadinessError
from readiness.facts.backup_drill import ApiTrip
from readiness.facts.http import Exchange
from readiness.gather.store_asking import Requester, id_at, is_accepted, wait_for
from readiness.instruments.client import HttpClient
from readiness.instruments.identity import PLAIN, filled, masked
from readiness.runtime import Stack
from readiness.target import Request, Target
from readiness.verdict import Inconclusive

__all__ = ["Users"]

RECORDS = 5
PURPOSE = "drill"
#: A pool may hold connections that died with the old database, and give its callers one error each.
READ_SECONDS = 30.0
PAUSE_SECONDS = 0.5
_FIRST_ERROR, _TOO_MANY = 500, 429


class Users:
    """One user of the application, in the first stack and in the restored one.

    Args:
        target: its logins and its record.
    """

    def __init__(self, target: Target) -> None:
        self._target = target
        self._record: Record | None = record_of(target)
        self._ids: list[str] = []
        self._user = _registered(target)
        self.trip: ApiTrip | None = None if self._record is None else ApiTrip(user=self._user.get("name", ""))

    def begin(self, stack: Stack) -> None:
        """Register, and create records that can be read at once."""
        if self._record is None or self._record.read is None:
            self._tell(problem="not configured: record.read")
            return
        try:
            with HttpClient(stack) as http:
                requester = Requester(self._target, stack, http, PURPOSE)
                for _ in range(RECORDS):
                    answer = requester.send(self._record.create)
                    identity = id_at(answer, self._record.id)
                    if not is_accepted(answer, self._record.create) or not identity:
                        self._tell(problem=f"no record could be created: {answer.label}"[:300])
                        return
                    if not is_accepted(*self._read(requester, identity)):
                        self._tell(problem="a record could not be read right after it was created")
                        return
                    self._ids.append(identity)
        except (ReadinessError, Inconclusive) as error:
            self._tell(problem=str(error)[:300])
        finally:
            self._tell(created=len(self._ids))

    def again(self, stack: Stack) -> None:
        """Log in once more and read, in the first stack: what this changes by itself is known then."""
        try:
            with HttpClient(stack) as http:
                self._login(stack, http)
                requester = Requester(self._restored_target, stack, http, PURPOSE)
                for identity in self._ids:
                    self._read(requester, identity)
        except (ReadinessError, Inconclusive):
            return

    def is_first_read(self, stack: Stack) -> bool | None:
        """Whether a record is read from the restored stack, waited for; None where none was created."""
        if not self._ids:
            return None
        try:
            with HttpClient(stack) as http:
                requester = Requester(self._restored_target, stack, http, PURPOSE)
                return is_accepted(*self._patient(requester, self._ids[0]))
        except (ReadinessError, Inconclusive):
            return False

    def end(self, stack: Stack) -> None:
        """In the restored stack: log in, read every record, create another one."""
        if self.trip is None or not self._ids:
            return
        assert self._record is not None  # noqa: S101  # there are records
        try:
            with HttpClient(stack) as http:
                self._login(stack, http)
                requester = Requester(self._restored_target, stack, http, PURPOSE)
                missing = []
                for identity in self._ids:
                    answer, request = self._patient(requester, identity)
                    if not is_accepted(answer, request):
                        missing.append(answer)
                self._tell(missing=tuple(missing))
                new = self._created(requester)
                self._tell(new=new)
                identity = id_at(new, self._record.id)
                if is_accepted(new, self._record.create) and identity:
                    self._tell(new_read=self._read(requester, identity)[0])
        except (ReadinessError, Inconclusive) as error:
            self._tell(problem=str(error)[:300])

    @property
    def _restored_target(self) -> Target:
        """The target whose user is the one of before: who registers anew has not been restored."""
        login = self._target.login
        if login is None or not self._user:
            return self._target
        return dataclasses.replace(
            self._target, login=dataclasses.replace(login, register=None, users=(dict(self._user),))
        )

    def _login(self, stack: Stack, http: HttpClient) -> None:
        """Whether the user of before can log in; recorded in the trip."""
        login = self._target.login
        if login is None or login.request is None or not self._user:
            return
        requester = Requester(self._restored_target, stack, http, PURPOSE)
        request = filled(login.request, self._user)
        answers: list[Exchange] = []

        def is_told() -> bool:
            answers[:] = [
                masked(
                    http.send(requester.entry, request, headers=PLAIN),
                    frozenset({self._user.get("password", "")}),
                    hide_body=True,
                )
            ]
            return _tells(answers[0])

        wait_for(is_told, at_most_seconds=READ_SECONDS)
        accepted = is_accepted(answers[0], request)
        self._tell(
            is_logged_in=accepted if _tells(answers[0]) else None, login="" if accepted else answers[0].label[:200]
        )

    def _created(self, requester: Requester) -> Exchange:
        """A new record, errors waited out.

        Not more often than there are records: each attempt takes a number from a sequence, and of one that begins anew
        so many are taken.
        """
        assert self._record is not None  # noqa: S101  # there are records
        answer = requester.send(self._record.create)
        for _ in range(len(self._ids) - 1):
            if _tells(answer):
                break
            wait_for(lambda: False, at_most_seconds=PAUSE_SECONDS)
            answer = requester.send(self._record.create)
        return answer

    def _read(self, requester: Requester, identity: str) -> tuple[Exchange, Request]:
        assert self._record is not None  # noqa: S101  # there are records
        assert self._record.read is not None  # noqa: S101
        request = filled(self._record.read, {"id": identity})
        return requester.send(request), request

    def _patient(self, requester: Requester, identity: str) -> tuple[Exchange, Request]:
        """The same, errors and refusals waited out."""
        last: list[tuple[Exchange, Request]] = []

        def is_told() -> bool:
            last[:] = [self._read(requester, identity)]
            return _tells(last[0][0])

        wait_for(is_told, at_most_seconds=READ_SECONDS)
        return last[0]

    def _tell(self, **what: object) -> None:
        if self.trip is not None:
            self.trip = dataclasses.replace(self.trip, **what)  # type: ignore[arg-type]  # each by its name


def _tells(answer: Exchange) -> bool:
    return answer.status is not None and answer.status < _FIRST_ERROR and answer.status != _TOO_MANY


def _registered(target: Target) -> Mapping[str, str]:
    """The user that is registered before the backup; nobody where nobody can register."""
    login = target.login
    if login is None or login.request is None or login.register is None or not login.users:
        return {}
    first = login.users[0]
    return {**first, "name": f"{PURPOSE}-{first.get('name', 'user')}"}
