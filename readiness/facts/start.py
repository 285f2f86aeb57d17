"""How the stack came up, or why it did not, service by service."""

from __future__ import annotations

import enum
from dataclasses import dataclass

__all__ = ["Change", "FailureCause", "ServiceStart", "StackStart"]


class FailureCause(enum.StrEnum):
    """Why a service did not start; UNKNOWN carries the log lines without a guess."""

    AUTHENTICATION = "authentication"
    COMMAND_NOT_FOUND = "command not found"
    CRASH_LOOP = "crash loop"
    DEPENDENCY_NOT_HEALTHY = "dependency not healthy"
    HEALTH_CHECK_IMPOSSIBLE = "health check cannot pass"
    HEALTH_CHECK_FAILS = "health check fails"
    HOST_CANNOT = "this machine cannot run it"
    IMAGE_BUILD = "image does not build"
    IMAGE_MISSING = "image cannot be obtained"
    IMPORT_ERROR = "import error"
    MISSING_FILE = "missing file"
    MISSING_MOUNT_SOURCE = "missing mount source"
    MISSING_VARIABLE = "missing variable"
    NAME_RESOLUTION = "name does not resolve"
    NOT_LISTENING = "does not answer"
    OUT_OF_MEMORY = "out of memory"
    PERMISSION = "permission denied"
    PORT_IN_USE = "port in use"
    REFUSED = "refused as unsafe to run"
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True)
class ServiceStart:
    """One service's way to readiness.

    Attributes:
        state: the engine's last word: running, exited, restarting, created, dead, absent.
        health: the engine's health state, or None without a health check.
        is_ready: it runs (or is a one-shot that ended with 0), and its health check and HTTP wait passed.
        health_log: the last health check outputs, newest last, each at most 500 characters.
        log_lines: the lines that show the cause, newest last, at most 40.
        needs: services it waits for.
        image: resolved image id and tags.
        beyond: what beyond this machine it asked for in vain, where that is why it is not ready; a host, or words.
        started_at: when its container was first seen to have started, by the engine's clock; UTC, ISO 8601. Empty where
            it never was, or nobody looks.
        healthy_at: when its health check passed for the first time, by the same clock.
    """

    service: str
    state: str
    is_ready: bool
    seconds: float | None = None
    health: str | None = None
    exit_code: int | None = None
    restarts: int = 0
    cause: FailureCause | None = None
    detail: str = ""
    health_log: tuple[str, ...] = ()
    log_lines: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    image: str = ""
    beyond: str = ""
    started_at: str = ""
    healthy_at: str = ""


@dataclass(frozen=True, kw_only=True)
class Change:
    """Something that the safe copy changed in the owner's model, and why; ``service`` is empty for the whole project.

    ``supply`` is what the owner can declare where the copy lacks something because of it.
    """

    service: str
    what: str
    why: str
    supply: str = ""


@dataclass(frozen=True, kw_only=True)
class StackStart:
    """The start of one stack.

    Attributes:
        is_up: every required service is ready; otherwise nothing that needs a running stack can be judged.
        seconds: from the command to readiness (or to giving up); ``build_seconds`` of it went into images.
        changes: what the safe copy changed.
        refused: what the model asks for and this suite refuses to run, with the reason.
        problem: where nothing could even be created: the engine's words.
        up_error: what ``compose up`` said when it gave up; empty where it did not.
    """

    runtime: str
    is_up: bool
    seconds: float
    build_seconds: float = 0.0
    services: tuple[ServiceStart, ...] = ()
    changes: tuple[Change, ...] = ()
    refused: tuple[Change, ...] = ()
    problem: str = ""
    up_error: str = ""
