"""What a rate limiter let through and what it refused, seen from outside."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from readiness.facts.http import Exchange

__all__ = [
    "Addressed",
    "Answer",
    "DeployedLimit",
    "Figures",
    "Phase",
    "Reached",
    "Refilled",
    "Reopened",
    "SharedLimit",
    "SmallLimit",
    "StoreAway",
    "SwitchedOff",
    "Tried",
    "WideLimit",
]

#: Stands for the status where no answer came.
UNANSWERED = 0
TOO_MANY = 429
FIRST_SERVER_ERROR = 500
#: One request may pass because an allowance came back in that moment; so many in a row do not.
SURE = 4


def is_let_through(status: int) -> bool:
    """Whether the limiter let a request pass, whatever the service then made of it."""
    return status not in {UNANSWERED, TOO_MANY} and status < FIRST_SERVER_ERROR


def is_served(status: int) -> bool:
    """Whether a request got what it asked for, or was sent where that is: a 401, a 404 or a 405 may come from before the limiter."""
    return 200 <= status < 400  # noqa: PLR2004  # RFC 9110, 15.3 and 15.4


@dataclass(frozen=True, kw_only=True)
class Figures:
    """A limit in force: ``requests`` in ``window_seconds``, ``burst`` more at once, counted per ``key``."""

    requests: int
    window_seconds: float
    burst: int = 0
    key: str = "user"

    @property
    def capacity(self) -> int:
        """What a rested caller may send at once."""
        return self.requests + self.burst

    @property
    def interval_seconds(self) -> float:
        """From one request of a steady caller to the next."""
        return self.window_seconds / self.requests

    def most(self, seconds: float) -> float:
        """The most that a bucket, or a window that does not turn meanwhile, lets through in ``seconds``; one is for rounding."""
        return self.capacity + seconds / self.interval_seconds + 1

    def most_at_a_turn(self, seconds: float) -> float:
        """The same, of windows of the clock too: they begin anew whenever they turn, at worst in the middle of a burst."""
        turns = max(1, math.ceil(seconds / self.window_seconds))
        return max(self.most(seconds), self.capacity * (1 + turns) + 1)

    @property
    def words(self) -> str:
        """``"100 in 60 s + 20 per user"``."""
        burst = f" + {self.burst}" if self.burst else ""
        return f"{self.requests} in {self.window_seconds:g} s{burst} {'together' if self.key == 'global' else f'per {self.key}'}"


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One answer of a limited path: when (in its phase, and by this machine's clock), and what it said of the limit."""

    seconds: float
    unix: float
    status: int
    headers: tuple[tuple[str, str], ...] = ()

    def first(self, name: str) -> str | None:
        """The first value of a header, or None."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


@dataclass(frozen=True, kw_only=True)
class Phase:
    """The timeline of one caller's requests.

    Attributes:
        began: seconds since the gathering began.
        shots: (seconds since the phase began, status) in the order sent; status 0 where no answer came.
        slowest_seconds: the longest wait for an answer.
    """

    name: str
    caller: str
    figures: Figures
    began: float
    seconds: float
    shots: tuple[tuple[float, int], ...]
    slowest_seconds: float = 0.0

    @property
    def let_through(self) -> int:
        """How many passed the limiter."""
        return sum(is_let_through(status) for _, status in self.shots)

    @property
    def served(self) -> int:
        """How many got what they asked for."""
        return sum(is_served(status) for _, status in self.shots)

    @property
    def refused(self) -> int:
        """How many were answered 429."""
        return sum(status == TOO_MANY for _, status in self.shots)

    @property
    def failed(self) -> int:
        """How many got a server's error, or no answer."""
        return len(self.shots) - self.let_through - self.refused

    @property
    def span_seconds(self) -> float:
        """From the first request to the last one sent, or to the end of the phase where that is later."""
        return max(self.seconds, *(at for at, _ in self.shots), 0.0) if self.shots else self.seconds

    @property
    def words(self) -> str:
        """``"120 requests in 1.2 s: 100 let through, 20 refused"``."""
        failed = f", {self.failed} failed" if self.failed else ""
        return (
            f"{len(self.shots)} requests in {self.seconds:.1f} s: {self.let_through} let through, "
            f"{self.refused} refused{failed}"
        )


