"""The ``retry`` section: how often, and with which pauses, what fails is tried again."""

from __future__ import annotations

from dataclasses import dataclass

from readiness.target import Target

__all__ = ["Schedule", "retry_of_database"]


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """Pauses between attempts. None where the owner does not say.

    Attributes:
        base_seconds: the first pause.
        factor: each pause is so many times the one before.
        cap_seconds: no pause is longer.
        attempts: all in all; after the last one it is given up.
    """

    base_seconds: float | None = None
    factor: float = 2.0
    cap_seconds: float | None = None
    attempts: int | None = None

    def pauses(self, count: int) -> tuple[float, ...]:
        """The first ``count`` pauses, fewer where it is given up before; none where the owner does not name the first."""
        if self.base_seconds is None:
            return ()
        allowed = count if self.attempts is None else min(count, self.attempts - 1)
        plain = (self.base_seconds * self.factor**number for number in range(allowed))
        return tuple(pause if self.cap_seconds is None else min(pause, self.cap_seconds) for pause in plain)

    @property
    def total_seconds(self) -> float | None:
        """All pauses until it is given up; None where it never is, or nobody says when."""
        return sum(self.pauses(self.attempts)) if self.base_seconds is not None and self.attempts else None


def retry_of_database(target: Target) -> Schedule:
    """How the service tries to reach its database at the start, as declared."""
    raw = (target.extra.get("retry") or {}).get("db") or {}
    return Schedule(
        base_seconds=raw.get("base_seconds"),
        factor=float(raw.get("factor", 2.0)),
        cap_seconds=raw.get("cap_seconds"),
        attempts=raw.get("attempts"),
    )
