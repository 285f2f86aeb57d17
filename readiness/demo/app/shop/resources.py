"""What one process holds: its connections, its model, what it knows of its start."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import structlog
from redis.asyncio import Redis
from sqlalchemy.ext.asyncio import AsyncEngine

from . import defects
from .auth import Passwords, Tokens
from .cache import create_client
from .database import create_engine
from .health import CHECK_SECONDS, DatabaseSentinel, Dependency, RedisSentinel
from .jobs import JobQueue
from .metrics import Metrics
from .model import EmbeddingModel
from .usage import Usage
from .weights import Weights

if TYPE_CHECKING:
    from .settings import Settings

__all__ = ["Resources", "SchemaPendingError"]

log = structlog.get_logger(__name__)

#: A request waits this long for Redis; a counter is not worth more.
REDIS_SECONDS = 0.5
#: Nobody waits for the counts of usage.
USAGE_SECONDS = 1.0


class SchemaPendingError(Exception):
    """The database answers, and our tables are not there yet."""


@dataclass(kw_only=True)
class Resources:
    """Built once per process. Opens nothing until it is used."""

    settings: Settings
    engine: AsyncEngine
    redis: Redis
    health_redis: Redis
    sentinel: DatabaseSentinel
    passwords: Passwords
    tokens: Tokens
    queue: JobQueue
    metrics: Metrics
    usage: Usage
    usage_redis: Redis
    model: EmbeddingModel = field(default_factory=EmbeddingModel)
    started_monotonic: float = field(default_factory=time.monotonic)
    is_schema_ready: bool = False
    #: Asked to stop: what is open is finished, nothing new is begun.
    draining_since: float | None = None
    fatal: str = ""

    @classmethod
    def of(cls, settings: Settings) -> Resources:
        """Everything for these settings."""
        redis = create_client(settings, timeout_seconds=REDIS_SECONDS)
        usage_redis = create_client(settings, timeout_seconds=USAGE_SECONDS)
        return cls(
            settings=settings,
            engine=create_engine(settings, application="shop-api"),
            redis=redis,
            health_redis=create_client(settings, timeout_seconds=CHECK_SECONDS),
            sentinel=DatabaseSentinel(settings),
            passwords=Passwords(),
            tokens=Tokens(settings.jwt_secret.get_secret_value()),
            queue=JobQueue(redis),
            metrics=Metrics(settings.data_path),
            usage=Usage(usage_redis),
            usage_redis=usage_redis,
            model=EmbeddingModel(_weights(settings)),
        )

    @property
    def draining_seconds(self) -> float:
        """Since the process was asked to stop; 0 while it serves."""
        return 0.0 if self.draining_since is None else time.monotonic() - self.draining_since

    @property
    def uptime_seconds(self) -> float:
        """Since this process began."""
        return time.monotonic() - self.started_monotonic

    def dependencies(self) -> tuple[Dependency, Dependency]:
        """Database and Redis, each to be asked by probes."""

        async def database() -> None:
            await self.sentinel.ask()
            if not self.is_schema_ready:
                raise SchemaPendingError

        return Dependency("database", database), Dependency("redis", RedisSentinel(self.health_redis).ask)

    async def close(self) -> None:
        """Give everything back, the database first. What fails is logged, and the rest is done all the same."""
        await self._step("usage counted", self._count_the_last)
        steps = [("database closed", self._close_database), ("redis closed", self._close_redis)]
        for done, step in reversed(steps) if defects.is_on("redis-closed-first") else steps:
            await self._step(done, step)

    async def _step(self, done: str, step: Callable[[], Awaitable[None]]) -> None:
        try:
            await step()
        except Exception as error:
            if defects.is_on("failed-step-ends-shutdown"):
                raise
            # Nothing can be done about it any more, so the reason is enough.
            log.error("a step of the shutdown failed", step=done, reason=type(error).__name__)  # noqa: TRY400
        else:
            log.info(done)

    async def _count_the_last(self) -> None:
        await self.usage.flush()
        if self.usage.is_away:
            raise ConnectionError("the last second's usage is lost")

    async def _close_database(self) -> None:
        self.passwords.close()
        if not defects.is_on("connections-left-open"):
            self.sentinel.close()
            await self.engine.dispose()

    async def _close_redis(self) -> None:
        for client in (self.health_redis, self.redis, self.usage_redis):
            await client.aclose()


def _weights(settings: Settings) -> Weights | None:
    if not settings.model_hub_url:
        return None
    return Weights(settings.model_hub_url, settings.model_cache_path or settings.data_path / "models")
