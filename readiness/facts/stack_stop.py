"""A worker stopped in the middle of a job, and a whole stack restarted under load: how each service ended, what was lost."""

from __future__ import annotations

import enum
from dataclasses import dataclass

__all__ = ["JobSeen", "JobState", "Kept", "Lost", "StackRestart", "StoppedService", "WorkerStop"]


class JobState(enum.StrEnum):
    """How far a job is, as the request for its result tells."""

    WAITING = "waiting"  # none of the declared words
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    GONE = "gone"  # nobody knows the job
    UNKNOWN = "unknown"  # no answer, a refusal, or an answer without a status


@dataclass(frozen=True, kw_only=True)
class StoppedService:
    """How one service ended when its engine stopped it.

    Attributes:
        was: its state before, in the engine's words; only a running one was stopped.
        seconds: from the stop signal to its end.
        grace_seconds: after which its engine kills it.
        exit_code: None where it is not known.
        log: the last lines, for evidence.
        problem: why it could not be stopped.
    """

    service: str
    was: str = "running"
    seconds: float = 0.0
    grace_seconds: float = 10.0
    exit_code: int | None = None
    is_oom_killed: bool = False
    log: str = ""
    problem: str = ""


@dataclass(frozen=True, kw_only=True)
class JobSeen:
    """One job: how far it was when the worker was told to stop, when it had stopped, and at the end.

    Attributes:
        before, at_rest, after: those three looks.
        runs: how often it was done, where the result tells.
        answer: the last answer, for evidence.
    """

    id: str
    before: JobState = JobState.UNKNOWN
    at_rest: JobState = JobState.UNKNOWN
    after: JobState = JobState.UNKNOWN
    runs: int | None = None
    answer: str = ""

    @property
    def was_in_progress(self) -> bool:
        """Whether the stop met it under way: told so, or done only after the signal."""
        return self.before is JobState.RUNNING or (self.before is not JobState.DONE and self.at_rest is JobState.DONE)


@dataclass(frozen=True, kw_only=True)
class WorkerStop:
    """The workers stopped while a job was under way and others waited, and started again.

    Attributes:
        stopped: the services with the role of a worker.
        undisturbed_seconds: how long a job took before.
        jobs: asked for before the stop, in order.
        control: asked for after the start: done, it shows that the worker works again.
        waited_seconds: how long the jobs were waited for after the start.
        problem: why nothing could be tried.
        undeclared: the key of ``readiness.yaml`` that would have helped.
    """

    stopped: tuple[StoppedService, ...] = ()
    undisturbed_seconds: float = 0.0
    jobs: tuple[JobSeen, ...] = ()
    control: JobSeen | None = None
    waited_seconds: float = 0.0
    problem: str = ""
    undeclared: str = ""


@dataclass(frozen=True, kw_only=True)
class Lost:
    """Something that was acknowledged and is not there afterwards; ``answer`` is what came instead."""

    id: str
    answer: str


@dataclass(frozen=True, kw_only=True)
class Kept:
    """What was acknowledged before the restart, and what of it is left.

    Attributes:
        what: records or jobs, in words.
        acknowledged: how many.
        late: how many of them in the last second before the first service was stopped, or later.
        lost: answered as if they had never been.
        unread: answers that tell nothing.
        reason: why none was tried; ``undeclared`` the key that would have helped.
    """

    what: str
    acknowledged: int = 0
    late: int = 0
    lost: tuple[Lost, ...] = ()
    unread: tuple[Lost, ...] = ()
    reason: str = ""
    undeclared: str = ""


@dataclass(frozen=True, kw_only=True)
class StackRestart:
    """Every service stopped, dependents first, while clients wrote; then started again, dependencies first.

    Attributes:
        stopped: in the order of stopping.
        is_back: whether the stack served again.
        back_seconds: how long that took.
        records, jobs: what was acknowledged.
        problem: why it could not be done to its end.
    """

    stopped: tuple[StoppedService, ...] = ()
    is_back: bool = False
    back_seconds: float = 0.0
    records: Kept = Kept(what="records")
    jobs: Kept = Kept(what="jobs")
    problem: str = ""
