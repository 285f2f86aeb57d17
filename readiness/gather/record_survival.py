"""Records created through the API, read again after a crash of the database and after every instance was made anew."""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from readiness.check import Impact
from readiness.declared.record import Record, record_of
from readiness.exceptions import ReadinessError, StackError, UnsupportedError
from readiness.facts.http import Exchange
from readiness.facts.persistence import RecordSurvival, RolledOver, Survived
from readiness.gather import gatherer
from readiness.gather.probe_outage import require_stop
from readiness.gather.store_asking import Requester, here, id_at, is_accepted, store_users, wait_for, wait_served
from readiness.instruments.client import HttpClient
from readiness.instruments.faults import Faults
from readiness.instruments.identity import filled
from readiness.instruments.stores import ask_postgres
from readiness.runtime import Capability, Progress, Stack
from readiness.target import Role, Target

__all__ = ["record_survival"]

RECORDS = 5
FAULT_SECONDS = 120.0
#: A pool may hold connections that died with the database, and give its callers one error each.
READ_SECONDS = 20.0
_FIRST_ERROR, _TOO_MANY = 500, 429
_SETTING = re.compile(r"^(on|off|local|remote_write|remote_apply)$", re.MULTILINE)


@gatherer(impact=Impact.DISRUPTS, at_most_seconds=300)
def record_survival(
    target: Target, stack: Stack, http: HttpClient, faults: Faults, progress: Progress
) -> RecordSurvival:
    """Create, crash the database, read; create, remove and make anew every service, read."""
    record = record_of(target)
    if record is None or record.read is None:
        return RecordSurvival(not_done={"record": "not configured: record"})
    require_stop(stack)
    progress("records through the end of every instance", at_most_seconds=180)
    return _Scenario(
        target=target,
        stack=stack,
        faults=faults,
        record=record,
        requester=Requester(target, stack, http, "survival"),
    ).run()


@dataclass(kw_only=True)
class _Scenario:
    target: Target
    stack: Stack
    faults: Faults
    record: Record
    requester: Requester
    fact: RecordSurvival = field(default_factory=RecordSurvival)

    def run(self) -> RecordSurvival:
        for service in here(self.target, self.stack, Role.DB):
            self.fact = dataclasses.replace(self.fact, settings=self.fact.settings | self._settings(service))
            self._through(f"crash of {service}", functools.partial(self._crash, service))
        if Capability.RECREATE not in self.stack.capabilities:
            self._miss("recreation", "needs a stack whose instances can be made anew")
        else:
            self._through("recreation", self._recreate)
        return self.fact

    def _through(self, after: str, end: Callable[[], None]) -> None:
        created = self._created(after)
        if created is None:
            return
        try:
            end()
        except UnsupportedError as error:
            self._miss(after, str(error)[:200])
            return
        except StackError as error:
            self._miss(after, f"it did not come about: {error}"[:300])
            return
        waited = wait_served(self.target, self.requester)
        self.requester.forget()
        missing = [answer for identity in created if (answer := self._missing(identity)) is not None]
        survived = Survived(
            after=after,
            created=len(created),
            read=len(created) - len(missing),
            missing=tuple(missing),
            wait_seconds=waited,
        )
        self.fact = dataclasses.replace(self.fact, survived=(*self.fact.survived, survived))

    def _created(self, after: str) -> list[str] | None:
        """Records that can be read back now; what cannot be read at once proves nothing later."""
        created = []
        for _ in range(RECORDS):
            answer = self.requester.send(self.record.create)
            identity = id_at(answer, self.record.id)
            if not is_accepted(answer, self.record.create) or not identity:
                self._miss(after, f"no record could be created, or has no {self.record.id}: {answer.label[:200]}")
                return None
            if self._missing(identity) is not None:
                self._miss(after, "a record could not be read right after it was created")
                return None
            created.append(identity)
        return created

    def _missing(self, identity: str) -> Exchange | None:
        """The answer for a record that cannot be read; None where it can. Errors and refusals are waited out."""
        assert self.record.read is not None  # noqa: S101  # the gatherer has looked
        request = filled(self.record.read, {"id": identity})
        last: list[Exchange] = []

        def is_told() -> bool:
            last[:] = [self.requester.send(request)]
            status = last[0].status
            return status is not None and status < _FIRST_ERROR and status != _TOO_MANY

        wait_for(is_told, at_most_seconds=READ_SECONDS)
        return None if is_accepted(last[0], request) else last[0]

    def _crash(self, service: str) -> None:
        with self.faults.crashed(service, at_most_seconds=FAULT_SECONDS):
            pass

    def _recreate(self) -> None:
        """Stores first, what uses them next, the proxy last: as a new ``up`` orders them."""
        late = here(self.target, self.stack, Role.PROXY)
        first = here(self.target, self.stack, Role.DB, Role.REDIS, Role.VECTOR, Role.SEARCH)
        rest = [name for name in self.stack.services if name not in {*late, *first}]
        rolled = []
        for service in (*first, *rest, *late):
            try:
                if not self.stack.state(service).is_running:
                    continue  # a one-shot that has ended
                with self.faults.recreated(service, at_most_seconds=FAULT_SECONDS):
                    pass
                rolled.append(RolledOver(service=service))
                self._await_health(service)
            except UnsupportedError:
                raise
            except StackError as error:
                rolled.append(RolledOver(service=service, problem=str(error)[:300]))
        self.fact = dataclasses.replace(self.fact, recreated=tuple(rolled))

    def _await_health(self, service: str) -> None:
        """Until its own health check passes, as those that depend on it would wait."""
        if self.stack.state(service).health is not None:
            wait_for(lambda: self.stack.state(service).health != "starting", at_most_seconds=FAULT_SECONDS / 2)

    def _settings(self, service: str) -> dict[str, str]:
        found = {}
        for name in ("fsync", "synchronous_commit", "full_page_writes"):
            try:
                answer = ask_postgres(self.stack, service, f"show {name}", users=store_users(self.target))
            except ReadinessError:
                continue
            if match := _SETTING.search(answer):
                found[name] = match[1]
        return found

    def _miss(self, part: str, why: str) -> None:
        self.fact = dataclasses.replace(self.fact, not_done={**self.fact.not_done, part: why})
