"""What a service answered when something went wrong inside it, and what was left of it afterwards."""

from __future__ import annotations

from dataclasses import dataclass, field

from readiness.facts.http import Exchange
from readiness.facts.validation import BadInputs

__all__ = ["ErrorLeak", "ErrorRun", "LogEntry", "NeedingAnswer", "Provocations"]


@dataclass(frozen=True, kw_only=True)
class ErrorLeak:
    """Something that an error answer must not show.

    Attributes:
        where: the answer.
        kind: what it is, for example ``"SQL"`` or ``"the value of JWT_SECRET of api"``; never the value.
        is_code: it shows how the program is made; otherwise where and with what it runs.
        excerpt: the text around it, secrets masked.
    """

    where: str
    kind: str
    is_code: bool
    excerpt: str


@dataclass(frozen=True, kw_only=True)
class NeedingAnswer:
    """The answer to a request that needs a dependency, and what it gave away.

    Attributes:
        phase: ``before``, ``stopped``, ``recovered``, ``paused`` or ``resumed``.
        is_declared: the owner says that the request needs the dependency; else it is the stack's ordinary request.
    """

    phase: str
    exchange: Exchange
    is_declared: bool = True
    leaks: tuple[ErrorLeak, ...] = ()


@dataclass(frozen=True, kw_only=True)
class LogEntry:
    """One entry of the application's log about one provoked error: the line, and what follows it until the next.

    Attributes:
        service: whose log.
        text: masked, at most 8 KiB.
        is_error: it says of itself that it is one, by its level or a trace.
    """

    service: str
    text: str
    is_error: bool


@dataclass(frozen=True, kw_only=True)
class Provocations:
    """An unhandled exception provoked again and again, with good requests in between, in a stack of its own.

    Attributes:
        wanted: how many provocations were planned; ``sent`` how many were sent.
        bad: status (or error) of the provocations -> count; ``good`` the same of the requests in between.
        examples: the first provocations, one per entry, and the first of each other status.
        failed_good: the first good requests that were not answered as before.
        good_before: the good request before any provocation; ``good_after`` after all of them.
        restarts: service -> restarts that its engine counted meanwhile; ``is_replaced`` another instance runs now.
        entries: log entries about ``logged_exchange``, found by its request id; None where logs cannot be read.
        unlogged: why there are none to judge.
        others: error answers of other kinds, one per kind, to compare shapes with.
        missing: what could not be done -> why.
    """

    wanted: int = 0
    sent: int = 0
    bad: dict[str, int] = field(default_factory=dict)
    good: dict[str, int] = field(default_factory=dict)
    examples: tuple[Exchange, ...] = ()
    failed_good: tuple[Exchange, ...] = ()
    good_before: Exchange | None = None
    good_after: Exchange | None = None
    restarts: dict[str, int] = field(default_factory=dict)
    is_replaced: bool = False
    logged_exchange: Exchange | None = None
    entries: tuple[LogEntry, ...] | None = None
    unlogged: str = ""
    others: tuple[Exchange, ...] = ()
    missing: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class ErrorRun:
    """Everything that was done to one stack of its own: exceptions provoked, bad requests sent, a body limit configured.

    Attributes:
        leaks: what any error answer of the run gave away; ``searched`` how many were searched for it.
    """

    provocations: Provocations = field(default_factory=Provocations)
    bad_inputs: BadInputs = field(default_factory=BadInputs)
    leaks: tuple[ErrorLeak, ...] = ()
    searched: int = 0
