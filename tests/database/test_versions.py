"""Versions as servers tell them."""

from __future__ import annotations

import pytest

from readiness.database.versions import is_at_least


@pytest.mark.parametrize(
    ("version", "oldest", "expected"),
    [
        ("15.18 (Debian 15.18-0+deb12u1)", "13", True),
        ("13.0", "13", True),
        ("13", "13.0.0", True),
        ("12.22", "13", False),
        ("9.6.24", "10", False),
        ("7.0.15", "7.0.9", True),
        ("18beta1", "18", False),
        ("18beta1", "17.9", True),
        ("8.0-rc2", "8.0", False),
        ("", "13", None),
        ("unknown", "13", None),
    ],
)
def test_figures_are_compared_as_figures(version: str, oldest: str, *, expected: bool | None) -> None:
    assert is_at_least(version, oldest) is expected
