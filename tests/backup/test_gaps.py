"""How far apart a schedule's runs are at most."""

from __future__ import annotations

import pytest

from readiness.backup.gaps import longest_gap_seconds

HOUR, DAY = 3600.0, 86400.0


@pytest.mark.parametrize(
    ("cron", "seconds"),
    [
        ("0 2 * * *", DAY),
        ("@daily", DAY),
        ("*/5 * * * *", 300.0),
        ("7/20 * * * *", 20 * 60.0),
        ("0 */12 * * *", 12 * HOUR),
        ("0 2,14,20 * * *", 12 * HOUR),
        ("30 1 * * 0", 7 * DAY),
        ("30 1 * * 7", 7 * DAY),
        ("0 2 * * mon-fri", 3 * DAY),
        ("0 2 1 * *", 31 * DAY),
        ("0 2 1,15 * *", 17 * DAY),
        ("0 2 1 * 0", 7 * DAY),
        ("0 0 1 jan *", 366 * DAY),
        ("0 9-17 * * *", 16 * HOUR),
    ],
)
def test_the_longest_gap_is_told(cron: str, seconds: float) -> None:
    assert longest_gap_seconds(cron) == seconds


@pytest.mark.parametrize(
    "cron", ["", "daily", "0 2 * *", "61 2 * * *", "0 2 31 2 *", "0 2 * * funday", "*/0 * * * *", "5-1 * * * *"]
)
def test_what_is_no_schedule_has_none(cron: str) -> None:
    assert longest_gap_seconds(cron) is None
