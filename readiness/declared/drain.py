"""How the service says that it shuts down: section ``drain`` of ``readiness.yaml``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from readiness.declared.request import request_of
from readiness.target import Request, Target

__all__ = ["LOGGED_EXAMPLE", "TIMEOUT_EXAMPLE", "Drain", "drain_of"]

TIMEOUT_EXAMPLE = "drain:\n  timeout_seconds: 30  # then it cuts what is still open, and ends\n  env: SHUTDOWN_TIMEOUT"
LOGGED_EXAMPLE = (
    "drain:\n  logged:\n    start: shutdown started\n    steps: [database closed, redis closed]\n"
    "    complete: shutdown complete"
)


@dataclass(frozen=True, kw_only=True)
class Drain:
    """The section; everything in it may be missing.

    Attributes:
        timeout_seconds: so long after its stop signal the service cuts what is still open, and ends.
        env: the variable that sets it.
        keepalive_seconds: so long it keeps an idle connection open while it serves.
        stream: a request whose answer begins at once and goes on: for some seconds by itself, or as long as the tables
            are locked that it reads from.
        second_signal: what a second stop signal does while it drains: ``ignored``, or ``forces`` the end.
        accepting_seconds: so long after its stop signal it goes on accepting by intention.
        start, steps, complete: texts of the lines that it logs while it stops, in their order.
    """

    timeout_seconds: float | None = None
    env: str = ""
    keepalive_seconds: float | None = None
    stream: Request | None = None
    second_signal: str = ""
    accepting_seconds: float = 0.0
    start: str = ""
    steps: tuple[str, ...] = ()
    complete: str = ""


def drain_of(target: Target) -> Drain:
    """The declaration, typed."""
    raw: Mapping[str, Any] = target.extra.get("drain") or {}
    logged: Mapping[str, Any] = raw.get("logged") or {}
    return Drain(
        timeout_seconds=raw.get("timeout_seconds"),
        env=raw.get("env", ""),
        keepalive_seconds=raw.get("keepalive_seconds"),
        stream=request_of(raw["stream"]) if "stream" in raw else None,
        second_signal=raw.get("second_signal", ""),
        accepting_seconds=float(raw.get("accepting_seconds") or 0.0),
        start=logged.get("start", ""),
        steps=tuple(logged.get("steps") or ()),
        complete=logged.get("complete", ""),
    )
