from __future__ import annotations

import pytest

from readiness.logs.server_timing import has_duration, milliseconds_in


@pytest.mark.parametrize(
    ("value", "milliseconds"),
    [
        ("app;dur=12.2", 12.2),
        ("db;dur=5.3, app;dur=12.2", 12.2),
        ("total;dur=9, slow;dur=10", 9.0),
        ('cache;desc="hit, or miss; dur=3";dur=0.5', 0.5),
        (' app ; DUR = "7" ', 7.0),
        ("app;dur=1;dur=2", 1.0),
        ("cdn-cache;desc=HIT", None),
        ("dur=3", None),
        ("app;dur=soon", None),
        ("0.012", None),
        ("", None),
        ('app;desc="' + "\\" * 290, None),
    ],
)
def test_the_whole_request_s_duration_is_read(value: str, milliseconds: float | None) -> None:
    assert milliseconds_in(value) == milliseconds
    assert has_duration(value) is (milliseconds is not None)
