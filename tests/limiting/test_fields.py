from __future__ import annotations

import pytest

from readiness.facts.limiter import Answer
from readiness.limiting.fields import stated_by, structured


def answer(**headers: str) -> Answer:
    pairs = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return Answer(seconds=0.0, unix=1_800_000_000.0, status=200, headers=pairs)


def test_the_usual_family_is_read() -> None:
    stated = stated_by(answer(x_ratelimit_limit="100", x_ratelimit_remaining="0", x_ratelimit_reset="1800000030"))
    assert (stated.limit, stated.remaining, stated.reset, stated.missing) == (100, 0, 1_800_000_030, ())
    assert stated.reset_seconds(1_800_000_000.0) == 30.0


def test_an_early_draft_has_policies_behind_its_limit_and_seconds_as_reset() -> None:
    stated = stated_by(answer(ratelimit_limit="100, 100;w=60", ratelimit_remaining="99", ratelimit_reset="42"))
    assert (stated.prefix, stated.limit, stated.reset_seconds(1_800_000_000.0)) == ("ratelimit-", 100, 42.0)


def test_what_is_missing_or_no_integer_is_named() -> None:
    stated = stated_by(answer(x_rate_limit_limit="many", x_rate_limit_remaining="5"))
    assert stated.missing == ("x-rate-limit-limit", "x-rate-limit-reset")
    assert stated.reset_seconds(0.0) is None


def test_an_answer_may_say_nothing() -> None:
    assert stated_by(answer(retry_after="3")).prefix == ""
    assert list(structured(answer(retry_after="3"))) == []


@pytest.mark.parametrize(
    ("field", "value", "figures"),
    [
        ("ratelimit", '"default";r=50;t=30', {"r": 50, "t": 30}),
        ("ratelimit", "limit=100, remaining=50, reset=30", {"limit": 100, "remaining": 50, "reset": 30}),
        ("ratelimit-policy", '"default";q=100;w=60', {"q": 100, "w": 60}),
        ("ratelimit-policy", "100;w=60", {"q": 100, "w": 60}),
    ],
)
def test_every_draft_is_read(field: str, value: str, figures: dict[str, int]) -> None:
    (found,) = structured(Answer(seconds=0.0, unix=0.0, status=200, headers=((field, value),)))
    assert found.problem == ""
    assert found.figures[0] == figures


@pytest.mark.parametrize("value", ["'default';q=100", '"default;q=100', "q=100;;w", "\x00"])
def test_what_is_no_structured_field_says_why(value: str) -> None:
    (found,) = structured(answer(ratelimit_policy=value))
    assert found.problem
