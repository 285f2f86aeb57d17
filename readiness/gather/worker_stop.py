"""The workers stopped as their engine does, in the middle of a job, and started again."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from readiness.check import Impact
from readiness.declared.jobs import Jobs, jobs_of
from readiness.facts.stack_stop import JobSeen, JobState, StoppedService, WorkerStop
from readiness.gather import gatherer
from readiness.gather.job_asking import JobDesk, Look
from readiness.gather.own_user import own_user
from readiness.gather.stopping import inner_entry, limits_off, merged, stop_service
from readiness.instruments.client import HttpClient
from readiness.instruments.variants import Variants
from readiness.runtime import Stack, Variant
from readiness.target import Role, Target
from readiness.verdict import Inconclusive

__all__ = ["stop_in_a_job", "worker_stop"]

#: As long as a job is made to take where a variable sets it: enough to look at it and to stop its worker meanwhile, and
#: below every usual grace period (10 s by default).
JOB_SECONDS = 4
#: Beside the one that is under way, so that others wait.
JOBS = 3
#: On top of what a job takes, for a queue that is asked now and then.
PICK_UP_SECONDS = 15.0
#: How long a job that nobody finished is waited for, where the owner does not say when it is given out again.
REDELIVERY_SECONDS = 60.0
#: Nobody waits longer for an audit; a queue that takes longer has to be told with its own variable.
MOST_REDELIVERY_SECONDS = 150.0


@gatherer(impact=Impact.PERTURBS, at_most_seconds=240)
def worker_stop(target: Target, variants: Variants) -> WorkerStop:
    """In a second stack, whose worker is nobody else's."""
    jobs, workers = jobs_of(target), target.services_of(Role.WORKER)
    if jobs is None or not workers:
        undeclared = "jobs" if jobs is None else "roles.worker"
        return WorkerStop(
            problem=target.declined.get(undeclared, f"not configured: {undeclared}"), undeclared=undeclared
        )
    variables = (
        {worker: {jobs.seconds_variable: str(JOB_SECONDS)} for worker in workers} if jobs.seconds_variable else {}
    )
    with (
        variants(Variant(name="workerstop", environment=merged(limits_off(target), variables))) as stack,
        HttpClient(stack) as http,
    ):
        return stop_in_a_job(target, stack, http, jobs)


def stop_in_a_job(
    target: Target, stack: Stack, http: HttpClient, jobs: Jobs, *, sleep: Callable[[float], None] = time.sleep
) -> WorkerStop:
    """Ask for jobs until one is under way, stop the workers, start them, and look at every job.

    Raises:
        Inconclusive: nobody can log in to ask.
    """
    entry = inner_entry(target)
    if entry is None:
        raise Inconclusive("no entry to send requests to", supply="entry: {service: SERVICE, port: 8000}")
    desk = JobDesk(http=http, entry=entry, jobs=jobs, sleep=sleep)
    if {jobs.enqueue.as_user, jobs.result.as_user} != {"anonymous"}:
        identity = own_user(target, stack, http, "workerstop", entry=entry)
        desk.headers, desk.secrets = identity.headers, identity.secrets
    return _Trial(target, stack, desk).run()


class _Trial:
    """One stop."""

    def __init__(self, target: Target, stack: Stack, desk: JobDesk) -> None:
        self._workers = target.services_of(Role.WORKER)
        self._stack, self._desk = stack, desk
        self._bound = max(desk.jobs.seconds, JOB_SECONDS) + PICK_UP_SECONDS

    def run(self) -> WorkerStop:
        first, answer = self._desk.enqueue()
        if first is None:
            return WorkerStop(problem=f"no job was taken: {answer}", undeclared="jobs.enqueue")
        began = time.monotonic()
        look = self._desk.wait(first, JobState.DONE, JobState.FAILED, at_most_seconds=self._bound)
        usual = time.monotonic() - began
        if look.state is not JobState.DONE:
            told = "which tells no status" if look.state is JobState.UNKNOWN else f"which is {look.state}"
            return WorkerStop(
                problem=f"a job of an undisturbed worker was not done within {usual:.0f} s, {told}: {look.answer}",
                undeclared="jobs.status" if look.state is JobState.UNKNOWN else "",
            )
        names = [name for name, _ in (self._desk.enqueue() for _ in range(JOBS)) if name is not None]
        if not names:
            return WorkerStop(problem="a second job was not taken")
        # Where the status does not say that it runs, it is a guess, which what follows confirms or not.
        self._desk.wait(names[0], JobState.RUNNING, JobState.DONE, at_most_seconds=usual / 2)
        before = {name: self._desk.look(name).state for name in names}
        try:
            stopped = tuple(stop_service(self._stack, worker) for worker in self._workers)
            at_rest = {name: self._desk.look(name).state for name in names}
        finally:
            for worker in reversed(self._workers):
                self._stack.start(worker)
        return self._after(stopped, usual, names, before, at_rest)

    def _after(
        self,
        stopped: tuple[StoppedService, ...],
        usual: float,
        names: list[str],
        before: dict[str, JobState],
        at_rest: dict[str, JobState],
    ) -> WorkerStop:
        began = time.monotonic()
        redelivery = min(self._desk.jobs.redelivery_seconds or REDELIVERY_SECONDS, MOST_REDELIVERY_SECONDS)
        # One after the other by the same worker, and what nobody finished last.
        deadline = began + self._bound + usual * len(names) + redelivery
        looks = {name: self._end_of(name, deadline - time.monotonic()) for name in names}
        # Asked for by now, so that whatever the worker does when it starts is over.
        control, answer = self._desk.enqueue()
        last = JobSeen(id=control or "", answer=answer)
        if control is not None:
            look = self._end_of(control, self._bound)
            last = replace(last, after=look.state, runs=look.runs, answer=look.answer)
        # And again: what is done twice is done so before the last one.
        looks |= {name: self._desk.look(name) for name in names}
        return WorkerStop(
            stopped=stopped,
            undisturbed_seconds=round(usual, 2),
            jobs=tuple(
                JobSeen(
                    id=name,
                    before=before[name],
                    at_rest=at_rest[name],
                    after=look.state,
                    runs=look.runs,
                    answer=look.answer,
                )
                for name, look in looks.items()
            ),
            control=last,
            waited_seconds=round(time.monotonic() - began, 2),
        )

    def _end_of(self, job: str, seconds: float) -> Look:
        return self._desk.wait(job, JobState.DONE, JobState.FAILED, at_most_seconds=max(0.0, seconds))
