"""A token bucket per user, else per address: in Redis, so that every process counts together.

While Redis is away each process counts for itself: refusing everybody because the counter is broken would turn a
cache's outage into the shop's, and letting everybody through would invite the next one.
"""

from __future__ import annotations

import hashlib
import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog
from redis.exceptions import RedisError
from starlette.datastructures import Headers, MutableHeaders

from .errors import error_response

if TYPE_CHECKING:
    from redis.asyncio import Redis
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from .auth import Tokens

__all__ = ["Decision", "LocalBuckets", "RateLimit", "TokenBuckets"]

log = structlog.get_logger(__name__)

WINDOW_SECONDS = 60.0
#: After a failure Redis is left alone this long, so that requests do not each wait for its timeout.
REDIS_PAUSE_SECONDS = 5.0
#: Callers remembered by one process; the longest unseen is forgotten first.
LOCAL_CALLERS_MAX = 10_000
#: Probes and page decoration must work when a caller is refused everything else.
EXEMPT_PREFIXES = ("/health/", "/static/")
EXEMPT_PATHS = ("/health", "/healthz", "/api/health", "/metrics")

#: One atomic step: refill by the time passed, take one. The clock is Redis's own, so that processes cannot disagree.
TAKE = """
local capacity, per_second = tonumber(ARGV[1]), tonumber(ARGV[2])
local clock = redis.call('TIME')
local now = tonumber(clock[1]) + tonumber(clock[2]) / 1000000
local bucket = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local tokens = tonumber(bucket[1]) or capacity
local at = tonumber(bucket[2]) or now
tokens = math.min(capacity, tokens + math.max(0, now - at) * per_second)
local allowed = 0
if tokens >= 1 then
  allowed = 1
  tokens = tokens - 1
end
redis.call('HSET', KEYS[1], 'tokens', string.format('%.6f', tokens), 'at', string.format('%.6f', now))
redis.call('PEXPIRE', KEYS[1], math.ceil(capacity / per_second * 1000) + 1000)
return {allowed, string.format('%.6f', tokens)}
"""


@dataclass(frozen=True, kw_only=True)
class Decision:
    """Whether a request may pass, and what to tell the caller."""

    is_allowed: bool
    limit: int
    tokens: float

    @property
    def headers(self) -> dict[str, str]:
        """``X-RateLimit-*``: reset is seconds until the bucket is full; ``Retry-After`` until the next token."""
        per_second = self.limit / WINDOW_SECONDS
        headers = {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(int(self.tokens)),
            "X-RateLimit-Reset": str(math.ceil((self.limit - self.tokens) / per_second)),
        }
        if not self.is_allowed:
            headers["Retry-After"] = str(max(1, math.ceil((1 - self.tokens) / per_second)))
        return headers


class LocalBuckets:
    """The same bucket in this process, for as long as Redis is away."""

    def __init__(self, *, limit: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = limit
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, caller: str) -> Decision:
        """Take a token if there is one."""
        now = self._clock()
        tokens, at = self._buckets.pop(caller, (float(self._limit), now))
        tokens = min(self._limit, tokens + (now - at) * self._limit / WINDOW_SECONDS)
        is_allowed = tokens >= 1
        tokens -= is_allowed
        self._buckets[caller] = (tokens, now)
        if len(self._buckets) > LOCAL_CALLERS_MAX:
            self._buckets.popitem(last=False)
        return Decision(is_allowed=is_allowed, limit=self._limit, tokens=tokens)


class TokenBuckets:
    """The buckets in Redis, with the local ones behind them."""

    def __init__(self, redis: Redis, *, limit: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._script = redis.register_script(TAKE)
        self._limit = limit
        self._clock = clock
        self._local = LocalBuckets(limit=limit, clock=clock)
        self._redis_from = 0.0

    async def take(self, caller: str) -> Decision:
        """Take a token if there is one."""
        if self._clock() >= self._redis_from:
            try:
                allowed, tokens = await self._script(
                    keys=[f"limit:{hashlib.sha256(caller.encode()).hexdigest()[:32]}"],
                    args=[self._limit, self._limit / WINDOW_SECONDS],
                )
            except (RedisError, OSError) as error:
                self._redis_from = self._clock() + REDIS_PAUSE_SECONDS
                log.warning("limiter counts locally", reason=type(error).__name__)
            else:
                return Decision(is_allowed=bool(allowed), limit=self._limit, tokens=float(tokens))
        return self._local.take(caller)


class RateLimit:
    """Counts every request but the exempt ones, and tells each caller where it stands."""

    def __init__(self, app: ASGIApp, buckets: TokenBuckets, tokens: Tokens) -> None:
        self._app = app
        self._buckets = buckets
        self._tokens = tokens

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or answer 429."""
        if scope["type"] != "http" or _is_exempt(scope["path"]):
            await self._app(scope, receive, send)
            return
        decision = await self._buckets.take(self._caller(scope))

        async def tell(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(decision.headers)
            await send(message)

        if decision.is_allowed:
            await self._app(scope, receive, tell)
        else:
            await error_response(scope, 429)(scope, receive, tell)

    def _caller(self, scope: Scope) -> str:
        user_id = self._tokens.user_id(Headers(scope=scope).get("authorization", ""))
        return f"user:{user_id}" if user_id is not None else f"address:{(scope.get('client') or ('',))[0]}"


def _is_exempt(path: str) -> bool:
    return path in EXEMPT_PATHS or path.startswith(EXEMPT_PREFIXES)
