"""What containers did when all of them ended at once; seconds are counted from the moment that each attribute names."""

from __future__ import annotations

from dataclasses import dataclass

from readiness.facts.container_trials import Crash

__all__ = ["EverythingEnded"]


@dataclass(frozen=True, kw_only=True)
class EverythingEnded:
    """Every main process killed at the same moment, behind the engine's back, as when power is lost.

    Attributes:
        crashes: each container's way back; ``serving_seconds`` stands below, for all of them.
        spread_seconds: between the first end and the last one.
        was_serving: whether the stack's ordinary request was answered before.
        serving_seconds: from the last kill until it was answered again; None: never within ``watched_seconds``.
        load_per_cpu: how many programs wanted each of this machine's processors, on average of the last minute.
    """

    crashes: tuple[Crash, ...] = ()
    spread_seconds: float = 0.0
    was_serving: bool = False
    serving_seconds: float | None = None
    watched_seconds: float = 0.0
    load_per_cpu: float = 0.0
