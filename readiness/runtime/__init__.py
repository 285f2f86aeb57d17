"""Ways to run a target. A runtime starts stacks; a stack offers capabilities and says which it has.

``compose`` works on a safe copy of the owner's model, ``process`` runs local commands, ``attached`` only talks to a URL.
Nothing here knows what the facts are for.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from readiness.facts.containers import Container
    from readiness.facts.model import StackModel
    from readiness.facts.start import StackStart

__all__ = [
    "Capability",
    "Completed",
    "Endpoint",
    "Progress",
    "RanBeside",
    "Runtime",
    "ServiceState",
    "Stack",
    "StandIn",
    "Variant",
]


class Capability(enum.StrEnum):
    """What a stack can do beyond answering requests."""

    STOP = "stop and start a service"
    PAUSE = "pause a service"
    SIGNAL = "signal a service"
    LOGS = "read logs"
    EXEC = "run a command inside a service"
    RECREATE = "recreate a service"
    VARIANT = "start a variant with other settings"
    TMPFS = "mount a small disk"
    INSPECT = "look at a container's settings"
    CRASH = "signal a main process past the engine"
    SCALE = "run several replicas of a service"
    BESIDE = "run a program of the owner's beside the stack"
    OWNERS = "run a backup program of the owner's on the stack"
    WRITE = "take requests that may change something"


class Progress(Protocol):
    """Tells the terminal what is being waited for, and how long at most."""

    def __call__(self, what: str, *, at_most_seconds: float | None = None) -> None:
        """Say ``what`` is under way."""


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """Where a service's port is reachable from this machine right now; ask again after every restart."""

    host: str
    port: int


@dataclass(frozen=True, kw_only=True)
class Completed:
    """A command that ended inside a service."""

    exit_code: int
    output: str


@dataclass(frozen=True, kw_only=True)
class RanBeside:
    """A program of the owner's that ran beside the stack, confined.

    Attributes:
        exit_code: None where it was ended because its time was up.
        output: both streams, the last 4 MiB, without colours.
        asked_seconds: of ``seconds``, how long it waited for answers about the stack.
        asked_at: when it got an answer that tells how healthy a service is, seconds from its start.
        fixed_names: service -> the name that the owner gives its container; what it was told of the copy has these.
        lacked: what it tried in vain because it has it not where it is confined, in words.
        refused: command lines for the engine that were not answered, and why.
        problem: why it could not be run at all.
    """

    exit_code: int | None
    seconds: float
    output: str
    asked_seconds: float = 0.0
    asked_at: tuple[float, ...] = ()
    fixed_names: Mapping[str, str] = field(default_factory=dict)
    lacked: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    problem: str = ""


@dataclass(frozen=True, kw_only=True)
class ServiceState:
    """A service's state as its engine sees it. ``instance`` changes when it is recreated, ``started_at`` when restarted.

    Times are UTC, ISO 8601; ``finished_at`` is that of the last end, empty before the first one.
    """

    service: str
    status: str
    instance: str
    started_at: str
    health: str | None = None
    exit_code: int | None = None
    restarts: int = 0
    finished_at: str = ""
    is_oom_killed: bool = False

    @property
    def is_running(self) -> bool:
        """Whether its main process runs (a paused one does not count)."""
        return self.status == "running"


@dataclass(frozen=True, kw_only=True)
class StandIn:
    """What listens in a service's place: it accepts connections, closes them, and tells when they came.

    Attributes:
        image_of: the service whose image it runs in; it has Python, Node or Perl.
        ports: where it listens.
    """

    image_of: str
    ports: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Variant:
    """A second stack with an overlay.

    Attributes:
        name: part of the project name; lower case letters and digits.
        environment: service -> variables laid over the owner's.
        tmpfs: service -> {path in the container: size in bytes}.
        replicas: service -> how many containers it has.
        wait: False returns at once after creation, without waiting for readiness (cold start).
        stopped: services that are not started.
        may_fail: how its start goes is what is asked: one that does not come up is a result, and no missing premise.
        health_checks: service -> the health check's command in place of the owner's; empty switches it off.
        cpus: service -> the processors that it may use.
        stand_ins: service, one of ``stopped`` -> what listens in its place. Processes have none: their port is free.
        swarm: service with ``replicas`` -> how Docker Swarm lets others find them, ``vip`` or ``dnsrr``; empty for as
            its owner has it. It then runs in a swarm that is made for this stack.
    """

    name: str = "base"
    environment: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    tmpfs: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    replicas: Mapping[str, int] = field(default_factory=dict)
    wait: bool = True
    stopped: tuple[str, ...] = ()
    may_fail: bool = False
    health_checks: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    cpus: Mapping[str, float] = field(default_factory=dict)
    stand_ins: Mapping[str, StandIn] = field(default_factory=dict)
    swarm: Mapping[str, str] = field(default_factory=dict)


