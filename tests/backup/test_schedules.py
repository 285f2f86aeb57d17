"""When a schedule fires."""

from __future__ import annotations

import math

import pytest

from readiness.backup.schedules import cron_lines, longest_gap_seconds, normal

DAY = 86400


@pytest.mark.parametrize(
    ("cron", "gap"),
    [
        ("0 2 * * *", DAY),
        ("0  2\t* * *", DAY),
        ("@daily", DAY),
        ("0 */6 * * *", DAY / 4),
        ("* * * * *", 60),
        ("0 2 * * 0", 7 * DAY),
        ("0 2 * * MON-FRI", 3 * DAY),
        ("@monthly", 31 * DAY),
        ("0 2 30 2 *", math.inf),
        ("0 2 31 4,6 *", math.inf),
        ("@reboot", None),
        ("99 2 * * *", None),
        ("99 2 1 * *", None),
        ("every day at two o'clock", None),
        ("", None),
    ],
)
def test_the_longest_time_between_two_runs(cron: str, gap: float | None) -> None:
    assert longest_gap_seconds(cron) == gap


def test_a_schedule_has_one_spelling() -> None:
    assert normal(" 0  2 * *  * ") == "0 2 * * *"
    assert normal("@Weekly") == "0 0 * * 0"
    assert normal("0 2 * *") == ""


def test_lines_of_crontabs() -> None:
    text = (
        "# m h dom mon dow\nSHELL=/bin/sh\n0 2 * * *\t/backup.sh\n17 * * * * root run-parts\n@reboot /start\n"
        "@weekly rotate\n#5 5 * * * off\n\nhello my good old friend is here\n0 2 30 2 * never\n"
    )
    assert [(line.cron, line.command) for line in cron_lines(text)] == [
        ("0 2 * * *", "/backup.sh"), ("17 * * * *", "root run-parts"), ("0 0 * * 0", "rotate"), ("0 2 30 2 *", "never"),
    ]  # fmt: skip
