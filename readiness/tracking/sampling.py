"""Whether a number of samples agrees with a declared ratio: by the binomial distribution, not by eye."""

from __future__ import annotations

import math
from collections.abc import Callable

__all__ = ["interval"]

#: Bisection ends here; far below what a ratio is declared to.
STEPS = 60


def interval(hits: int, of: int, *, confidence: float) -> tuple[float, float]:
    """The ratios that explain ``hits`` of ``of`` at this confidence (Clopper and Pearson, 1934: exact, never too narrow)."""
    if of <= 0:
        return 0.0, 1.0
    tail = (1 - confidence) / 2
    low = 0.0 if hits == 0 else _solve(lambda p: 1 - _at_most(hits - 1, of, p) - tail, rising=True)
    high = 1.0 if hits == of else _solve(lambda p: _at_most(hits, of, p) - tail, rising=False)
    return low, high


def _solve(function: Callable[[float], float], *, rising: bool) -> float:
    low, high = 0.0, 1.0
    for _ in range(STEPS):
        middle = (low + high) / 2
        is_below = (function(middle) < 0) == rising
        low, high = (middle, high) if is_below else (low, middle)
    return (low + high) / 2


def _at_most(hits: int, of: int, p: float) -> float:
    """Probability of so many hits or fewer."""
    if p <= 0:
        return 1.0
    if p >= 1:
        return 1.0 if hits >= of else 0.0
    logs = (
        math.lgamma(of + 1) - math.lgamma(k + 1) - math.lgamma(of - k + 1) + k * math.log(p) + (of - k) * math.log1p(-p)
        for k in range(hits + 1)
    )
    return min(1.0, math.fsum(math.exp(log) for log in logs))
