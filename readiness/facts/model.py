"""The owner's stack as declared: what compose (or the process table) says, before anything is made safe."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["HealthCheck", "ModelGaps", "Resources", "ServiceModel", "StackModel"]


@dataclass(frozen=True, kw_only=True)
class HealthCheck:
    """A container's health check as declared; ``test`` without the leading CMD or CMD-SHELL, seconds resolved."""

    test: tuple[str, ...]
    is_shell: bool = False
    interval_seconds: float = 30.0  # Docker's default
    timeout_seconds: float = 30.0
    retries: int = 3
    start_period_seconds: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Resources:
    """What one replica may use at most, and what is kept for it; None where the file leaves it open."""

    cpus: float | None = None
    memory_bytes: int | None = None
    reserved_cpus: float | None = None
    reserved_memory_bytes: int | None = None


@dataclass(frozen=True, kw_only=True)
class ServiceModel:
    """One service of the model. Ports are container ports; ``published`` is host -> container as declared.

    Attributes:
        urls: service of the model -> schemes of the URLs by which this one's variables name it (``redis``); nothing else
            of a variable's value is kept, because values are secrets.
        log_driver, log_options: how the engine keeps what the container prints; empty where the file leaves it open.
        resources: limits and reservations as declared.
    """

    name: str
    image: str = ""
    build_context: str | None = None
    command: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] = ()
    environment: tuple[str, ...] = ()
    urls: dict[str, tuple[str, ...]] = field(default_factory=dict)
    ports: tuple[int, ...] = ()
    published: tuple[str, ...] = ()
    depends_on: dict[str, str] = field(default_factory=dict)
    restart: str = "no"
    health_check: HealthCheck | None = None
    log_driver: str = ""
    log_options: dict[str, str] = field(default_factory=dict)
    resources: Resources = field(default_factory=Resources)


@dataclass(frozen=True, kw_only=True)
class ModelGaps:
    """What compose misses in the owner's files.

    Attributes:
        env_file: where the values come from: the declared file, or ``.env``; empty where there is neither.
        required: variables without which compose refuses the project (``${NAME:?}``).
        unset: variables that compose replaces by nothing, with a warning.
        env_files: files that services name in ``env_file`` and that do not exist.
    """

    env_file: str = ""
    required: tuple[str, ...] = ()
    unset: tuple[str, ...] = ()
    env_files: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class StackModel:
    """Every service, by name.

    Attributes:
        files: the compose files; none where no compose file was read.
        gaps: what those files ask for and nobody supplies.
    """

    services: dict[str, ServiceModel]
    files: tuple[str, ...] = ()
    gaps: ModelGaps = field(default_factory=ModelGaps)
