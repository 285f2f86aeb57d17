"""Containers as their engine records them: settings in force, and state."""

from __future__ import annotations

from dataclasses import dataclass

from readiness.facts.model import HealthCheck

__all__ = ["Container", "Mounted"]


@dataclass(frozen=True, kw_only=True)
class Mounted:
    """One mount. ``kind`` is volume, bind or tmpfs; ``source`` the volume's name or the host's path."""

    kind: str
    source: str
    destination: str
    is_writable: bool = True
    is_anonymous: bool = False


@dataclass(frozen=True, kw_only=True)
class Container:
    """One replica of a service. A figure that is not set is None: the container may use what the machine has.

    Attributes:
        image: as the service names it.
        image_volumes: folders that the image declares to be volumes.
        pid: of the main process as the engine's machine counts; 0 while it does not run.
        cpus: processors it may use, as a number.
        memory_reservation_bytes: what the engine keeps free for it when memory is short.
        health_check: in force, the image's own included.
        health_outputs: of the last health checks, newest last, each at most 500 characters.
        stop_seconds: grace period before SIGKILL.
        network_mode: ``host``, or the name of a network.
        started_at, finished_at: UTC, ISO 8601.
    """

    service: str
    number: int
    id: str
    image: str
    image_volumes: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    user: str = ""
    pid: int = 0
    status: str = ""
    exit_code: int = 0
    is_oom_killed: bool = False
    restarts: int = 0
    started_at: str = ""
    finished_at: str = ""
    health: str | None = None
    health_outputs: tuple[str, ...] = ()
    health_check: HealthCheck | None = None
    restart: str = "no"
    restart_at_most: int = 0
    cpus: float | None = None
    memory_bytes: int | None = None
    memory_reservation_bytes: int | None = None
    pids: int | None = None
    stop_signal: str = "SIGTERM"
    stop_seconds: float = 10.0
    network_mode: str = ""
    is_read_only: bool = False
    mounts: tuple[Mounted, ...] = ()
