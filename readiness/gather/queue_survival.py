"""Jobs that are accepted while no worker runs, their queue's Redis restarted and crashed, then the worker's return."""

from __future__ import annotations

import dataclasses
import time
from dataclasses import dataclass, field

from readiness.check import Impact
from readiness.declared.jobs import Jobs, jobs_of
from readiness.exceptions import ReadinessError, UnsupportedError
from readiness.facts.http import Exchange
from readiness.facts.persistence import JobFate, QueueSurvival
from readiness.failures.shape import value_at
from readiness.gather import gatherer
from readiness.gather.probe_outage import require_stop
from readiness.gather.redis_search import find_in_redis
from readiness.gather.store_asking import Requester, here, id_at, is_accepted, store_users, wait_for, wait_redis
from readiness.gather.store_settings import redis_settings
from readiness.instruments.client import HttpClient
from readiness.instruments.faults import Faults
from readiness.instruments.identity import filled
from readiness.persistence.jobs import Course, Signature, is_like, signature
from readiness.runtime import Progress, Stack
from readiness.target import Role, Target
from readiness.verdict import Inconclusive

__all__ = ["queue_survival"]

JOBS_EACH = 5
FAULT_SECONDS = 60.0
#: A job that waits is accepted again as soon as the service has found its queue again.
ACCEPT_SECONDS = 20.0
#: On top of what a job is declared to take: a worker that starts, on a busy machine.
START_SECONDS = 20.0
ASK_EACH_SECONDS = 1.0
LOG_LINES = 20_000


@gatherer(impact=Impact.DISRUPTS, at_most_seconds=180)
def queue_survival(target: Target, stack: Stack, http: HttpClient, faults: Faults, progress: Progress) -> QueueSurvival:
    """One job in peace, five before a restart of the queue's store, five before its crash."""
    jobs = jobs_of(target)
    if jobs is None:
        return QueueSurvival(not_done={"jobs": "not configured: jobs"})
    require_stop(stack)
    workers = here(target, stack, Role.WORKER)
    if not workers:
        return QueueSurvival(not_done={"worker": "no service of the stack has the role worker"})
    progress("jobs that wait while their queue is restarted", at_most_seconds=120)
    try:
        return _Scenario(
            target=target,
            stack=stack,
            faults=faults,
            jobs=jobs,
            workers=workers,
            requester=Requester(target, stack, http, "queue"),
        ).run()
    except Inconclusive as error:
        # Whether Redis keeps what it holds is judged without jobs too.
        return QueueSurvival(not_done={"control": error.reason})


