"""How the service starts when things are not as they should be: its database late, never healthy, or slow.

Times are seconds from the zero that the fact names, of one clock. Log lines are bounded, known secrets in them masked.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from readiness.facts.start import StackStart

__all__ = [
    "Attempt",
    "Away",
    "Back",
    "BlockedStart",
    "ColdStarts",
    "LateDependency",
    "Said",
    "ScriptRun",
    "Sleep",
    "StartScript",
    "StartScriptRuns",
    "StartScripts",
    "Started",
]


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One try to reach the dependency, as the listener in its place saw it.

    Attributes:
        seconds: when it came; connections within a few hundredths of a second are one try.
        connections: of how many it consisted.
        lines: what the service logged from then until the next try; None where that was not asked.
    """

    seconds: float
    connections: int = 1
    lines: tuple[str, ...] | None = None


@dataclass(frozen=True, kw_only=True)
class Said:
    """What a probe answered; ``standing`` in the words of :class:`readiness.probes.standing.Standing`."""

    kind: str
    path: str
    standing: str
    status: int | None = None
    error: str | None = None
    body: str = ""


@dataclass(frozen=True, kw_only=True)
class Away:
    """The service started without its dependency. The zero is its start.

    Attributes:
        seconds: how long it was watched.
        attempts: its tries; None where nothing could listen in the dependency's place, and ``unseen`` says why.
        first_end_seconds: when its program was first seen to have ended; None where it ran all the time.
        exit_code: of that end.
        restarts: how often its engine started it again.
        said: what its probes answered at the end of the watch.
        log: its last lines at that moment.
    """

    seconds: float
    attempts: tuple[Attempt, ...] | None = None
    unseen: str = ""
    first_end_seconds: float | None = None
    exit_code: int | None = None
    restarts: int = 0
    said: tuple[Said, ...] = ()
    log: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Back:
    """The dependency started after all. The zero is its start.

    Attributes:
        dependency_seconds: when its own health check or first connection passed; None where it has none, or never.
        ready_seconds: when the service said yes; None where it did not within ``seconds``.
        how: the question that it said yes to.
        restarts: of its container, all in all.
        state: its engine's word at the end; ``log`` its last lines.
    """

    seconds: float
    dependency_seconds: float | None = None
    ready_seconds: float | None = None
    how: str = ""
    restarts: int = 0
    state: str = ""
    log: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class LateDependency:
    """The service under audit started while its database is not there, which then comes.

    Attributes:
        names: by which a log may call the dependency: its service, its kind, its port.
        not_done: why nothing was done; then all the rest is empty.
        also_missing: services that need the dependency and that the service waits for: they came late, too.
        logs_elsewhere: it is declared to log to files, which are not read here; most print the same.
    """

    service: str = ""
    dependency: str = ""
    names: tuple[str, ...] = ()
    away: Away | None = None
    back: Back | None = None
    also_missing: tuple[str, ...] = ()
    logs_elsewhere: bool = False
    not_done: str = ""


@dataclass(frozen=True, kw_only=True)
class BlockedStart:
    """A start in which the dependency runs and its health check always fails.

    Attributes:
        dependents: who is declared to depend on it, and is part of this start.
    """

    dependents: tuple[str, ...] = ()
    dependency: str = ""
    start: StackStart | None = None
    not_done: str = ""


@dataclass(frozen=True, kw_only=True)
class Started:
    """One cold start, from nothing; ``slowed`` is the service that had few processors."""

    name: str
    start: StackStart
    slowed: str = ""


@dataclass(frozen=True, kw_only=True)
class ColdStarts:
    """Cold starts of copies of the stack, beside the one that is audited; ``not_slowed`` is why none had a slow store."""

    starts: tuple[Started, ...] = ()
    not_slowed: str = ""


@dataclass(frozen=True, kw_only=True)
class Sleep:
    """One ``sleep`` of a script.

    Attributes:
        line: counted from 1.
        text: the command.
        seconds: as far as it is a figure.
        place: what decides whether it is reached again: see :class:`readiness.starting.sleeps.Place`.
    """

    line: int
    text: str
    seconds: float | None = None
    place: str = "fixed"


@dataclass(frozen=True, kw_only=True)
class StartScript:
    """One script, or one command line for a shell, by which something of the stack is started.

    Attributes:
        path: relative to the target's folder, or the place in the model.
        why: how it was found.
    """

    path: str
    why: str
    sleeps: tuple[Sleep, ...] = ()


@dataclass(frozen=True, kw_only=True)
class StartScripts:
    """All that were found; ``unread`` are those that could not be read as a shell's words."""

    scripts: tuple[StartScript, ...] = ()
    unread: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ScriptRun:
    """One run of the owner's start script beside a copy of the stack.

    Attributes:
        exit_code: None where it still ran after ``seconds``, and was ended.
        lines: the last ones of its output, as evidence.
        named: the services with a health check that its whole output names; None in older recordings.
        asked_seconds: of ``seconds``, how long it waited for the audit's answers about the copy.
        asked: how often it got an answer that tells how healthy a service is; None in older recordings.
        asked_last_seconds: when it got the last one; None where it got none.
        lacked: what it tried in vain because it has it not where it is confined, in words.
        refused: what it asked of the engine and got no answer to.
        problem: why it could not be run.
    """

    exit_code: int | None
    seconds: float
    lines: tuple[str, ...] = ()
    named: tuple[str, ...] | None = None
    asked_seconds: float = 0.0
    asked: int | None = None
    asked_last_seconds: float | None = None
    lacked: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    problem: str = ""


@dataclass(frozen=True, kw_only=True)
class StartScriptRuns:
    """The start script beside the stack that is healthy, and beside one with a service that never is.

    Attributes:
        script: the command.
        checked: the services with a health check, which it has to wait for.
        healthy: where all of them were healthy before it was started.
        failing: where ``never`` failed every health check; ``limit_seconds`` after which the script gives up there.
        is_waited_for: others start only once ``never`` is healthy, so that ``docker compose up`` itself fails; the
            audit's answer to it does not.
        not_done: part -> why it could not be had.
    """

    script: str = ""
    checked: tuple[str, ...] = ()
    healthy: ScriptRun | None = None
    never: str = ""
    failing: ScriptRun | None = None
    limit_seconds: float = 0.0
    is_waited_for: bool = False
    not_done: dict[str, str] = field(default_factory=dict)
