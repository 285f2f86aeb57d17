from __future__ import annotations

import asyncio
from typing import Any

from redis.exceptions import ConnectionError as RedisConnectionError

from readiness.demo.app.shop.limiter import LOCAL_CALLERS_MAX, Decision, LocalBuckets, TokenBuckets, _is_exempt


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
    buckets = LocalBuckets(limit=100, clock=Clock())
    assert [buckets.take("a").is_allowed for _ in range(102)] == [True] * 100 + [False] * 2


def test_a_bucket_refills_at_its_rate() -> None:
    clock = Clock()
    buckets = LocalBuckets(limit=60, clock=clock)
    for _ in range(60):
        buckets.take("a")
    clock.now += 2.0
    assert [buckets.take("a").is_allowed for _ in range(3)] == [True, True, False]


def test_callers_do_not_share_a_bucket() -> None:
    buckets = LocalBuckets(limit=1, clock=Clock())
    assert buckets.take("a").is_allowed
    assert not buckets.take("a").is_allowed
    assert buckets.take("b").is_allowed


def test_the_number_of_remembered_callers_is_bounded() -> None:
    buckets = LocalBuckets(limit=1, clock=Clock())
    for number in range(LOCAL_CALLERS_MAX + 10):
        buckets.take(str(number))
    assert len(buckets._buckets) == LOCAL_CALLERS_MAX


def test_a_refusal_says_when_to_come_back() -> None:
    headers = Decision(is_allowed=False, limit=60, tokens=0.25).headers
    assert headers == {
        "X-RateLimit-Limit": "60",
        "X-RateLimit-Remaining": "0",
        "X-RateLimit-Reset": "60",
        "Retry-After": "1",
    }


def test_without_redis_the_process_counts_and_leaves_redis_alone_for_a_while() -> None:
    clock, redis = Clock(), FakeRedis(RedisConnectionError("away"))
    buckets = TokenBuckets(redis, limit=2, clock=clock)
    answers = [asyncio.run(buckets.take("a")).is_allowed for _ in range(3)]
    assert answers == [True, True, False]
    assert redis.calls == 1
    clock.now += 6
    redis.answer = [1, "1.5"]
    assert asyncio.run(buckets.take("a")) == Decision(is_allowed=True, limit=2, tokens=1.5)


def test_probes_and_static_files_are_exempt_and_nothing_else() -> None:
    assert all(map(_is_exempt, ("/health", "/healthz", "/health/live", "/api/health", "/static/app.css")))
    assert not any(map(_is_exempt, ("/", "/items", "/healthy", "/api/healthy", "/staticx", "/auth/login")))
