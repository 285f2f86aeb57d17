"""What the probes know: dependencies asked with a hard bound, and answers that may be reused for a while.

A probe must answer while a dependency hangs, so it waits for nothing that the dependency can hold up: not for the
query, not for its cancellation, not for the connection's farewell, and not for a place in the pool.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

import asyncpg
from redis.exceptions import AuthenticationError as RedisAuthenticationError

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from .settings import Settings

__all__ = ["CHECK_SECONDS", "CachedAnswer", "DatabaseSentinel", "Dependency", "Finding", "RedisSentinel", "describe"]

T = TypeVar("T")

#: Two of these one after the other still fit into a prober's usual 3 s.
CHECK_SECONDS = 1.0


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One dependency's state. ``error`` names the fault in words of ours; the library's text names hosts and users."""

    is_healthy: bool
    seconds: float
    error: str = ""
    has_timed_out: bool = False


class DatabaseSentinel:
    """Asks PostgreSQL over a connection of its own, apart from the pool, and opens a fresh one after any trouble."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._kept: asyncpg.Connection | None = None

    async def ask(self) -> None:
        """One round trip; raises what the driver raises."""
        # Taken out while in use: a connection takes one query at a time, and a cancelled one is never used again.
        kept, self._kept = self._kept, None
        if kept is not None and not kept.is_closed():
            try:
                await self._round_trip(kept)
            except (
                asyncpg.PostgresConnectionError,
                asyncpg.InterfaceError,
                asyncpg.OperatorInterventionError,
                OSError,
            ):
                pass  # the server was restarted since; a fresh connection tells how it is now
            else:
                return
        await self._round_trip(await self._connect())

    async def _connect(self) -> asyncpg.Connection:
        s = self._settings
        return await asyncpg.connect(
            host=s.database_host,
            port=s.database_port,
            user=s.database_user,
            password=s.database_password.get_secret_value(),
            database=s.database_name,
            timeout=CHECK_SECONDS,
            server_settings={"application_name": "shop-health"},
        )

    async def _round_trip(self, connection: asyncpg.Connection) -> None:
        try:
            await connection.execute("SELECT 1")
        except BaseException:
            connection.terminate()  # drops the socket at once; close() would wait for the server
            raise
        if self._kept is None:
            self._kept = connection
        else:
            connection.terminate()

    def close(self) -> None:
        """Drop the connection."""
        if self._kept is not None:
            self._kept.terminate()


class RedisSentinel:
    """Asks Redis; its client tries once more on a connection that went stale."""

    def __init__(self, client: Redis) -> None:
        self._client = client

    async def ask(self) -> None:
        """One round trip; raises what the client raises."""
        await self._client.ping()


class Dependency:
    """A dependency and how to ask it. Callers that come while it is being asked share the answer."""

    def __init__(self, name: str, ask: Callable[[], Awaitable[None]], *, seconds: float = CHECK_SECONDS) -> None:
        self.name = name
        self._ask = ask
        self._seconds = seconds
        self._running: asyncio.Task[Finding] | None = None

    async def check(self) -> Finding:
        """Ask, and answer after ``seconds`` at the latest."""
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._check())
        return await asyncio.shield(self._running)

    async def _check(self) -> Finding:
        started = time.monotonic()
        asked = asyncio.ensure_future(self._ask())
        done, _ = await asyncio.wait({asked}, timeout=self._seconds)
        seconds = time.monotonic() - started
        if not done:
            # Not awaited: that a library ends promptly when cancelled is exactly what cannot be relied on.
            asked.add_done_callback(_forget)
            asked.cancel()
            return Finding(
                is_healthy=False, seconds=seconds, error=f"no answer within {self._seconds:g} s", has_timed_out=True
            )
        error = asked.exception()
        if error is not None:
            return Finding(is_healthy=False, seconds=seconds, error=describe(error))
        return Finding(is_healthy=True, seconds=seconds)


def _forget(task: asyncio.Future[None]) -> None:
    if not task.cancelled():
        task.exception()  # marks it as seen; the check has already answered


def describe(error: BaseException) -> str:
    """Name a fault without host, user, password or address."""
    chain: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in chain:
        chain.append(cause)
        cause = cause.__cause__ or cause.__context__
    for kinds, words in (
        ((asyncpg.InvalidAuthorizationSpecificationError, RedisAuthenticationError), "authentication failed"),
        ((asyncpg.InvalidCatalogNameError,), "database does not exist"),
        ((asyncpg.CannotConnectNowError,), "starting up or shutting down"),
        ((asyncpg.TooManyConnectionsError,), "too many connections"),
        ((ConnectionRefusedError,), "connection refused"),
        ((socket.gaierror,), "name does not resolve"),
        ((ConnectionResetError, BrokenPipeError, asyncpg.PostgresConnectionError), "connection lost"),
        ((TimeoutError,), "timed out"),
        ((OSError,), "not reachable"),
    ):
        if any(isinstance(link, kinds) for link in chain):
            return words
    return "check failed"


class CachedAnswer(Generic[T]):
    """Reuses an answer for ``seconds``; however many ask at once, it is measured once."""

    def __init__(
        self, measure: Callable[[], Awaitable[T]], *, seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._measure = measure
        self._seconds = seconds
        self._clock = clock
        self._running: asyncio.Task[T] | None = None
        self._measured_at = 0.0

    async def get(self) -> T:
        """The answer, at most ``seconds`` old."""
        # The age counts from the start of the measurement: the answer describes that moment, not a later one.
        if self._running is None or self._is_stale(self._running):
            self._measured_at = self._clock()
            self._running = asyncio.ensure_future(self._measure())
        return await asyncio.shield(self._running)

    def _is_stale(self, task: asyncio.Future[T]) -> bool:
        if not task.done():
            return False
        return task.cancelled() or task.exception() is not None or self._clock() - self._measured_at >= self._seconds
