"""A job under way when its worker is stopped is done, once, and those that wait are done afterwards."""

from __future__ import annotations

from readiness import Category, Evidence, Finding, Inconclusive, Measurement, Severity, Verdict, check
from readiness.declared.jobs import JOBS_EXAMPLE, Jobs, jobs_of
from readiness.facts.stack_stop import JobSeen, JobState, WorkerStop
from readiness.target import Role, Target

KILLED = 137
IN_FLIGHT_EXAMPLE = (
    "jobs:\n  status: {at: status, running: [running], done: [done], failed: [failed]}\n"
    "  env: {seconds: VARIABLE_OF_THE_WORKER}   # how long a job takes"
)
REDELIVERY_EXAMPLE = "jobs:\n  delivery: redelivered\n  redelivery_seconds: 120"


@check(
    id="drain.worker_finishes",
    category=Category.DRAIN,
    severity=Severity.HIGH,
    title="A job under way when its worker is stopped is done, once; those that wait are done after the start",
    why="Every deployment stops the workers. Work that was taken from the queue and not finished is lost without a trace.",
    source="Claims ledger, drain.worker_finishes (memorai, brain); Celery documentation, Workers Guide, Warm shutdown",
    remediation=(
        "On the stop signal take no new job, finish the one under way, acknowledge it only then, and give the container a "
        "grace period longer than a job. Make a job that is delivered twice harmless."
    ),
    seeds=("memorai", "brain"),
    defects=("worker-drops-job", "job-done-twice", "worker-starts-afresh"),
)
def check_worker_finishes(worker_stop: WorkerStop, target: Target) -> Verdict:
    """Judge the job that was under way, and the others."""
    jobs = jobs_of(target)
    target.require("jobs", jobs, example=JOBS_EXAMPLE)
    target.require("roles.worker", target.services_of(Role.WORKER), example="roles:\n  worker: SERVICE")
    assert jobs is not None  # noqa: S101  # require() raised otherwise; tells the type checker
    if worker_stop.problem:
        raise Inconclusive(worker_stop.problem, supply=JOBS_EXAMPLE, undeclared=worker_stop.undeclared)
    if trouble := [each.problem for each in worker_stop.stopped if each.problem]:
        raise Inconclusive(f"the worker could not be stopped: {'; '.join(trouble)}")
    under_way = [job for job in worker_stop.jobs if job.was_in_progress]
    findings = [finding for job in worker_stop.jobs if (finding := _finding(job, jobs, worker_stop))]
    undone = [job for job in worker_stop.jobs if job.after is not JobState.DONE]
    if undone and (worker_stop.control is None or worker_stop.control.after is not JobState.DONE):
        answer = worker_stop.control.answer if worker_stop.control else ""
        raise Inconclusive(f"the worker did no job after its start: {answer}")
    if unseen := [job for job in worker_stop.jobs if job.after is JobState.UNKNOWN]:
        raise Inconclusive(f"{len(unseen)} jobs could not be looked at in the end: {unseen[0].answer}")
    if not findings and not under_way:
        raise Inconclusive(
            f"no job was seen under way when the worker was stopped: one takes {worker_stop.undisturbed_seconds:g} s",
            supply=IN_FLIGHT_EXAMPLE,
            undeclared="" if jobs.seconds_variable else "jobs.env.seconds",
        )
    slowest = max(worker_stop.stopped, key=lambda each: each.seconds)
    kept = "finished before the worker ended" if _finished(under_way) else "given out again and done after the start"
    once = "" if jobs.runs else "; whether one was done twice is told nowhere (jobs.runs)"
    return Verdict(
        findings=findings,
        measured=[
            Measurement(name="jobs", value=len(worker_stop.jobs), unit="count"),
            Measurement(name="stop of the worker", value=slowest.seconds, unit="s"),
        ],
        summary=""
        if findings
        else f"the job under way was {kept}, {len(worker_stop.jobs) - len(under_way)} others afterwards{once}",
    )


def _finding(job: JobSeen, jobs: Jobs, seen: WorkerStop) -> Finding | None:
    evidence = (
        Evidence(
            source=f"job {job.id}",
            text=f"at the stop: {job.before}; while stopped: {job.at_rest}; in the end: {job.after}. {job.answer}",
        ),
        *(
            Evidence(source=f"stop of {each.service}", text=f"exit code {each.exit_code} after {each.seconds:g} s")
            for each in seen.stopped
        ),
    )
    what = "the job under way" if job.was_in_progress else "a job that waited"
    if job.after is JobState.FAILED:
        return Finding(message=f"{what} when the worker was stopped ended as failed", evidence=evidence)
    if job.after not in {JobState.DONE, JobState.UNKNOWN}:
        is_killed = any(each.exit_code == KILLED for each in seen.stopped)
        if job.was_in_progress and is_killed and jobs.redelivery_seconds is None:
            raise Inconclusive(
                f"{what} was cut by SIGKILL and is not done {seen.waited_seconds:.0f} s after the start: it is not told "
                "when the queue gives it out again",
                supply=REDELIVERY_EXAMPLE,
                undeclared="jobs.redelivery_seconds",
            )
        return Finding(
            message=f"{what} when the worker was stopped is lost: not done {seen.waited_seconds:.0f} s after the start, "
            "although a later one is",
            evidence=evidence,
        )
    if job.runs is not None and job.runs > 1:
        return Finding(message=f"{what} when the worker was stopped was done {job.runs} times", evidence=evidence)
    if job.was_in_progress and jobs.delivery == "finishes" and not _finished([job]):
        return Finding(message=f"{what} was not finished before the worker ended, as declared", evidence=evidence)
    return None


def _finished(under_way: list[JobSeen]) -> bool:
    return all(job.at_rest is JobState.DONE for job in under_way)
