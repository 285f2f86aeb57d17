"""What becomes of requests while the place to which numbers are pushed hangs."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["SinkPause", "Timed"]


@dataclass(frozen=True, kw_only=True)
class Timed:
    """One request: its status, None where none came in time, and how long it took."""

    status: int | None
    seconds: float


@dataclass(frozen=True, kw_only=True)
class SinkPause:
    """Requests to a path that needs nothing of the sink, before and while the sink is frozen.

    Attributes:
        sink: the frozen service; ``path`` was asked through the entry called ``entry``.
        not_done: why there is nothing to see; empty where there is.
    """

    sink: str = ""
    path: str = ""
    entry: str = ""
    before: tuple[Timed, ...] = ()
    during: tuple[Timed, ...] = ()
    not_done: str = ""