@dataclass(frozen=True, kw_only=True)
class Reopened:
    """How an exhausted caller came back after silence.

    Attributes:
        announced_seconds: the ``Retry-After`` of the refusal, as a number; None without a usable one.
        raw: the header as received.
        early_seconds, early_status: a request sent before the end of the wait that another refusal announced; None where
            none was sent.
        early_announced_seconds: what that other refusal announced.
        later_seconds, later_status: the first request after the announced wait.
        last_seconds, last_status: one after a whole window in silence, where that one was refused or nothing was announced.
    """

    raw: str | None = None
    announced_seconds: float | None = None
    early_seconds: float | None = None
    early_status: int | None = None
    early_announced_seconds: float | None = None
    later_seconds: float | None = None
    later_status: int | None = None
    last_seconds: float | None = None
    last_status: int | None = None


@dataclass(frozen=True, kw_only=True)
class Refilled:
    """What an exhausted caller was let through after ``waited_seconds`` of silence, within ``seconds`` more."""

    waited_seconds: float
    seconds: float
    let_through: int
    refused: int


@dataclass(frozen=True, kw_only=True)
class Tried:
    """Something tried by an exhausted caller.

    Attributes:
        statuses: of what was tried, in the order sent.
        before, after: the limited path just before and just after; anything but 429 says that the caller was not exhausted.
        refilled: the most requests that may have become allowed again in between.
        stranger: what somebody who is not logged in got at the same address, where another user was refused: whether the
            address is what is exhausted.
    """

    name: str
    method: str
    path: str
    statuses: tuple[int, ...]
    before: int
    after: int
    refilled: float = 0.0
    stranger: int | None = None

    @property
    def is_exhausted(self) -> bool:
        """Whether the caller was refused on the limited path all the while."""
        return self.before == TOO_MANY and self.after == TOO_MANY

    @property
    def has_evaded(self) -> bool:
        """Whether an exhausted caller got through again and again."""
        enough = len(self.statuses) >= SURE and len(self.statuses) > self.refilled + 1
        return self.is_exhausted and enough and all(map(is_let_through, self.statuses))

    @property
    def is_settled(self) -> bool:
        """Whether it was refused, or got through beyond doubt."""
        return self.is_exhausted and (TOO_MANY in self.statuses or self.has_evaded)


@dataclass(frozen=True, kw_only=True)
class Addressed:
    """One address exhausted through an entry, and another one that asked meanwhile.

    Attributes:
        refilled: the most requests that may have become allowed again meanwhile, to whoever is counted with the first one.
        rested: where the other one was refused throughout: its status after a silence in which the limiter forgets,
            just before all was tried again. Refused even then, its own allowance was spent, and nothing is shown.
    """

    entry: str
    is_proxy: bool
    before: int
    after: int
    other: str
    statuses: tuple[int, ...]
    refilled: float = 0.0
    rested: int | None = None
    problem: str = ""

    @property
    def is_telling(self) -> bool:
        """Whether the first one was exhausted all the time, and the other one got answers."""
        return self.before == TOO_MANY and self.after == TOO_MANY and bool(self.statuses)

    @property
    def is_refused(self) -> bool:
        """Whether the other one was refused throughout while the first one was exhausted."""
        return self.is_telling and all(status == TOO_MANY for status in self.statuses)

    @property
    def is_served(self) -> bool:
        """Whether the other one got through more often than allowances of the first one's may have come back."""
        return sum(map(is_let_through, self.statuses)) > self.refilled + 1


@dataclass(frozen=True, kw_only=True)
class Reached:
    """A limit that was looked for in several callers' requests together.

    Attributes:
        used_before: requests that the same stack had been sent before, logins included.
    """

    figures: Figures
    phases: tuple[Phase, ...]
    used_before: int = 0

    @property
    def let_through(self) -> int:
        """All together."""
        return sum(phase.let_through for phase in self.phases)

    @property
    def refused(self) -> int:
        """All together."""
        return sum(phase.refused for phase in self.phases)

    @property
    def failed(self) -> int:
        """All together."""
        return sum(phase.failed for phase in self.phases)

    @property
    def seconds(self) -> float:
        """From the first phase's beginning to the last one's end."""
        return max((p.began + p.seconds for p in self.phases), default=0.0) - min(
            (p.began for p in self.phases), default=0.0
        )


