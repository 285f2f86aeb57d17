"""Wrong passwords in a row, by account: counted in Redis, so that all processes count together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import defects

if TYPE_CHECKING:
    from redis.asyncio import Redis

__all__ = ["Guesses"]

#: Far below the hundred of NIST SP 800-63B, 5.2.2, and more than anybody needs who remembers at all.
MOST = 20
LOCKED_SECONDS = 900


class Guesses:
    """Who has guessed too often waits; a login forgets everything."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def wait_seconds(self, name: str) -> int:
        """How long this account takes no password; 0 for one that takes any."""
        if defects.is_on("guesses-unlimited") or int(await self._redis.get(_key(name)) or 0) < MOST:
            return 0
        return max(1, int(await self._redis.ttl(_key(name))))

    async def failed(self, name: str) -> None:
        """Count one more."""
        if await self._redis.incr(_key(name)) == 1:
            await self._redis.expire(_key(name), LOCKED_SECONDS)

    async def forget(self, name: str) -> None:
        """The right password was given."""
        await self._redis.delete(_key(name))


def _key(name: str) -> str:
    return f"guesses:{name}"
