"""How many requests each day ends how, counted in Redis by a task of its own: no request waits for its count."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from typing import TYPE_CHECKING

import structlog
from redis.exceptions import RedisError

from . import defects

if TYPE_CHECKING:
    from redis.asyncio import Redis
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["Counted", "Usage"]

log = structlog.get_logger(__name__)

FLUSH_SECONDS = 1.0
#: Days are kept for a week's comparison.
KEPT_SECONDS = 8 * 24 * 3600
DAY_SECONDS = 24 * 3600
#: Probes are no use of the shop.
UNCOUNTED_PREFIXES = ("/health", "/api/health")


class Usage:
    """Counts in memory, and adds up in Redis whenever that answers. What is lost with the process is a second's worth."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._waiting: Counter[str] = Counter()
        self._is_away = False

    @property
    def is_away(self) -> bool:
        """Whether Redis did not take the last counts."""
        return self._is_away

    def count(self, method: str, status: int) -> None:
        """Note a request; asks nobody."""
        self._waiting[f"{method} {status // 100}xx"] += 1

    async def run(self) -> None:
        """Add up every second, until cancelled."""
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            await self.flush()

    async def flush(self) -> None:
        """Add what is counted to today's numbers; what Redis does not take is kept for the next time."""
        counted, self._waiting = self._waiting, Counter()
        if not counted:
            return
        key = f"usage:{int(time.time() // DAY_SECONDS)}"
        try:
            async with self._redis.pipeline(transaction=True) as pipeline:
                for name, count in counted.items():
                    pipeline.hincrby(key, name, count)
                pipeline.expire(key, KEPT_SECONDS)
                await pipeline.execute()
            self._is_away = False
        except (RedisError, OSError) as error:
            self._waiting += counted
            if not self._is_away:
                log.warning("usage is counted later", reason=type(error).__name__)
            self._is_away = True


class Counted:
    """Counts every answer but those of probes."""

    def __init__(self, app: ASGIApp, usage: Usage) -> None:
        self._app = app
        self._usage = usage

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["path"].startswith(UNCOUNTED_PREFIXES):
            await self._app(scope, receive, send)
            return

        async def count(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._usage.count(scope["method"], message["status"])
                if defects.is_on("usage-waits-for-redis"):
                    await self._usage.flush()
            await send(message)

        await self._app(scope, receive, count)
