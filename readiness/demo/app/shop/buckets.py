"""Token buckets, several per request: in Redis, so that every process counts together.

While Redis is away each process counts for itself: refusing everybody because the counter is broken would turn a
cache's outage into the shop's, and letting everybody through would invite the next one.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog
from redis.exceptions import RedisError

from . import defects

if TYPE_CHECKING:
    from redis.asyncio import Redis

__all__ = ["Decision", "LocalBuckets", "Policy", "TokenBuckets"]

log = structlog.get_logger(__name__)

#: After a failure Redis is left alone this long, so that requests do not each wait for its timeout.
REDIS_PAUSE_SECONDS = 2.0
#: Of the defect below: so many requests of one process at once.
CROWD = 12
#: Buckets remembered by one process; the longest unseen is forgotten first.
LOCAL_BUCKETS_MAX = 20_000
#: How a window is called in a sentence.
WINDOWS = {1.0: "second", 60.0: "minute", 3600.0: "hour"}

#: One atomic step: refill every bucket by the time passed, and take one of each if none is empty. The clock is Redis's
#: own, so that processes cannot disagree.
TAKE = """
local clock = redis.call('TIME')
local now = tonumber(clock[1]) + tonumber(clock[2]) / 1000000
local tokens, allowed = {}, 1
for i = 1, #KEYS do
  local capacity, per_second = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
  local bucket = redis.call('HMGET', KEYS[i], 'tokens', 'at')
  local left, at = tonumber(bucket[1]) or capacity, tonumber(bucket[2]) or now
  tokens[i] = math.min(capacity, left + math.max(0, now - at) * per_second)
  if tokens[i] < 1 then allowed = 0 end
end
for i = 1, #KEYS do
  local capacity, per_second = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
  tokens[i] = string.format('%.6f', tokens[i] - allowed)
  redis.call('HSET', KEYS[i], 'tokens', tokens[i], 'at', string.format('%.6f', now))
  redis.call('PEXPIRE', KEYS[i], math.ceil(capacity / per_second * 1000) + 1000)
end
table.insert(tokens, 1, allowed)
return tokens
"""

#: A defect: counts in windows of the clock, which all of a window's requests may use up at once, twice at its edge.
TAKE_OF_WINDOW = """
local now, tokens, allowed = tonumber(redis.call('TIME')[1]), {}, 1
for i = 1, #KEYS do
  local capacity, seconds = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i - 1]) / tonumber(ARGV[2 * i])
  local key = KEYS[i] .. ':' .. math.floor(now / seconds)
  local used = redis.call('INCR', key)
  redis.call('PEXPIRE', key, math.ceil(seconds * 1000))
  local left = capacity - used
  if used > capacity then
    allowed = 0
    left = 1 - (seconds - now % seconds) * capacity / seconds
  end
  tokens[i] = string.format('%.6f', left)
end
table.insert(tokens, 1, allowed)
return tokens
"""


@dataclass(frozen=True, kw_only=True)
class Policy:
    """One limit: ``requests`` in ``window_seconds`` after a burst of ``burst`` more; of each caller, or of all together."""

    name: str
    requests: int
    window_seconds: float
    burst: int = 0
    is_shared: bool = False

    @property
    def capacity(self) -> int:
        """What a caller who was idle may send at once."""
        return self.requests + self.burst

    @property
    def per_second(self) -> float:
        """How fast it is refilled."""
        return self.requests / self.window_seconds

    @property
    def sentence(self) -> str:
        """The limit in words."""
        window = WINDOWS.get(self.window_seconds, f"{self.window_seconds:g} seconds")
        return f"Maximum {self.requests} requests per {window} allowed."


@dataclass(frozen=True, kw_only=True)
class Decision:
    """Whether a request may pass, and what is left of each policy's bucket."""

    is_allowed: bool
    policies: tuple[Policy, ...]
    tokens: tuple[float, ...]

    @property
    def retry_after_seconds(self) -> int:
        """Until the emptiest bucket has a token again, rounded up; at least 1."""
        if defects.is_on("retry-after-zero"):
            return 0
        waits = [(1 - left) / policy.per_second for policy, left in zip(self.policies, self.tokens, strict=True)]
        return max(1, math.ceil(max(waits) - 1e-6))

    @property
    def binding(self) -> tuple[Policy, float]:
        """The policy that is told: the one that refuses longest, else the one with the fewest requests left."""
        pairs = list(zip(self.policies, self.tokens, strict=True))
        if self.is_allowed:
            return min(pairs, key=lambda pair: pair[1])
        return max(pairs, key=lambda pair: (1 - pair[1]) / pair[0].per_second)

    def headers(self, now: float) -> dict[str, str]:
        """``X-RateLimit-*`` with a reset in Unix seconds, when the bucket is full again, and the IETF's two fields.

        The fields are those of draft-ietf-httpapi-ratelimit-headers-10; what all callers share is nobody's business.
        """
        policy, left = self.binding
        left = max(0.0, left)
        full_seconds = (policy.capacity - left) / policy.per_second
        is_frozen = defects.is_on("remaining-frozen")
        own = [p for p in self.policies if not p.is_shared]
        policies = ", ".join(f'"{p.name}";q={p.requests};w={math.ceil(p.window_seconds)}' for p in own)
        headers = {
            "X-RateLimit-Limit": str(policy.requests),
            "X-RateLimit-Remaining": str(policy.requests if is_frozen else int(left)),
            "X-RateLimit-Reset": str(math.ceil(now + full_seconds)),
            "RateLimit-Policy": policies.replace('"', "'") if defects.is_on("policy-field-malformed") else policies,
            "RateLimit": f'"{policy.name}";r={int(left)};t={math.ceil(full_seconds)}',
        }
        if not self.is_allowed:
            headers["Retry-After"] = str(self.retry_after_seconds)
        return headers


