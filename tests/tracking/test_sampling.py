from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from readiness.tracking.sampling import interval


@pytest.mark.parametrize(
    ("hits", "of", "low", "high"),
    [
        # Clopper-Pearson at 95 %, as scipy.stats.binomtest(...).proportion_ci() gives them.
        (0, 10, 0.0, 0.3085),
        (5, 10, 0.1871, 0.8129),
        (10, 10, 0.6915, 1.0),
        (0, 0, 0.0, 1.0),
    ],
)
def test_known_intervals(hits: int, of: int, low: float, high: float) -> None:
    assert interval(hits, of, confidence=0.95) == pytest.approx((low, high), abs=1e-4)


@given(st.integers(1, 300).flatmap(lambda of: st.tuples(st.integers(0, of), st.just(of))))
def test_an_interval_holds_what_was_seen(pair: tuple[int, int]) -> None:
    hits, of = pair
    low, high = interval(hits, of, confidence=0.999)
    assert 0.0 <= low <= hits / of <= high <= 1.0
