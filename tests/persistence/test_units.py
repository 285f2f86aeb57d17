from __future__ import annotations

import pytest

from readiness.persistence.units import is_same_in_postgres, is_same_in_redis


@pytest.mark.parametrize(
    ("declared", "setting", "unit", "same"),
    [
        ("256MB", "32768", "8kB", True),
        ("256MB", "16384", "8kB", False),
        ("32768", "32768", "8kB", True),
        ("4MB", "4096", "kB", True),
        ("5min", "300", "s", True),
        ("5s", "5000", "ms", True),
        ("50", "50", "", True),
        ("50", "100", "", False),
        ("0.9", "0.9", "", True),
        ("yes", "on", "", True),
        ("off", "on", "", False),
        ("'replica'", "replica", "", True),
        ("256mb", "32768", "8kB", False),  # PostgreSQL refuses that spelling
    ],
)
def test_settings_of_postgres_are_compared_in_their_units(declared: str, setting: str, unit: str, same: bool) -> None:
    assert is_same_in_postgres(declared, setting, unit) is same


@pytest.mark.parametrize(
    ("declared", "setting", "same"),
    [
        ("64mb", "67108864", True),
        ("64m", "64000000", True),
        ("1GB", "67108864", False),
        ("60 1000", "60 1000", True),
        ('"60  1000"', "60 1000", True),
        ("60 1000", "", False),
        ("", '""', True),
        ("yes", "yes", True),
        ("no", "yes", False),
        ("allkeys-lru", "noeviction", False),
    ],
)
def test_settings_of_redis_are_compared_as_its_file_writes_them(declared: str, setting: str, same: bool) -> None:
    assert is_same_in_redis(declared, setting) is same
