"""A service that answers 429 to everything has one thing wrong, and what cannot be told of its limiter is not held against it."""

from __future__ import annotations

import pytest

from readiness.verdict import Outcome
from tests.checks.test_recorded_cases import CATALOGUE, judge

SHOTS = ("/deployed_limit/phase", "/small_limit/phases/*", "/shared_limit/attempts/*")
EVERYTHING = {"base": "ratelimit", "change": {f"{phase}/shots/*/1": 429 for phase in SHOTS}}
#: It judges the very thing.
ENFORCED = "ratelimit.enforced"
#: It compares two other stacks.
ELSEWHERE = "ratelimit.off_in_development"
OTHERS = sorted(check for check in CATALOGUE if check.startswith("ratelimit.") and check not in {ENFORCED, ELSEWHERE})


def test_that_everything_is_refused_is_the_finding() -> None:
    outcome, text = judge(CATALOGUE[ENFORCED], EVERYTHING)
    assert outcome is Outcome.FAIL
    assert "from the first" in text


@pytest.mark.parametrize("check", OTHERS)
def test_nothing_else_is_told_of_such_a_limiter(check: str) -> None:
    outcome, text = judge(CATALOGUE[check], EVERYTHING)
    assert outcome in {Outcome.INCONCLUSIVE, Outcome.NOT_APPLICABLE}, text
