"""What containers did at rest, when their main process was killed, when it was stuck, and when memory ran out.

Seconds are counted from the moment that each attribute names; sizes are bytes.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from readiness.facts.containers import Container

__all__ = [
    "CommandRun",
    "ContainerCrashes",
    "ContainersAtRest",
    "ControlGroup",
    "CpuTrial",
    "CpuTrials",
    "Crash",
    "HealthTrial",
    "HealthTrials",
    "MemoryTrial",
    "MemoryTrials",
]


@dataclass(frozen=True, kw_only=True)
class ControlGroup:
    """What the kernel holds a container to, as seen from inside; None is no limit.

    Attributes:
        machine_cpus, machine_memory_bytes: what the engine's machine has.
        problem: why it could not be read; the rest then says nothing.
    """

    service: str
    cpus: float | None = None
    memory_bytes: int | None = None
    machine_cpus: int = 0
    machine_memory_bytes: int = 0
    problem: str = ""


@dataclass(frozen=True, kw_only=True)
class ContainersAtRest:
    """Every container of the stack, twice, with nothing disturbed in between.

    Attributes:
        containers, later: every replica of every service, at the beginning and ``watched_seconds`` later.
        absent: services without a container -> why.
        groups: of the first replica of each service.
    """

    containers: tuple[Container, ...]
    later: tuple[Container, ...] = ()
    watched_seconds: float = 0.0
    absent: dict[str, str] = field(default_factory=dict)
    groups: tuple[ControlGroup, ...] = ()

    def group(self, service: str) -> ControlGroup | None:
        """The control group of a service; None where nothing was read."""
        return next((group for group in self.groups if group.service == service and not group.problem), None)


@dataclass(frozen=True, kw_only=True)
class Crash:
    """One main process killed behind its engine's back.

    Attributes:
        restart: the policy in force.
        back_seconds: from the kill until a new main process ran; None: never within ``watched_seconds``.
        well_seconds: until its own health check passed, or without one until it had run for a while.
        serving_seconds: until the stack's ordinary request was answered as before.
        status: the engine's last word.
        problem: why this crash shows nothing.
    """

    service: str
    restart: str = ""
    has_health_check: bool = False
    back_seconds: float | None = None
    well_seconds: float | None = None
    serving_seconds: float | None = None
    watched_seconds: float = 0.0
    status: str = ""
    exit_code: int | None = None
    log: str = ""
    problem: str = ""


@dataclass(frozen=True, kw_only=True)
class ContainerCrashes:
    """Main processes killed, one service after the other.

    Attributes:
        not_done: services that were left alone -> why.
        load_per_cpu: how many programs wanted each of this machine's processors, on average of the last minute.
    """

    crashes: tuple[Crash, ...] = ()
    not_done: dict[str, str] = field(default_factory=dict)
    load_per_cpu: float = 0.0


@dataclass(frozen=True, kw_only=True)
class CommandRun:
    """A health check's command, run as its engine runs it; no exit code where it did not end in its own time."""

    seconds: float
    exit_code: int | None
    output: str = ""

    @property
    def is_green(self) -> bool:
        """Whether the engine would count it as healthy."""
        return self.exit_code == 0


@dataclass(frozen=True, kw_only=True)
class HealthTrial:
    """A container's health check while every process of the container was stuck.

    Attributes:
        test: its command.
        bound_seconds: (interval + timeout) x retries: after so long the engine must have seen it.
        before: at rest. Nothing else was done where it was not green.
        red: the first run that was not green; None where none was within ``watched_seconds``.
        stuck: the last run while stuck.
        after: the last run after everything went on.
        is_restarted: the container was replaced or restarted meanwhile, so the runs are of two programs.
        problem: why this trial shows nothing.
    """

    service: str
    test: str
    bound_seconds: float
    before: CommandRun | None = None
    red: CommandRun | None = None
    stuck: CommandRun | None = None
    watched_seconds: float = 0.0
    after: CommandRun | None = None
    is_restarted: bool = False
    problem: str = ""


@dataclass(frozen=True, kw_only=True)
class HealthTrials:
    """Every health check that could be tried."""

    trials: tuple[HealthTrial, ...] = ()


@dataclass(frozen=True, kw_only=True)
class MemoryTrial:
    """A program inside one container that took memory up to the container's limit and beyond.

    Then the service's own largest process was killed, as the kernel kills the one that leaks; not where it is the
    container's main process: what follows then is a :class:`Crash`.

    Attributes:
        asked_bytes: how much the program would have taken.
        is_cut: the program was killed, or the whole container with it.
        victim: the name of the service's process that was killed afterwards; empty where none was.
        disturbed: services that do not need this one, and were restarted or did not run afterwards.
        well_seconds: from then until the container was well again; None: never within ``watched_seconds``.
        status: the engine's last word.
        last: the last run of its health check.
        problem: why this trial shows nothing.
    """

    service: str
    limit_bytes: int
    asked_bytes: int = 0
    is_cut: bool = False
    victim: str = ""
    disturbed: tuple[str, ...] = ()
    well_seconds: float | None = None
    watched_seconds: float = 0.0
    status: str = ""
    last: CommandRun | None = None
    problem: str = ""


@dataclass(frozen=True, kw_only=True)
class MemoryTrials:
    """Every limit that could be tried; ``load_per_cpu`` as of :class:`ContainerCrashes`."""

    trials: tuple[MemoryTrial, ...] = ()
    load_per_cpu: float = 0.0


@dataclass(frozen=True, kw_only=True)
class CpuTrial:
    """Busy loops in one container, as many as the machine has processors.

    Attributes:
        limit_cpus: in force.
        used_cpus: what the container used on average, by the kernel's count.
        rest_p95_seconds: of the stack's ordinary request before or after, whichever was slower; None where the container
            is on that request's way, or there is none.
        busy_p95_seconds: meanwhile, of ``requests``.
        problem: why this trial shows nothing.
    """

    service: str
    limit_cpus: float
    machine_cpus: int = 0
    used_cpus: float = 0.0
    rest_p95_seconds: float | None = None
    busy_p95_seconds: float | None = None
    requests: int = 0
    problem: str = ""


@dataclass(frozen=True, kw_only=True)
class CpuTrials:
    """Every limit that could be tried; ``load_per_cpu`` as of :class:`ContainerCrashes`."""

    trials: tuple[CpuTrial, ...] = ()
    load_per_cpu: float = 0.0
