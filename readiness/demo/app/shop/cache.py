"""Redis: a client whose every wait is bounded and which tries again once on a connection that went stale."""

from __future__ import annotations

from typing import TYPE_CHECKING

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import ConstantBackoff
from redis.exceptions import ConnectionError as RedisConnectionError

if TYPE_CHECKING:
    from .settings import Settings

__all__ = ["create_client"]


def create_client(settings: Settings, *, timeout_seconds: float) -> Redis:
    """A pooled client; a timeout is not tried again, because a second one would double the caller's wait."""
    return Redis(
        host=settings.redis_host,
        port=settings.redis_port,
        password=settings.redis_password.get_secret_value(),
        socket_connect_timeout=timeout_seconds,
        socket_timeout=timeout_seconds,
        health_check_interval=0,
        max_connections=50,
        retry=Retry(ConstantBackoff(0.02), retries=1),
        retry_on_error=[RedisConnectionError],
        decode_responses=True,
    )