class Stack(Protocol):
    """A running throw-away copy of the target. Every method raises StackError on trouble, UnsupportedError without the capability."""

    @property
    def runtime(self) -> str:
        """``compose``, ``process`` or ``attached``."""

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What this stack can do."""

    @property
    def report(self) -> StackStart:
        """How the start went."""

    @property
    def services(self) -> tuple[str, ...]:
        """Names of the services that exist in this stack."""

    def endpoint(self, service: str, port: int) -> Endpoint:
        """Where ``service``'s container port answers right now."""

    def state(self, service: str) -> ServiceState:
        """The service's present state."""

    def stop(self, service: str) -> None:
        """Stop as its engine does: stop signal, grace period, SIGKILL. Returns when it has stopped."""

    def start(self, service: str) -> None:
        """Start a stopped service; returns when its process runs, not when it is ready."""

    def pause(self, service: str) -> None:
        """Freeze: connections hang, they are not refused."""

    def unpause(self, service: str) -> None:
        """Undo :meth:`pause`."""

    def signal(self, service: str, signal: str) -> None:
        """Send a signal to the main process (PID 1 of the container)."""

    def signal_past_engine(self, service: str, signal: str, *, everyone: bool = False) -> None:
        """Send a signal to the main process without its engine knowing: a death is a crash, and its restart policy applies.

        With ``everyone`` all processes of the service get it, the main one first.
        """

    def containers(self, service: str) -> tuple[Container, ...]:
        """Every replica's settings in force and its state, by number."""

    def replica_endpoints(self, service: str, port: int) -> Mapping[str, Endpoint]:
        """Where the container port of each running replica answers right now, by the container's id, in their order."""

    def replace(self, service: str, container: str) -> None:
        """Stop one replica as its engine does, remove it, and start a new one in its place, as a rolling update does."""

    def kill(self, service: str, container: str) -> None:
        """End one replica at once, by SIGKILL; nothing takes its place but what its engine puts there."""

    def update(self, service: str) -> None:
        """Begin its engine's own rolling update: every replica is replaced, in the order that the owner has for updates."""

    def is_updated(self, service: str) -> bool:
        """Whether the update that :meth:`update` began has come to its end; StackError where its engine gave it up."""

    def recreate(self, service: str) -> None:
        """Remove the instance and make a new one from the same definition, without its dependencies."""

    def logs(self, service: str, *, since: datetime | None = None, tail: int = 1000) -> str:
        """The last lines, bounded at 1 MiB, without prefixes or colours."""

    def execute(self, service: str, command: Sequence[str], *, timeout_seconds: float = 30.0) -> Completed:
        """Run a command where the service runs (in its container; beside its process)."""

    def throw_away_place(self, service: str, path: str) -> str:
        """The path, links resolved, of what is thrown away with the stack; StackError where it is the owner's own."""

    def copy_out(self, service: str, path: str, to: Path) -> None:
        """Copy the content of a folder of the service's into ``to``, a folder of this machine that is made; modes stay.

        Bounded at 16 GiB. What is neither file nor folder is left out, and so are links that lead out of the folder.
        """

    def copy_in(self, service: str, source: Path, path: str) -> None:
        """Copy the content of a folder of this machine into a folder of the service's, which is made where it lacks.

        Files have the modes that they have in ``source`` and belong to whom ``path`` belongs.
        """

    def run_beside(self, command: Sequence[str], *, variables: Mapping[str, str], timeout_seconds: float) -> RanBeside:
        """Run a program of the owner's on this machine, in their folder as it sees it, where it can harm nothing.

        It has no network and no engine: a stand-in for the docker command tells it the state of this stack.
        """

    def run_owners(
        self,
        command: Sequence[str],
        *,
        variables: Mapping[str, str],
        timeout_seconds: float,
        directories: Sequence[str] = (),
        cwd: str = "",
        stdin: str = "",
        also_ports: Sequence[int] = (),
    ) -> RanBeside:
        """Run a backup or restore program of the owner's on this machine, where it can change this stack and nothing else.

        It is confined as in :meth:`run_beside`. Its docker command runs commands in this stack's containers, copies from
        and to them, stops and starts them; on its loopback are the ports that the owner's stack publishes, and lead to
        this one's. Of what it writes only what is in its ``directories`` outlives it.

        Args:
            command: looked for where the program finds its own.
            variables: on top of the few that it gets.
            timeout_seconds: then it is ended, with all that it has started.
            directories: of the backups, as the owner calls them: absolute, or below the target's folder.
            cwd: where it is run, as ``directories``.
            stdin: what it reads.
            also_ports: of this machine, on which the audit serves; it finds them on its loopback, too.
        """

    def owners_directory(self, directory: str) -> Path:
        """The folder of the run's that :meth:`run_owners` shows in this one's place; it is there, and ends with the stack."""

    def environment(self, service: str) -> Mapping[str, str]:
        """The variables in force."""

    def keep(self) -> tuple[str, ...]:
        """Let the stack outlive the run; afterwards this object does nothing to it any more.

        Returns:
            Lines that say how to reach each port and how to remove everything.
        """

    def close(self) -> None:
        """Remove everything of this stack; idempotent, never raises for what is already gone."""


class Runtime(Protocol):
    """Starts stacks of one target."""

    @property
    def name(self) -> str:
        """``compose``, ``process`` or ``attached``."""

    def model(self) -> StackModel:
        """The owner's model, as declared.

        Raises:
            ConfigError: it cannot be read; says file, line and what is expected.
        """

    def start(self, variant: Variant, *, progress: Progress) -> Stack:
        """Start a stack and wait for it. A target that does not start is *reported* in ``stack.report``, not raised.

        Raises:
            StackError: the machine, not the target, is at fault (no engine, no space).
        """
