from __future__ import annotations

import asyncio
from typing import Any

from redis.exceptions import ConnectionError as RedisConnectionError

from readiness.demo.app.shop.buckets import LOCAL_BUCKETS_MAX, Decision, LocalBuckets, Policy, TokenBuckets

MINUTE = Policy(name="minute", requests=60, window_seconds=60.0)
HOUR = Policy(name="hour", requests=90, window_seconds=3600.0)
EVERYBODY = Policy(name="everybody", requests=3, window_seconds=60.0, is_shared=True)


def policy(requests: int, **values: Any) -> tuple[Policy, ...]:
    return (Policy(name="minute", requests=requests, window_seconds=60.0, **values),)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class FakeRedis:
    """Answers scripts with what it is told to, or fails."""

    def __init__(self, answer: Any) -> None:
        self.answer, self.calls = answer, 0

    def register_script(self, text: str) -> Any:
        async def script(keys: list[str], args: list[float]) -> Any:
            self.calls += 1
            if isinstance(self.answer, Exception):
                raise self.answer
            return self.answer

        return script


def test_a_full_bucket_lets_exactly_the_limit_through() -> None:
    buckets = LocalBuckets(clock=Clock())
    assert [buckets.take("a", policy(100)).is_allowed for _ in range(102)] == [True] * 100 + [False] * 2


def test_a_burst_comes_on_top_of_the_limit_once() -> None:
    clock = Clock()
    buckets = LocalBuckets(clock=clock)
    burst = policy(60, burst=5)
    assert sum(buckets.take("a", burst).is_allowed for _ in range(80)) == 65
    clock.now += 3.0
    assert sum(buckets.take("a", burst).is_allowed for _ in range(80)) == 3


def test_a_bucket_refills_at_its_rate() -> None:
    clock = Clock()
    buckets = LocalBuckets(clock=clock)
    for _ in range(60):
        buckets.take("a", (MINUTE,))
    clock.now += 2.0
    assert [buckets.take("a", (MINUTE,)).is_allowed for _ in range(3)] == [True, True, False]


def test_callers_do_not_share_a_bucket_unless_it_is_everybodys() -> None:
    buckets = LocalBuckets(clock=Clock())
    assert buckets.take("a", policy(1)).is_allowed
    assert not buckets.take("a", policy(1)).is_allowed
    assert buckets.take("b", policy(1)).is_allowed
    assert [buckets.take(caller, (MINUTE, EVERYBODY)).is_allowed for caller in "cdef"] == [True, True, True, False]


def test_a_refusal_of_one_bucket_takes_nothing_of_the_others() -> None:
    clock = Clock()
    buckets = LocalBuckets(clock=clock)
    for _ in range(90):
        clock.now += 1.0
        buckets.take("a", (MINUTE, HOUR))
    clock.now += 1.0
    # The hour's bucket has refilled by two tokens since the beginning.
    taken = [buckets.take("a", (MINUTE, HOUR)) for _ in range(4)]
    assert [decision.is_allowed for decision in taken] == [True, True, False, False]
    assert taken[3].tokens[0] == 58
    assert taken[3].retry_after_seconds == 30


def test_the_number_of_remembered_buckets_is_bounded() -> None:
    buckets = LocalBuckets(clock=Clock())
    for number in range(LOCAL_BUCKETS_MAX + 10):
        buckets.take(str(number), policy(1))
    assert len(buckets._buckets) == LOCAL_BUCKETS_MAX


def test_a_refusal_says_when_to_come_back() -> None:
    refusal = Decision(is_allowed=False, policies=(MINUTE, HOUR), tokens=(0.25, 50.0))
    assert refusal.headers(1_000_000.2) == {
        "X-RateLimit-Limit": "60",
        "X-RateLimit-Remaining": "0",
        "X-RateLimit-Reset": "1000060",
        "RateLimit-Policy": '"minute";q=60;w=60, "hour";q=90;w=3600',
        "RateLimit": '"minute";r=0;t=60',
        "Retry-After": "1",
    }


def test_an_answer_tells_of_the_limit_that_is_nearest() -> None:
    answer = Decision(is_allowed=True, policies=(MINUTE, HOUR, EVERYBODY), tokens=(40.0, 12.0, 13.0))
    assert answer.headers(0.0)["X-RateLimit-Limit"] == "90"
    assert "Retry-After" not in answer.headers(0.0)
    assert "everybody" not in answer.headers(0.0)["RateLimit-Policy"]


def test_a_limit_is_put_into_words() -> None:
    assert MINUTE.sentence == "Maximum 60 requests per minute allowed."
    assert (
        Policy(name="minute", requests=12, window_seconds=24.0).sentence
        == "Maximum 12 requests per 24 seconds allowed."
    )


def test_without_redis_the_process_counts_and_leaves_redis_alone_for_a_while() -> None:
    clock, redis = Clock(), FakeRedis(RedisConnectionError("away"))
    buckets = TokenBuckets(redis, policy(2), clock=clock)  # type: ignore[arg-type]  # a fake
    answers = [asyncio.run(buckets.take("a")).is_allowed for _ in range(3)]
    assert answers == [True, True, False]
    assert redis.calls == 1
    clock.now += 6
    redis.answer = [1, "1.5"]
    assert asyncio.run(buckets.take("a")) == Decision(is_allowed=True, policies=policy(2), tokens=(1.5,))
