from __future__ import annotations

import pytest

from readiness.logs.values import (
    Level,
    Numbering,
    duration_units,
    instant,
    is_iso8601,
    level_named,
    level_of_text,
    seconds_in,
)


@pytest.mark.parametrize(
    ("value", "level"),
    [
        ("INFO", Level.INFO),
        (" Warn ", Level.WARNING),
        ("fatal", Level.CRITICAL),
        ("trace", Level.DEBUG),
        ("success", Level.INFO),
        (30, None),
        ("30", None),
        (True, None),
        (None, None),
        ("loud", None),
    ],
)
def test_levels_are_known_by_word_and_numbers_only_by_their_maker(value: object, level: Level | None) -> None:
    assert level_named(value) is level


@pytest.mark.parametrize(
    ("value", "python", "node"),
    [
        (10, Level.DEBUG, Level.DEBUG),
        (20, Level.INFO, Level.DEBUG),
        ("30", Level.WARNING, Level.INFO),
        (40, Level.ERROR, Level.WARNING),
        (50, Level.CRITICAL, Level.ERROR),
        (60, Level.CRITICAL, Level.CRITICAL),
        (3, Level.DEBUG, None),
        (0, None, None),
        (20.5, None, None),
        (True, None, None),
        ("9" * 400, None, None),
    ],
)
def test_a_number_is_another_level_to_another_logger(value: object, python: Level | None, node: Level | None) -> None:
    assert level_named(value, Numbering.PYTHON) is python
    assert level_named(value, Numbering.NODE) is node


@pytest.mark.parametrize(
    ("line", "written"),
    [
        ("2026-01-01 12:00:00,123 - app.db - DEBUG - SELECT", "DEBUG"),
        ("2026-01-01 12:00:00,123 - 7 - MainThread - app.db - DEBUG - SELECT", "DEBUG"),
        ("2026-01-01 12:00:00,123 app.db DEBUG SELECT", "DEBUG"),
        ('INFO:     172.18.0.1:5 - "GET /x HTTP/1.1" 404 Not Found', "INFO"),
        ("DEBUG:app.db:SELECT", "DEBUG"),
        ('time="2026-01-01T12:00:00Z" level=debug msg="an INFO"', "debug"),
        ('caller=main.go:12 ts=1 lvl=info msg="level=debug"', "info"),
        ("event='two words' level='debug'", "debug"),
        ("2026-01-01T12:00:00.000Z DEBUG 1 --- [main] c.e.App : ready", "DEBUG"),
        ("12:00:00.000 [http nio exec 1] DEBUG c.e - ready", "DEBUG"),
        ("[2026-01-01 12:00:00 +0000] [7] [INFO] Booting worker", "INFO"),
        ("[2026-01-01 12:00:00,123: INFO/MainProcess] ready", "INFO"),
        ("2026-01-01 12:00:00 [debug    ] cache miss  key=1", "debug"),
        ("2026/01/01 12:00:00 [error] 7#7: *1 open() failed", "error"),
        ("2026-01-01 12:00:00.123 | SUCCESS  | app:main:12 - ready", "SUCCESS"),
        ("2026-01-01 12:00:00.000 UTC [34] app@shop ERROR:  no such table", "ERROR"),
        ("12:00PM INF started", "INF"),
        ("INFO:  started with level=debug, DEBUG is on", "INFO"),
        ("Starting the service in DEBUG mode", None),
        ("the log level: DEBUG", None),
        ("DEBUG=False", None),
        ("[debug]", None),
        ("Traceback (most recent call last):", None),
        ('    raise ValueError("ERROR")', None),
        ('1.1.1.1 - - [01/Jan/2026:12:00:00 +0000] "GET /x?l=ERROR HTTP/1.1" 404 9', None),
        (f"{'7 ' * 100}DEBUG", None),
        ("", None),
    ],
)
def test_a_line_of_text_names_its_level_before_its_message(line: str, written: str | None) -> None:
    assert level_of_text(line) == written


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
