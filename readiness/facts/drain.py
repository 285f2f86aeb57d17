"""What became of everything that was open when a service was asked to stop.

All times are seconds of one clock, counted from the stop signal; before it they are negative.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

__all__ = [
    "HELD",
    "Bounded",
    "DrainBound",
    "DrainCleanup",
    "DrainRuns",
    "Ending",
    "Fate",
    "Kind",
    "SecondSignal",
    "Sessions",
    "Stop",
    "Tracked",
    "Written",
]


class Kind(enum.StrEnum):
    """What a request was there for."""

    WRITE = "write"  # half of its body sent before the signal, the rest long after it
    UPLOAD = "upload"  # the same, of a request that writes nothing
    SLOW = "slow"  # sent whole; the service is known to take long
    LOCKED = "locked"  # sent whole; what it reads or writes in the database is locked for a while
    STREAM = "stream"  # sent whole; its answer has begun, and goes on for a while
    QUICK = "quick"  # a write sent whole around the signal
    NEW = "new"  # over a connection that was opened at its time
    HEAD = "head"  # half of its head sent before the signal
    IDLE = "idle"  # a connection without a request


#: What is in flight at a stop and has to finish.
HELD = (Kind.WRITE, Kind.UPLOAD, Kind.SLOW, Kind.LOCKED, Kind.STREAM)


class Fate(enum.StrEnum):
    """How it ended."""

    FINISHED = "finished"  # the whole answer, with a status
    REFUSED = "refused"  # no connection
    RESET = "reset"  # closed without a whole answer
    UNANSWERED = "unanswered"  # nothing in time


@dataclass(frozen=True, kw_only=True)
class Tracked:
    """One request, or one idle connection.

    Attributes:
        name: for the reader, for example ``POST /items (half sent)``.
        sent_seconds: when its first bytes were sent; ``released_seconds`` when what had been held back was sent, or what
            it waited for was freed.
        head_seconds: when the head of its answer came.
        ended_seconds: when its fate was known.
        status: of the answer, if one began.
        shape: the names of the answer's JSON members, or its media type: what a full answer has.
        detail: the error in the client's words.
    """

    kind: Kind
    name: str
    sent_seconds: float
    ended_seconds: float
    fate: Fate
    released_seconds: float | None = None
    head_seconds: float | None = None
    status: int | None = None
    shape: str = ""
    detail: str = ""

    @property
    def label(self) -> str:
        """For evidence."""
        how = f"{self.fate.value} with {self.status}" if self.status is not None else self.fate.value
        return f"{self.name}: {how} {self.ended_seconds:.2f} s after the signal{f' ({self.detail})' if self.detail else ''}"


@dataclass(frozen=True, kw_only=True)
class Written:
    """A record whose creation was acknowledged around the signal.

    Attributes:
        is_there: whether it was read back after the restart; None where that could not be told, ``detail`` says why.
    """

    id: str
    name: str
    acknowledged_seconds: float
    is_there: bool | None = None
    detail: str = ""


@dataclass(frozen=True, kw_only=True)
class Ending:
    """How the service ended.

    Attributes:
        signal: what was sent to it, for example ``SIGTERM``.
        grace_seconds: after so long it is killed; None where nobody would.
        seconds: from the signal to its end; None where it still ran after ``watched_seconds``.
        exit_code: as engines count: 128 + n after signal n.
    """

    signal: str
    watched_seconds: float
    grace_seconds: float | None = None
    seconds: float | None = None
    exit_code: int | None = None
    is_oom_killed: bool = False

    @property
    def is_killed(self) -> bool:
        """Whether it had to be killed (or nobody waited for its end any longer)."""
        return self.seconds is None or self.exit_code == 137  # noqa: PLR2004  # 128 + SIGKILL

    @property
    def words(self) -> str:
        """For the reader."""
        if self.seconds is None:
            return f"still running {self.watched_seconds:.1f} s after {self.signal}"
        return f"exit code {self.exit_code} {self.seconds:.1f} s after {self.signal}"


@dataclass(frozen=True, kw_only=True)
class Sessions:
    """The database's own count of sessions whose client went away without a word (``sessions_abandoned``).

    Attributes:
        before: sessions that were open before the signal, ``after`` those of them that still were after the end.
        abandoned: by how much the count grew over the stop; ``at_rest`` over the time before it, by whatever else.
        problem: why it could not be asked.
    """

    service: str
    before: int = 0
    after: int = 0
    abandoned: int = 0
    at_rest: int = 0
    problem: str = ""


@dataclass(frozen=True, kw_only=True)
class Stop:
    """One stop of the service.

    Attributes:
        requests: everything that was open or opened, in order of sending.
        is_taken_on: a new connection had its answer before the signal, so nobody who came before it waited in the queue
            of the port, where a server that closes it cuts whom it never saw.
        ready: the readiness probe's status (0: no answer) at seconds.
        log: what the service wrote from a moment before the signal on.
    """

    ending: Ending
    requests: tuple[Tracked, ...] = ()
    is_taken_on: bool = True
    written: tuple[Written, ...] = ()
    ready: tuple[tuple[float, int], ...] = ()
    sessions: Sessions | None = None
    log: tuple[str, ...] = ()

    def of(self, *kinds: Kind) -> tuple[Tracked, ...]:
        """The requests of these kinds."""
        return tuple(request for request in self.requests if request.kind in kinds)


@dataclass(frozen=True, kw_only=True)
class DrainRuns:
    """The service stopped twice.

    Attributes:
        service: what was stopped; ``entry`` is where it was asked directly.
        control: the same requests as in ``stopped`` and maybe more, held as long, without any signal.
        fewer: why no more of them were in flight at the stop; empty where it was the whole crowd.
        stopped: under load, by the engine's own stop.
        kept: idle connections to the serving service, until it closed them; only where a figure is declared.
        idle: with nothing but idle connections, by a bare signal, after which nobody kills.
        not_done: part -> why it could not be had.
    """

    service: str = ""
    entry: str = ""
    control: tuple[Tracked, ...] = ()
    fewer: str = ""
    stopped: Stop | None = None
    kept: tuple[Tracked, ...] = ()
    idle: Stop | None = None
    not_done: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Bounded:
    """A stop with a request that is never finished, and one that is finished shortly before the declared end.

    Attributes:
        timeout_seconds: declared, or set through the variable.
        held: the request that never becomes whole; ``late`` the one that does.
    """

    timeout_seconds: float
    ending: Ending
    held: Tracked
    late: Tracked | None = None


@dataclass(frozen=True, kw_only=True)
class SecondSignal:
    """The stop signal once more, while the service drains with a request that never becomes whole.

    Attributes:
        timeout_seconds: after which the drain ends by itself, set through the variable.
        sent_seconds: when the second one was sent, after the first; at the latest at ``sent_by_seconds``, where asking the
            engine for it took a while.
    """

    timeout_seconds: float
    sent_seconds: float
    ending: Ending
    held: Tracked
    sent_by_seconds: float | None = None

    @property
    def cut_seconds(self) -> float:
        """When what was open was cut, or the service was gone; as long as it was watched where it never was."""
        end = self.ending.watched_seconds if self.ending.seconds is None else self.ending.seconds
        return min(self.held.ended_seconds, end)


@dataclass(frozen=True, kw_only=True)
class DrainBound:
    """Stops with a request that outlasts the drain.

    Attributes:
        has_engine: whether an engine with a grace period of the owner's stopped it.
        deployed: as the service is deployed; ``lowered`` with another timeout, set through ``variable``.
        second: the signal twice, with that timeout.
        not_done: part -> why it could not be had.
    """

    has_engine: bool = False
    deployed: Bounded | None = None
    lowered: Bounded | None = None
    second: SecondSignal | None = None
    variable: str = ""
    not_done: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class DrainCleanup:
    """A stop while a store that has to be let go of is away.

    Attributes:
        store: the service that was stopped first.
        problem: why it could not be tried.
    """

    store: str = ""
    ending: Ending | None = None
    sessions: Sessions | None = None
    log: tuple[str, ...] = ()
    problem: str = ""
