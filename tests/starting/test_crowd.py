from __future__ import annotations

import pytest

from readiness.facts.probes import Answer
from readiness.starting.crowd import is_refusal


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (503, '{"error": "loading"}', True),
        (503, "[]", False),
        (503, "", False),
        (503, "<html>", False),
        (500, "{}", False),
        (None, "", False),
    ],
)
def test_a_refusal_is_a_503_in_json(status: int | None, body: str, expected: bool) -> None:
    assert is_refusal(Answer(at_seconds=0, unix_seconds=0, status=status, seconds=0, body=body)) is expected