@dataclass(kw_only=True)
class _Scenario:
    target: Target
    stack: Stack
    faults: Faults
    jobs: Jobs
    workers: tuple[str, ...]
    requester: Requester
    fact: QueueSurvival = field(default_factory=QueueSurvival)

    def run(self) -> QueueSurvival:
        found = self._waiting()
        if found is None:
            return self.fact
        first, waiting = found
        course = self._in_peace(waiting)
        if course is None:
            return self.fact
        self._learn_settings()
        accepted = [JobFate(id=first, before="stop")]
        with self.faults.stopped_all(*self.workers, at_most_seconds=3 * FAULT_SECONDS):
            accepted += self._accepted("restart")
            self._end_stores("restart")
            accepted += self._accepted("crash")
            self._end_stores("crash")
        self._collect(accepted, course)
        return self.fact

    def _waiting(self) -> tuple[str, Signature] | None:
        """A job that is accepted while the worker is stopped: its id, what it is told of it, and where it is kept."""
        with self.faults.stopped_all(*self.workers, at_most_seconds=FAULT_SECONDS):
            job = self._enqueue("control")
            if job is None:
                return None
            told = signature(self._ask(job), job)
            stores = tuple(s for s in here(self.target, self.stack, Role.REDIS) if self._holds(s, job))
        self.fact = dataclasses.replace(self.fact, stores=stores)
        return job, told

    def _in_peace(self, waiting: Signature) -> Course | None:
        """What is told of a job that is done, nothing having happened to it.

        A second one where the first is not: a worker that loses what waits at its start may have lost that one too.
        """
        bound = self.jobs.seconds + START_SECONDS
        for _ in range(2):
            job = self._enqueue("control")
            if job is None:
                return None
            done = self._done(job, waiting, at_most_seconds=bound)
            if done is not None:
                self.fact = dataclasses.replace(self.fact, control_lines=self._lines(job))
                return Course(waiting=waiting, done=done)
        self._miss(
            "control", f"two jobs in peace were not done within {bound:.0f} s each: their answers stayed as they were"
        )
        return None

    def _done(self, job: str, waiting: Signature, *, at_most_seconds: float) -> Signature | None:
        """What is told of this job when it is done; None where that did not come."""
        last = waiting

        def is_done() -> bool:
            nonlocal last
            answer = self._ask(job)
            before, last = last, signature(answer, job)
            word = self._word(answer)
            # Without a word for it: twice the same, so that a state in between is not taken for the end.
            return word in self.jobs.done if word else last != waiting and last == before

        return last if wait_for(is_done, at_most_seconds=at_most_seconds, sleep=_slowly) is not None else None

    def _enqueue(self, part: str) -> str | None:
        answer = self.requester.send(self.jobs.enqueue)
        job = id_at(answer, self.jobs.id)
        if is_accepted(answer, self.jobs.enqueue) and job:
            return job
        self._miss(part, f"no job was accepted, or its answer has no {self.jobs.id}: {answer.label[:200]}")
        return None

    def _word(self, answer: Exchange) -> str:
        """The word for how far a job is, where its answer has one."""
        words = (value_at(answer, place) for place in self.jobs.status_at)
        return next((word.lower() for word in words if isinstance(word, str)), "")

    def _holds(self, service: str, job: str) -> bool:
        try:
            found = find_in_redis(self.stack, service, job, users=store_users(self.target))
        except (ReadinessError, ValueError) as error:
            self._miss(f"looking into {service}", str(error)[:200])
            return False
        return bool(found.get("found"))

    def _accepted(self, before: str) -> list[JobFate]:
        accepted: list[JobFate] = []
        last: list[Exchange] = []

        def one_more() -> bool:
            answer = self.requester.send(self.jobs.enqueue)
            last[:] = [answer]
            job = id_at(answer, self.jobs.id)
            if is_accepted(answer, self.jobs.enqueue) and job:
                accepted.append(JobFate(id=job, before=before))
            return len(accepted) >= JOBS_EACH

        # Its own client may need a moment after the restart; what is refused meanwhile was never promised.
        if wait_for(one_more, at_most_seconds=ACCEPT_SECONDS, sleep=lambda _: None if accepted else _slowly(0)) is None:
            self._miss(before, f"{len(accepted)} of {JOBS_EACH} jobs were accepted; last: {last[0].label[:200]}")
        return accepted

    def _end_stores(self, how: str) -> None:
        users = store_users(self.target)
        for service in self.fact.stores:
            try:
                way = self.faults.crashed if how == "crash" else self.faults.stopped
                with way(service, at_most_seconds=FAULT_SECONDS):
                    pass
            except UnsupportedError as error:
                self._miss(how, str(error)[:200])
                continue
            back = wait_redis(self.stack, service, users)
            word = f"{how} of {service}" if back is not None else f"{how} of {service}, which did not come back"
            self.fact = dataclasses.replace(self.fact, events=(*self.fact.events, word))
        self.requester.forget()

    def _collect(self, waiting: list[JobFate], course: Course) -> None:
        began = time.monotonic()
        deadline = began + START_SECONDS + self.jobs.seconds * max(1, len(waiting))
        fates = {job.id: job for job in waiting}
        while time.monotonic() < deadline:
            # In the order of acceptance: while the first is not done, asking for the others would only cost requests.
            for job in [fate for fate in fates.values() if not fate.is_done]:
                answer = self._ask(job.id)
                word = self._word(answer)
                is_done = word in self.jobs.done if word else is_like(course, signature(answer, job.id))
                fates[job.id] = dataclasses.replace(
                    job, is_done=is_done, status=answer.status, last="" if is_done else answer.body[:300]
                )
                if not is_done:
                    break
            if all(fate.is_done for fate in fates.values()):
                break
            # One that is lost must not hide how the others fared.
            first = next(fate.id for fate in fates.values() if not fate.is_done)
            fates[first] = fates.pop(first)
            _slowly(0)
        seconds = round(time.monotonic() - began, 3)
        done = tuple(
            dataclasses.replace(fates[job.id], lines=self._lines(job.id)) for job in waiting if job.id in fates
        )
        self.fact = dataclasses.replace(self.fact, jobs=done, worked_seconds=seconds)

    def _ask(self, job: str) -> Exchange:
        return self.requester.send(filled(self.jobs.result, {"id": job}))

    def _lines(self, job: str) -> int:
        count = 0
        for worker in self.workers:
            try:
                count += sum(job in line for line in self.stack.logs(worker, tail=LOG_LINES).splitlines())
            except ReadinessError:
                continue
        return count

    def _learn_settings(self) -> None:
        found = dict[str, dict[str, str]]()
        for service in self.fact.stores:
            try:
                told = redis_settings(self.stack, service, store_users(self.target))
            except ReadinessError as error:
                self._miss(f"settings of {service}", str(error)[:200])
                continue
            found[service] = {name: told[name] for name in ("maxmemory", "maxmemory-policy") if name in told}
        self.fact = dataclasses.replace(self.fact, settings=found)

    def _miss(self, part: str, why: str) -> None:
        self.fact = dataclasses.replace(self.fact, not_done={**self.fact.not_done, part: why})


def _slowly(_seconds: float) -> None:
    time.sleep(ASK_EACH_SECONDS)