class LocalBuckets:
    """The same buckets in this process, for as long as Redis is away."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, caller: str, policies: tuple[Policy, ...]) -> Decision:
        """Take a token of each bucket if none is empty."""
        now = self._clock()
        keys = [_key(policy, caller) for policy in policies]
        tokens: list[float] = []
        for key, policy in zip(keys, policies, strict=True):
            left, at = self._buckets.get(key, (float(policy.capacity), now))
            tokens.append(min(policy.capacity, left + (now - at) * policy.per_second))
        is_allowed = all(left >= 1 for left in tokens) or defects.is_on("fallback-unlimited")
        for key, left in zip(keys, tokens, strict=True):
            self._buckets[key] = (left - is_allowed, now)
            self._buckets.move_to_end(key)
        while len(self._buckets) > LOCAL_BUCKETS_MAX:
            self._buckets.popitem(last=False)
        left_now = tuple(max(0.0, left - is_allowed) for left in tokens)
        return Decision(is_allowed=is_allowed, policies=policies, tokens=left_now)


class TokenBuckets:
    """The buckets in Redis, with the local ones behind them.

    Args:
        redis: where they are.
        policies: every limit; all must have a token left.
    """

    def __init__(
        self, redis: Redis, policies: tuple[Policy, ...], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._redis = redis
        self._script = redis.register_script(TAKE_OF_WINDOW if defects.is_on("limiter-fixed-window") else TAKE)
        ignored = {
            "everybody" if defects.is_on("global-limit-ignored") else "",
            "hour" if defects.is_on("hourly-limit-ignored") else "",
        }
        self._policies = tuple(policy for policy in policies if policy.name not in ignored)
        self._clock = clock
        self._local = LocalBuckets(clock=clock)
        self._redis_from = 0.0
        self._is_racy, self._under_way, self._one_by_one = defects.is_on("limiter-race"), 0, asyncio.Lock()
        self._is_per_process = defects.is_on("limiter-per-process")

    async def take(self, caller: str) -> Decision:
        """Take a token of each bucket if none is empty."""
        if self._clock() >= self._redis_from:
            try:
                if self._is_per_process:
                    return await self._take_half_locally(caller)
                if self._is_racy:
                    return await self._take_in_a_crowd(caller)
                return await self._take(caller, self._policies)
            except (RedisError, OSError) as error:
                pause = math.inf if defects.is_on("fallback-for-ever") else REDIS_PAUSE_SECONDS
                self._redis_from = self._clock() + pause
                log.warning(
                    "Redis rate limit check failed. Falling back to in-memory counting", reason=type(error).__name__
                )
        return self._local.take(caller, self._policies)

    async def _take(self, caller: str, policies: tuple[Policy, ...]) -> Decision:
        allowed, *tokens = await self._script(
            keys=[_key(policy, caller) for policy in policies],
            args=[figure for policy in policies for figure in (policy.capacity, policy.per_second)],
        )
        return Decision(is_allowed=bool(allowed), policies=policies, tokens=tuple(float(left) for left in tokens))

    async def _take_half_locally(self, caller: str) -> Decision:
        """A defect: what belongs to one caller is counted by each process for itself."""
        mine = self._local.take(caller, tuple(p for p in self._policies if not p.is_shared))
        shared = await self._take("", tuple(p for p in self._policies if p.is_shared))
        return Decision(
            is_allowed=mine.is_allowed and shared.is_allowed,
            policies=mine.policies + shared.policies,
            tokens=mine.tokens + shared.tokens,
        )

    async def _take_in_a_crowd(self, caller: str) -> Decision:
        """A defect: a few requests at once are counted one after the other, and a crowd is not."""
        self._under_way += 1
        try:
            if self._under_way > CROWD:
                return await self._take_slowly(caller, self._policies)
            async with self._one_by_one:
                if self._clock() < self._redis_from:  # who stood behind a failure does not wait for one more
                    return self._local.take(caller, self._policies)
                return await self._take_slowly(caller, self._policies)
        finally:
            self._under_way -= 1

    async def _take_slowly(self, caller: str, policies: tuple[Policy, ...]) -> Decision:
        """A defect: reads and writes in two steps, between which other requests read the same."""
        tokens: list[float] = []
        for policy in policies:
            kept, at = await self._redis.hmget(_key(policy, caller), ["tokens", "at"])
            passed = time.time() - float(at or time.time())
            tokens.append(min(policy.capacity, float(kept or policy.capacity) + max(0.0, passed) * policy.per_second))
        is_allowed = all(left >= 1 for left in tokens)
        for policy, left in zip(policies, tokens, strict=True):
            key = _key(policy, caller)
            await self._redis.hset(key, mapping={"tokens": left - is_allowed, "at": time.time()})
            await self._redis.expire(key, math.ceil(policy.window_seconds) + 1)
        return Decision(is_allowed=is_allowed, policies=policies, tokens=tuple(left - is_allowed for left in tokens))


def _key(policy: Policy, caller: str) -> str:
    """Callers are hashed: a key must not tell who they are, nor take its length from them."""
    of = "" if policy.is_shared else hashlib.sha256(caller.encode()).hexdigest()[:32]
    return f"limit:{policy.name}:{of}"