@dataclass(frozen=True, kw_only=True)
class DeployedLimit:
    """The limit with the figures as deployed, met once by a caller of its own.

    Attributes:
        phase: ten requests one after another, then the rest at once; None where nothing could be sent.
        again: a second burst, where the first one let more through than the figures, as a window does that turns in it.
        answers: the ten, and the first refusal.
        refusal: a refusal asked for with an allowed origin, masked.
        reason: why there is no phase.
    """

    figures: Figures | None = None
    phase: Phase | None = None
    again: Phase | None = None
    answers: tuple[Answer, ...] = ()
    refusal: Exchange | None = None
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class SmallLimit:
    """The limiter as a state machine, in a stack of its own with small figures.

    Attributes:
        phases: every timeline, in the order begun.
        answers: of one caller's requests, one after another, the first refusal included.
        users: what an exhausted user's new login, and another user, got.
        addresses: what another address got while the first one was exhausted, per entry.
        not_done: part -> why it was left out.
    """

    figures: Figures
    is_lowered: bool
    phases: tuple[Phase, ...] = ()
    answers: tuple[Answer, ...] = ()
    reopened: Reopened | None = None
    refills: tuple[Refilled, ...] = ()
    operations: tuple[Tried, ...] = ()
    variants: tuple[Tried, ...] = ()
    spoofs: tuple[Tried, ...] = ()
    exempt: tuple[Tried, ...] = ()
    probes: tuple[Tried, ...] = ()
    users: tuple[Tried, ...] = ()
    addresses: tuple[Addressed, ...] = ()
    not_done: dict[str, str] = field(default_factory=dict)

    def phase(self, name: str) -> Phase | None:
        """The timeline of this name."""
        return next((phase for phase in self.phases if phase.name == name), None)

    @property
    def has_refused(self) -> bool:
        """Whether the limiter refused anything at all."""
        return any(phase.refused for phase in self.phases)


@dataclass(frozen=True, kw_only=True)
class StoreAway:
    """The store of the counts taken away and given back.

    Attributes:
        how: ``"stopped"`` or ``"paused"``.
        phase: a rested caller's requests meanwhile.
        warnings: lines of the service's log of that time that speak of the limiter or its store, bounded.
        log_problem: why the log could not be read.
        recovered_seconds: from the store's return until the limiter asked it again; None where it did not in time.
        watched_seconds: how long that was watched.
    """

    how: str
    phase: Phase
    warnings: tuple[str, ...] = ()
    log_problem: str = ""
    recovered_seconds: float | None = None
    watched_seconds: float = 0.0
    problem: str = ""


@dataclass(frozen=True, kw_only=True)
class SharedLimit:
    """Several server processes and one store of counts, in a stack of its own.

    Attributes:
        processes_wanted: what the variant asked for.
        processes_seen: process ids that announced themselves in the log; 0 where the log says nothing.
        attempts: timelines of one user each, at several connections.
        commands_per_request: of the store, on the limited path; None where they could not be counted.
        outages: the store stopped, and paused.
    """

    figures: Figures | None = None
    processes_wanted: int = 1
    processes_seen: int = 0
    attempts: tuple[Phase, ...] = ()
    store: str = ""
    commands_per_request: float | None = None
    not_counted: str = ""
    outages: tuple[StoreAway, ...] = ()
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class WideLimit:
    """Limits over a longer time or over all callers, lowered in a stack of its own; None where there is no such limit."""

    hourly: Reached | None = None
    together: Reached | None = None
    retry_after: str | None = None
    not_done: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class SwitchedOff:
    """One caller's requests in a stack whose limiter is switched off; None where there is no switch."""

    phase: Phase | None = None
    reason: str = ""
