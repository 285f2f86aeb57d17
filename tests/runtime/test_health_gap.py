from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from readiness.runtime.health_gap import longest_check_seconds, margin_seconds, seconds_to_next_check

NOW = datetime(2026, 11, 22, 1, 15, 40, tzinfo=UTC)
SECOND = 1_000_000_000


def container(*, ended_ago: float | None, status: str = "healthy", **check: Any) -> dict[str, Any]:
    ended = [] if ended_ago is None else [{"End": (NOW - timedelta(seconds=ended_ago)).isoformat()}]
    state = {"Health": {"Status": status, "Log": ended}}
    return {"Config": {"Healthcheck": {"Test": ["CMD", "true"], **check}}, "State": state}


def test_a_container_without_a_health_check_may_always_be_frozen() -> None:
    bare: dict[str, Any] = {"Config": {}, "State": {}}
    switched_off = {"Config": {"Healthcheck": {"Test": ["NONE"]}}, "State": {}}
    assert seconds_to_next_check(bare, now=NOW) == math.inf
    assert seconds_to_next_check(switched_off, now=NOW) == math.inf


def test_the_next_check_is_an_interval_after_the_end_of_the_last() -> None:
    found = seconds_to_next_check(container(ended_ago=0.25, Interval=SECOND), now=NOW)
    assert found == pytest.approx(0.75)


def test_a_check_that_is_due_may_be_under_way() -> None:
    assert seconds_to_next_check(container(ended_ago=1.1, Interval=SECOND), now=NOW) < 0


def test_nothing_is_known_before_the_first_check_has_ended() -> None:
    assert seconds_to_next_check(container(ended_ago=None, Interval=30 * SECOND), now=NOW) == 0


def test_while_the_container_starts_the_shorter_interval_counts() -> None:
    check = {"Interval": 30 * SECOND, "StartPeriod": 60 * SECOND, "StartInterval": SECOND}
    assert seconds_to_next_check(container(ended_ago=0, status="starting", **check), now=NOW) == pytest.approx(1)
    assert seconds_to_next_check(container(ended_ago=0, **check), now=NOW) == pytest.approx(30)


def test_the_engines_nanoseconds_and_time_zones_are_read() -> None:
    told = container(ended_ago=0, Interval=10 * SECOND)
    told["State"]["Health"]["Log"] = [{"End": "2026-11-22T02:15:38.123456789+01:00"}]
    assert seconds_to_next_check(told, now=NOW) == pytest.approx(8.123456)


def test_defaults_are_the_engines() -> None:
    assert seconds_to_next_check(container(ended_ago=0), now=NOW) == pytest.approx(30)
    assert longest_check_seconds(container(ended_ago=0)) == pytest.approx(60)


def test_very_frequent_checks_leave_half_their_interval() -> None:
    assert margin_seconds(container(ended_ago=0, Interval=SECOND // 5)) == pytest.approx(0.1)
    assert margin_seconds(container(ended_ago=0, Interval=10 * SECOND)) == pytest.approx(0.5)
