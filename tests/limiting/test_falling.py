from __future__ import annotations

import pytest

from readiness.facts.limiter import Figures
from readiness.limiting.falling import Remaining, wrongly_fallen

FIGURES = Figures(requests=100, window_seconds=60.0)


def judged(*remaining: int, step: float = 0.05) -> str:
    told = [Remaining(seconds=number * step, remaining=left) for number, left in enumerate(remaining)]
    wrong = wrongly_fallen(told, FIGURES, slowest_seconds=0.05)
    return "" if wrong is None else wrong[0]


@pytest.mark.parametrize(
    ("remaining", "expected"),
    [
        (range(99, 89, -1), ""),
        ((99, 98, 97, 96, 95, 99, 98, 97, 96, 95), ""),
        ((99, 99, 98, 97, 96, 95, 94, 93, 92, 91), ""),
        ((99, 98, 99, 98, 97, 96, 95, 94, 93, 92), ""),
        ((99,) * 10, "fell by 0 in 9 requests"),
        (range(99, 79, -2), "fell by 18 in 9 requests"),
        ((99, 50) * 5, "rises 4 times in 9 requests"),
        ((), ""),
        ((5,), ""),
    ],
    ids=["by one", "a turn", "a turn at once", "a turn after two", "frozen", "by two", "up and down", "none", "one"],
)
def test_it_falls_by_one_with_every_request_and_begins_anew_at_a_turn(
    remaining: tuple[int, ...], expected: str
) -> None:
    assert judged(*remaining) == expected


def test_what_a_slow_service_is_refilled_meanwhile_is_allowed_for() -> None:
    assert judged(*[99] * 10, step=0.6) == ""
