"""Two replicas of the service behind the owner's proxy: replaced one after the other, one lost, and asked one by one.

Times are seconds from the first request of the load.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Failure", "LoadPhase", "ReplicaStep", "ScaledStack", "SharedAnswer"]


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A request that was not served: an error of a server, or no answer.

    Attributes:
        sent_seconds: when it was sent; ``seconds`` how long it took.
    """

    sent_seconds: float
    seconds: float
    what: str


@dataclass(frozen=True, kw_only=True)
class LoadPhase:
    """A stretch of the load; a request belongs to the phase in which it was sent.

    Attributes:
        served: answered below 500, and by no limiter.
        limited: answered 429.
        failed: how many were not served; ``failures`` the first of them.
        beside_seconds: the median time of all requests from the first failure to the last; 0 where none failed.
    """

    name: str
    began_seconds: float
    ended_seconds: float
    sent: int = 0
    served: int = 0
    limited: int = 0
    failed: int = 0
    failures: tuple[Failure, ...] = ()
    slowest_seconds: float = 0.0
    beside_seconds: float = 0.0


@dataclass(frozen=True, kw_only=True)
class ReplicaStep:
    """One replica replaced by a new one, or killed.

    Attributes:
        at_seconds: when it was told to stop; where its engine updates all of them, when it was seen to have ended.
        gone_seconds: when it had ended and a new one ran.
        ready_seconds: when the new one was ready; None where it never was.
    """

    replica: int
    at_seconds: float
    gone_seconds: float
    ready_seconds: float | None = None


@dataclass(frozen=True, kw_only=True)
class SharedAnswer:
    """The same request, by the same caller, at the replica where the caller logged in and wrote, and at the other one.

    Attributes:
        name: what is asked for, in words.
        here, there: the status; None without an answer.
    """

    name: str
    request: str
    here: int | None
    there: int | None
    answer: str = ""


@dataclass(frozen=True, kw_only=True)
class ScaledStack:
    """What two replicas did.

    Attributes:
        engine: who ran the replicas and replaced them, ``compose`` or ``swarm``.
        request: of the load, as the owner would write it.
        per_second: how many of them.
        late_seconds: how late the latest of them was sent: this machine's doing.
        load_per_cpu: how many programs wanted each of this machine's processors, on average of the last minute.
        rest, roll, crash: the load before anything was done, while the replicas were replaced, after one was killed.
        steps: the replacements; ``killed`` the loss.
        shared: what each replica knows of the other one's sessions and records; ``not_shared`` why nothing was asked.
        problem: why it could not be done to its end.
    """

    service: str = ""
    engine: str = "compose"
    request: str = ""
    per_second: float = 0.0
    late_seconds: float = 0.0
    load_per_cpu: float = 0.0
    replicas: int = 0
    rest: LoadPhase | None = None
    roll: LoadPhase | None = None
    crash: LoadPhase | None = None
    steps: tuple[ReplicaStep, ...] = ()
    killed: ReplicaStep | None = None
    shared: tuple[SharedAnswer, ...] = ()
    not_shared: str = ""
    problem: str = ""
