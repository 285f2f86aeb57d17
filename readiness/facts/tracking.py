"""What reached the error tracker's address, and how requests fared meanwhile. Without a secret in it."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["Captured", "ErrorTracking", "Leak", "Provoked", "Sampled", "Stopped", "Waiting"]


@dataclass(frozen=True, kw_only=True)
class Captured:
    """One event with an exception.

    Attributes:
        seconds: from the request's end to the event's arrival.
        exceptions: types, the innermost last, as the client sends them.
        frames: of the exception with the most.
        innermost: function and file of the last frame.
        environment: the tag, None where there is none.
        url: without its query.
        headers: names of the request's headers, lower case.
        user: keys that tell who it was, such as ``id``.
        breadcrumbs: how many.
        trace_id: of the trace to which it belongs, 32 hexadecimal digits; empty where it tells none.
    """

    seconds: float
    exceptions: tuple[str, ...]
    frames: int
    innermost: str = ""
    environment: str | None = None
    url: str | None = None
    headers: tuple[str, ...] = ()
    user: tuple[str, ...] = ()
    breadcrumbs: int = 0
    trace_id: str = ""


@dataclass(frozen=True, kw_only=True)
class Provoked:
    """An error that was brought about, and the events that came of it.

    Attributes:
        name: ``unhandled``, or the role of the service that was stopped.
        request: method, URL and status of the request that failed.
        status: of its answer.
        as_user: whether it was sent by somebody who is logged in.
        is_protected: whether it is refused without that login, while every store runs: then the service knew who it was.
        trace_id: of the trace that was sent with it (W3C Trace Context); empty where none was.
    """

    name: str
    request: str
    status: int | None
    as_user: bool = False
    is_protected: bool = False
    events: tuple[Captured, ...] = ()
    trace_id: str = ""

    @property
    def is_trace_continued(self) -> bool | None:
        """Whether an event belongs to the trace that the request brought; None where neither tells."""
        told = {event.trace_id for event in self.events if event.trace_id}
        return self.trace_id in told if self.trace_id and told else None


@dataclass(frozen=True, kw_only=True)
class Leak:
    """A secret of the audit's own that was found in what was sent: whose it was, and where it stood."""

    secret: str
    place: str


@dataclass(frozen=True, kw_only=True)
class Sampled:
    """Requests whose course may be traced, and the transactions that came of them.

    Attributes:
        answered: requests that were answered with success.
        transactions: of any path, from the first of these requests on.
        told_ratios: sample rates that the envelopes themselves tell.
    """

    answered: int
    transactions: int
    told_ratios: tuple[float, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Stopped:
    """How the service ended when its engine stopped it: the stop signal, its grace period, SIGKILL.

    Attributes:
        exit_code: of its main process; None where it is not known.
    """

    seconds: float
    exit_code: int | None

    @property
    def was_killed(self) -> bool:
        """Whether the grace period was not enough: 128 + 9 of a container, -9 of a process."""
        return self.exit_code in {137, -9}


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """How long failing requests took while the tracker answered, and while it hung; seconds.

    Attributes:
        was_asked: whether the hanging tracker was really called: else nothing was shown.
        stopped: the stop while the tracker hung, after those requests; None where it was not tried.
        stopped_answering: a stop while it answered, for comparison; tried only where the other one ended in a kill.
    """

    answering: tuple[float, ...]
    hanging: tuple[float, ...]
    hanging_errors: tuple[str, ...] = ()
    was_asked: bool = True
    stopped: Stopped | None = None
    stopped_answering: Stopped | None = None


@dataclass(frozen=True, kw_only=True)
class ErrorTracking:
    """One variant of the stack, with a stub in the tracker's place.

    Attributes:
        is_reachable: whether the service reaches the stub's address; None where that could not be tried.
        envelopes: how many came in; ``unreadable`` why some could not be read.
        expected_environment: what the service's variable says; empty where it has none.
        secrets: which secrets were sent with failing requests.
        not_done: what was left out -> why.
    """

    is_reachable: bool | None
    envelopes: int = 0
    unreadable: tuple[str, ...] = ()
    expected_environment: str = ""
    provoked: tuple[Provoked, ...] = ()
    secrets: tuple[str, ...] = ()
    leaks: tuple[Leak, ...] = ()
    sampled: Sampled | None = None
    waiting: Waiting | None = None
    not_done: dict[str, str] = field(default_factory=dict)

    @property
    def events(self) -> tuple[tuple[Provoked, Captured], ...]:
        """Every event, with what provoked it."""
        return tuple((provoked, event) for provoked in self.provoked for event in provoked.events)
