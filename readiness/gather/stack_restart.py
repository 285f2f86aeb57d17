"""Every service stopped and started again while clients write: how each ended, and what of the acknowledged is left."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from readiness.check import Impact
from readiness.declared.jobs import Jobs, jobs_of
from readiness.declared.record import Record, record_of
from readiness.exceptions import StackError
from readiness.facts.http import StatusClass
from readiness.facts.stack_stop import JobState, Kept, Lost, StackRestart, StoppedService
from readiness.gather import gatherer
from readiness.gather.job_asking import JobDesk, place_in
from readiness.gather.own_user import own_user
from readiness.gather.stopping import inner_entry, limits_off, merged, stop_order, stop_service, wait_healthy
from readiness.instruments.client import HttpClient
from readiness.instruments.identity import PLAIN, Identity, filled, masked
from readiness.instruments.variants import Variants
from readiness.runtime import Runtime, Stack, Variant
from readiness.target import Entry, ProbeKind, Request, Role, Target
from readiness.verdict import Inconclusive

__all__ = ["restart_under_load", "stack_restart"]

#: How long clients write before the first service is stopped; they go on meanwhile.
WRITING_SECONDS = 3.0
RECORD_INTERVAL_SECONDS, JOB_INTERVAL_SECONDS = 0.05, 0.4
MOST_RECORDS, MOST_JOBS = 400, 10
#: So long a job takes where a variable sets it: the queue is then never empty when the worker is stopped.
JOB_SECONDS = 1
#: What is acknowledged so shortly before the stop may not have reached a disk yet.
LATE_SECONDS = 1.0
#: A client gives up on a service that is being stopped.
ANSWER_SECONDS = 5.0
HEALTHY_SECONDS = 60.0
BACK_SECONDS = 90.0
REDELIVERY_SECONDS = 60.0
POLL_SECONDS = 0.25
#: What a reader is answered where there is no such record (RFC 9110, 15.5.5 and 15.5.11).
NO_MORE = frozenset({404, 410})
#: Of those that are lost or untold, for evidence.
SHOWN = 20
TRIES = 3
#: A store that is searched through an index may miss a record for so long after it has come back.
SECOND_LOOK_SECONDS = 5.0
_SUCCESSES = range(200, 300)
FIRST_SERVER_ERROR = 500


@gatherer(impact=Impact.PERTURBS, at_most_seconds=300)
def stack_restart(target: Target, runtime: Runtime, variants: Variants) -> StackRestart:
    """In a second stack, all of which may be stopped."""
    jobs, workers = jobs_of(target), target.services_of(Role.WORKER)
    variables = (
        {worker: {jobs.seconds_variable: str(JOB_SECONDS)} for worker in workers}
        if jobs is not None and jobs.seconds_variable
        else {}
    )
    variant = Variant(name="restart", environment=merged(limits_off(target), variables))
    model = runtime.model()
    with variants(variant) as stack, HttpClient(stack, timeout_seconds=ANSWER_SECONDS) as http:
        return restart_under_load(target, stack, http, stop_order(model, stack.services))


def restart_under_load(
    target: Target, stack: Stack, http: HttpClient, order: tuple[str, ...], *, writing_seconds: float = WRITING_SECONDS
) -> StackRestart:
    """Write, stop all in ``order`` while writing goes on, start all in reverse, and read everything back."""
    entry = inner_entry(target)
    scribe = _Scribe(target, stack, http, entry)
    with scribe.writing():
        time.sleep(writing_seconds if scribe.is_needed else 0.0)
        began = time.monotonic()
        stopped = tuple(stop_service(stack, service) for service in order)
    try:
        problem, seconds = _bring_back(target, stack, entry, http, stopped)
    except StackError as error:
        problem, seconds = str(error)[:300], 0.0
    fact = StackRestart(stopped=stopped, is_back=not problem, back_seconds=round(seconds, 1), problem=problem)
    if problem:
        return fact
    return replace(fact, records=scribe.records(began), jobs=scribe.jobs(began))


def _bring_back(
    target: Target, stack: Stack, entry: Entry | None, http: HttpClient, stopped: tuple[StoppedService, ...]
) -> tuple[str, float]:
    """Start what was stopped and wait until it serves; why it does not, and how long it took."""
    began = time.monotonic()
    for service in reversed([each.service for each in stopped if each.was == "running"]):
        stack.start(service)
        # As `docker compose start` does for those that others wait for.
        wait_healthy(stack, service, at_most_seconds=HEALTHY_SECONDS)
    if entry is None:
        return "", time.monotonic() - began
    probe = target.probes.get(ProbeKind.READY)
    request = target.steady_request
    if probe is not None:
        request = Request(path=probe.path, service=probe.service, port=probe.port, expect=probe.expect)
    while True:
        answer = http.send(entry, request, purpose=StatusClass.PROBE)
        if answer.status is not None and answer.status < FIRST_SERVER_ERROR:
            return "", time.monotonic() - began
        if time.monotonic() - began > BACK_SECONDS:
            return f"{BACK_SECONDS:.0f} s after the restart: {answer.label}", time.monotonic() - began
        time.sleep(POLL_SECONDS)


@dataclass
class _Written:
    """What was acknowledged: id and when; ``unreadable`` why what becomes of it cannot be told."""

    ids: list[tuple[str, float]] = field(default_factory=list)
    refusal: str = ""
    unreadable: str = ""


class _Scribe:
    """Writes records and asks for jobs beside whatever happens, and looks for them afterwards."""

    def __init__(self, target: Target, stack: Stack, http: HttpClient, entry: Entry | None) -> None:
        self._target, self._stack, self._http, self._entry = target, stack, http, entry
        self._record: Record | None = record_of(target)
        self._jobs: Jobs | None = jobs_of(target)
        self._records, self._asked = _Written(), _Written()
        self._identity = Identity(name="nobody")
        self._ended = threading.Event()
        self._problem = "" if entry is not None else "no entry to send requests to"
        if self.is_needed:
            try:
                self._identity = self._logged_in()
            except Inconclusive as reason:
                self._problem = reason.reason

    @property
    def is_needed(self) -> bool:
        """Whether there is anything to write."""
        return not self._problem and (self._record is not None or self._jobs is not None)

    def writing(self) -> _Writing:
        """Writes for the block."""
        works: list[Callable[[], None]] = []
        if self.is_needed and self._record is not None:
            works.append(self._write_records)
        if self.is_needed and self._jobs is not None:
            works.append(self._ask_for_jobs)
        return _Writing(works, self._ended)

    def records(self, began: float) -> Kept:
        """What is left of the records; ``began`` is when the first service was stopped."""
        record = self._record
        if record is None or record.read is None:
            return self._undeclared("records", "record" if record is None else "record.read")
        kept = self._counted("records", self._records, began)
        if kept.reason:
            return kept
        try:
            self._identity = self._logged_in()
        except Inconclusive as reason:
            return replace(kept, reason=f"after the restart: {reason.reason}")
        unread, missing = self._look(record.read, [name for name, _ in self._records.ids])
        if missing:
            time.sleep(SECOND_LOOK_SECONDS)
            more, missing = self._look(record.read, [each.id for each in missing])
            unread += more
        return replace(kept, lost=tuple(missing[:SHOWN]), unread=tuple(unread[:SHOWN]))

    def _look(self, read: Request, names: list[str]) -> tuple[list[Lost], list[Lost]]:
        """Those whose answer tells nothing, and those that are not there."""
        unread, missing = [], []
        for name in names:
            is_there, answer = self._read(read, name)
            if is_there is None:
                unread.append(Lost(id=name, answer=answer))
            elif not is_there:
                missing.append(Lost(id=name, answer=answer))
        return unread, missing

    def jobs(self, began: float) -> Kept:
        """What became of the jobs."""
        jobs = self._jobs
        if jobs is None:
            return self._undeclared("jobs", "jobs")
        kept = self._counted("jobs", self._asked, began)
        if kept.reason:
            return kept
        desk = self._desk(jobs)
        usual = max(jobs.seconds, JOB_SECONDS)
        deadline = time.monotonic() + usual + JOB_SECONDS * kept.acknowledged
        deadline += jobs.redelivery_seconds or REDELIVERY_SECONDS
        lost, unread = [], []
        for name, _ in self._asked.ids:
            left = max(0.0, deadline - time.monotonic())
            look = desk.wait(name, JobState.DONE, JobState.FAILED, at_most_seconds=left)
            if look.state is JobState.UNKNOWN:
                unread.append(Lost(id=name, answer=look.answer))
            elif look.state is not JobState.DONE:
                lost.append(Lost(id=name, answer=look.answer))
        return replace(kept, lost=tuple(lost[:SHOWN]), unread=tuple(unread[:SHOWN]))

    def _undeclared(self, what: str, key: str) -> Kept:
        parts = key.split(".")
        names = [".".join(parts[:depth]) for depth in range(len(parts), 0, -1)]
        why = next((self._target.declined[name] for name in names if name in self._target.declined), "")
        return Kept(what=what, reason=why or f"not configured: {key}", undeclared="" if why else key)

    def _counted(self, what: str, written: _Written, began: float) -> Kept:
        late = sum(at > began - LATE_SECONDS for _, at in written.ids)
        reason = "" if written.ids else self._problem or f"none was acknowledged: {written.refusal}"
        reason = reason or written.unreadable
        return Kept(what=what, acknowledged=len(written.ids), late=late, reason=reason)

    def _logged_in(self) -> Identity:
        requests = [self._record.create] if self._record is not None else []
        requests += [self._record.read] if self._record is not None and self._record.read is not None else []
        requests += [self._jobs.enqueue, self._jobs.result] if self._jobs is not None else []
        if all(request.as_user == "anonymous" for request in requests):
            return Identity(name="nobody")
        return own_user(self._target, self._stack, self._http, "restart", entry=self._entry)

    def _headers(self, request: Request) -> dict[str, str]:
        return {**PLAIN, **(self._identity.headers if request.as_user != "anonymous" else {})}

    def _desk(self, jobs: Jobs) -> JobDesk:
        assert self._entry is not None  # noqa: S101  # without one nothing was written
        identity = self._identity
        return JobDesk(
            http=self._http, entry=self._entry, jobs=jobs, headers=identity.headers, secrets=identity.secrets
        )

    def _write_records(self) -> None:
        record, entry = self._record, self._entry
        if record is None or entry is None:
            return
        while not self._ended.is_set() and len(self._records.ids) < MOST_RECORDS:
            try:
                answer = self._http.send(entry, record.create, headers=self._headers(record.create))
            except StackError:
                break
            place = place_in(answer.body, record.id)
            if answer.status in (record.create.expect or _SUCCESSES) and place is not None:
                self._records.ids.append((str(place), time.monotonic()))
                if len(self._records.ids) == 1 and record.read is not None:
                    is_there, line = self._read(record.read, str(place))
                    self._records.unreadable = "" if is_there else f"a record just created is not read back: {line}"
            else:
                self._records.refusal = self._records.refusal or masked(answer, self._identity.secrets).label[:200]
            self._ended.wait(RECORD_INTERVAL_SECONDS)

    def _ask_for_jobs(self) -> None:
        if self._jobs is None:
            return
        desk = self._desk(self._jobs)
        while not self._ended.is_set() and len(self._asked.ids) < MOST_JOBS:
            name, answer = desk.enqueue()
            if name is not None:
                self._asked.ids.append((name, time.monotonic()))
            else:
                self._asked.refusal = self._asked.refusal or answer
            self._ended.wait(JOB_INTERVAL_SECONDS)

    def _read(self, read: Request, name: str) -> tuple[bool | None, str]:
        """Whether the record is there; None where the answer does not tell."""
        line = ""
        assert self._entry is not None  # noqa: S101  # without one nothing was written
        for _ in range(TRIES):
            answer = self._http.send(self._entry, filled(read, {"id": name}), headers=self._headers(read))
            line = masked(answer, self._identity.secrets).label[:200]
            if answer.status in (read.expect or _SUCCESSES):
                return True, line
            if answer.status in NO_MORE:
                return False, line
            time.sleep(POLL_SECONDS)
        return None, line


class _Writing:
    """Threads that write for the length of a block."""

    def __init__(self, works: list[Callable[[], None]], ended: threading.Event) -> None:
        self._threads = [threading.Thread(target=work, name="readiness-writer", daemon=True) for work in works]
        self._ended = ended

    def __enter__(self) -> None:
        for thread in self._threads:
            thread.start()

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join(2 * ANSWER_SECONDS)
