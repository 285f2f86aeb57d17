from __future__ import annotations

import pytest

from readiness.chart import MAX_MARKS
from readiness.facts.limiter import SURE, Figures, Phase, SmallLimit, Tried
from readiness.limiting.body import members, parsed
from readiness.limiting.caching import is_storable
from readiness.limiting.declared import caller_limit, limit_by, require_variables
from readiness.limiting.judging import chart_of, require_refusals, require_served, timeline
from readiness.target import Limit, Login, Target
from readiness.verdict import Inconclusive, NotApplicable

FIGURES = Figures(requests=100, window_seconds=60.0, burst=20)


def phase(*shots: tuple[float, int], seconds: float = 1.0) -> Phase:
    return Phase(name="burst", caller="somebody", figures=FIGURES, began=0.0, seconds=seconds, shots=shots)


def test_what_a_limit_lets_through_at_most_grows_with_time() -> None:
    assert FIGURES.most(0.0) == 121
    assert FIGURES.most(6.0) == pytest.approx(131)
    assert FIGURES.words == "100 in 60 s + 20 per user"


def test_a_window_that_turns_lets_its_figure_through_once_more_each_time() -> None:
    assert FIGURES.most_at_a_turn(0.0) == FIGURES.most_at_a_turn(60.0) == 241
    assert FIGURES.most_at_a_turn(61.0) == 361
    # A bucket with a burst is no window, and never lets through more than that.
    assert all(FIGURES.most(seconds) <= FIGURES.most_at_a_turn(seconds) for seconds in range(0, 600, 7))


def test_what_is_turned_away_by_something_else_shows_no_limit() -> None:
    require_served(phase((0.0, 200), (0.1, 404), (0.2, 429)), "/items")
    require_served(phase((0.0, 429)), "/items")
    with pytest.raises(Inconclusive, match="GET /items answers 405"):
        require_served(phase((0.0, 200), (0.1, 405), (0.2, 405), (0.3, 429)), "/items")


def test_a_timeline_counts_what_passed_what_was_refused_and_what_failed() -> None:
    seen = phase((0.0, 200), (0.1, 404), (0.2, 429), (0.3, 503), (0.4, 0))
    assert (seen.let_through, seen.refused, seen.failed) == (2, 1, 2)
    assert timeline(seen) == "0.0 s 1 x 200, 0.1 s 1 x 404, 0.2 s 1 x 429, 0.3 s 1 x 503, 0.4 s 1 x no answer"


def test_a_long_timeline_is_cut() -> None:
    assert timeline(phase(*((i / 10, 200 + i % 2) for i in range(200)))).endswith("…")


def test_a_picture_keeps_its_bound_and_its_ends() -> None:
    chart = chart_of("many", [phase(*((i / 1000, 200 if i < 900 else 429) for i in range(1800)), seconds=1.8)])
    assert sum(len(line.points) for line in chart.lines) <= MAX_MARKS
    assert [line.points[-1] for line in chart.lines] == [(0.899, 900.0), (1.799, 900.0)]
    assert all(list(line.points) == sorted(line.points) for line in chart.lines)


def test_a_picture_of_nothing_is_drawn() -> None:
    assert [line.points for line in chart_of("nothing", []).lines] == [((0.0, 0.0),), ((0.0, 0.0),)]


def test_an_evasion_must_succeed_again_and_again_while_the_caller_is_exhausted() -> None:
    def tried(*statuses: int, after: int = 429) -> Tried:
        return Tried(name="x", method="GET", path="/", statuses=statuses, before=429, after=after)

    assert tried(*[200] * SURE).has_evaded
    assert not tried(200, 429).has_evaded
    assert tried(200, 429).is_settled
    assert not tried(200).is_settled
    assert not tried(*[200] * SURE, after=200).has_evaded
    assert not tried(*[500] * SURE).has_evaded


def test_nothing_refused_is_a_premise_that_failed() -> None:
    with pytest.raises(NotApplicable, match="premise failed"):
        require_refusals(SmallLimit(figures=FIGURES, is_lowered=True, phases=(phase((0.0, 200)),)))


def target(*limits: Limit, has_login: bool = True) -> Target:
    login = Login(static={"api_key": "k"}) if has_login else None
    return Target(name="shop", folder="shop", login=login, limits=limits)


USER = Limit(path="/a", requests=100, key="user")
ADDRESS = Limit(path="/b", requests=50, key="address")
HOUR = Limit(path="/a", requests=3000, window_seconds=3600.0, key="user")


def test_the_limit_that_a_caller_meets_first_is_the_users_then_the_addresses() -> None:
    assert caller_limit(target(HOUR, ADDRESS, USER)) is USER
    assert caller_limit(target(HOUR, ADDRESS, USER, has_login=False)) is ADDRESS
    assert caller_limit(target(HOUR)) is HOUR
    with pytest.raises(Inconclusive, match="nobody can be logged in"):
        caller_limit(target(USER, has_login=False))


def test_a_limit_of_another_kind_is_not_applicable_and_none_at_all_inconclusive() -> None:
    assert limit_by(target(USER, HOUR), "any", is_hourly=True) is HOUR
    with pytest.raises(NotApplicable, match="per address"):
        limit_by(target(USER), "address")
    with pytest.raises(NotApplicable, match="over all callers"):
        limit_by(target(USER), "global")
    with pytest.raises(Inconclusive, match="not configured: limit"):
        limit_by(target(), "user")


def test_missing_variables_are_named() -> None:
    with pytest.raises(Inconclusive) as raised:
        require_variables(USER, "requests")
    assert "requests: VARIABLE" in raised.value.supply


@pytest.mark.parametrize(
    ("directives", "expires", "expected"),
    [
        ("no-store", None, False),
        ("", None, False),
        ("private", None, False),
        ("no-cache", "Fri, 15 Jan 2027 08:00:02 GMT", False),
        ("public, max-age=60", None, True),
        ("max-age=0", "Fri, 15 Jan 2027 08:00:02 GMT", False),
        ("s-maxage=5", None, True),
        ("public", None, True),
        ("public, no-store", None, False),
        ("", "0", False),
        ("", "Fri, 15 Jan 2027 08:00:02 GMT", True),
    ],
)
def test_what_caches_may_store(directives: str, expires: str | None, expected: bool) -> None:
    assert is_storable(directives, expires=expires) is expected


def test_a_body_is_read_one_level_deep_and_hostile_ones_are_none() -> None:
    found = dict(members({"error": {"Code": "x", "retry_after": 1}, "retry_after": 2}))
    assert found == {"code": "x", "retry_after": 2}
    assert parsed("[" * 100_000) is None
    assert parsed("<html>") is None
