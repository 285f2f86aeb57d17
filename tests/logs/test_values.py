from __future__ import annotations

import pytest

from readiness.logs.values import Level, duration_units, instant, is_iso8601, level_named, seconds_in


@pytest.mark.parametrize(
    ("value", "level"),
    [
        ("INFO", Level.INFO),
        (" Warn ", Level.WARNING),
        ("fatal", Level.CRITICAL),
        ("trace", Level.DEBUG),
        (20, Level.DEBUG),
        (30, Level.INFO),
        (50, Level.ERROR),
        (60, Level.CRITICAL),
        (3, None),
        (True, None),
        (None, None),
        ("loud", None),
    ],
)
def test_levels_are_known_by_word_and_by_number(value: object, level: Level | None) -> None:
    assert level_named(value) is level


@pytest.mark.parametrize(
    "text",
    [
        "2026-09-21T14:13:20Z",
        "2026-09-21T14:13:20.123456789Z",
        "2026-09-21 14:13:20,123+02:00",
        "20260921T141320+0000",
    ],
)
def test_instants_with_an_offset_are_iso_8601(text: str) -> None:
    assert is_iso8601(text)


@pytest.mark.parametrize(
    "text", ["2026-09-21T14:13:20", "2026-09-21", "21/Sep/2026:14:13:20 +0000", "", 1790000000, None]
)
def test_local_times_numbers_and_other_formats_are_not(text: object) -> None:
    assert not is_iso8601(text)


def test_a_local_time_is_still_an_instant_and_a_date_is_none() -> None:
    assert instant("2026-09-21T14:13:20") is not None
    assert instant("2026-09-21") is None


@pytest.mark.parametrize(
    ("place", "declared", "units"),
    [
        ("duration_ms", None, ("ms",)),
        ("http.durationMs", None, ("ms",)),
        ("elapsed_seconds", None, ("s",)),
        ("seconds", None, ("s",)),
        ("took_ns", None, ("ns",)),
        ("duration_us", None, ("us",)),
        ("duration", None, ("s", "ms", "us", "ns")),
        ("duration", "ms", ("ms",)),
        ("status", None, ("s", "ms", "us", "ns")),
    ],
)
def test_a_duration_s_unit_is_declared_or_in_its_name(place: str, declared: str | None, units: tuple[str, ...]) -> None:
    assert duration_units(place, declared) == units


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (0.25, (0.25, 0.00025)),
        ("250ms", (0.25,)),
        ("1.5 s", (1.5,)),
        ("12µs", (0.000012,)),
        ("1e-3", (0.001, 0.000001)),
        ("quick", ()),
        ("1,5", ()),
        (None, ()),
        (True, ()),
        ("9" * 400, ()),
    ],
)
def test_a_duration_means_each_of_its_possible_units(value: object, seconds: tuple[float, ...]) -> None:
    assert seconds_in(value, ("s", "ms")) == pytest.approx(seconds)
