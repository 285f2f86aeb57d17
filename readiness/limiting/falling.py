"""Whether what answers say remains falls as it should: by one with every request, and by less where some came back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from readiness.facts.limiter import Figures

__all__ = ["TOLD_REQUESTS", "Remaining", "wrongly_fallen"]

#: Below that many requests net of what was refilled meanwhile, falling and standing still look alike.
TOLD_REQUESTS = 3.0


@dataclass(frozen=True, kw_only=True)
class Remaining:
    """What one answer says, ``seconds`` after the first request was sent."""

    seconds: float
    remaining: int


def wrongly_fallen(
    told: Sequence[Remaining], figures: Figures, *, slowest_seconds: float, told_requests: float = TOLD_REQUESTS
) -> tuple[str, Remaining, Remaining] | None:
    """How it fell and between which two answers, where that is not by one with every request; else None.

    Args:
        told: the answers to one caller's requests, one after another.
        figures: the limit in force.
        slowest_seconds: the longest wait for an answer; each request may have been counted as late as that.
        told_requests: of fewer requests, net of the refill, nothing is said.
    """
    runs = _runs(told, figures, slowest_seconds)
    # Windows of the clock begin anew when they turn; between two turns lies a whole window.
    span = told[-1].seconds - told[0].seconds + slowest_seconds if told else 0.0
    turns = 1 + int(span / figures.window_seconds)
    if len(runs) - 1 > turns:
        return f"rises {len(runs) - 1} times in {len(told) - 1} requests", told[0], told[-1]
    for run in runs:
        first, last, sent = run[0], run[-1], len(run) - 1
        refilled = (last.seconds - first.seconds + slowest_seconds) / figures.interval_seconds + 1
        fell = first.remaining - last.remaining
        if sent - refilled >= told_requests and not sent - refilled <= fell <= sent:
            return f"fell by {fell} in {sent} requests", first, last
    return None


def _runs(told: Sequence[Remaining], figures: Figures, slowest_seconds: float) -> list[list[Remaining]]:
    """Cut wherever it rises by more than can have come back between two requests, the later one's own subtracted."""
    runs: list[list[Remaining]] = []
    for item in told:
        before = runs[-1][-1] if runs else None
        came_back = (item.seconds - before.seconds + slowest_seconds) / figures.interval_seconds if before else 0.0
        if before is None or item.remaining - before.remaining > came_back:
            runs.append([])
        runs[-1].append(item)
    return runs
