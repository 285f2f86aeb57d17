"""A request with an ``Idempotency-Key`` is executed once: its answer is kept in the transaction that did the work.

So a failed attempt leaves no key behind, and whoever comes at the same time waits for the first to be committed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert as insert_new
from starlette.exceptions import HTTPException

from . import defects
from .database import KeptAnswer

if TYPE_CHECKING:
    from redis.asyncio import Redis
    from sqlalchemy.ext.asyncio import AsyncConnection

__all__ = ["KEY_CHARACTERS_MAX", "Repeats"]

KEY_CHARACTERS_MAX = 128
#: Of a defect: how long a key that was never finished stands in the way.
CLAIMED_SECONDS = 24 * 3600


class Repeats:
    """Recognises repeated requests of a user by their key."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._remembered: dict[tuple[int, str], dict[str, Any]] = {}
        #: A defect: keys are claimed outside the transaction, and stay so when it fails.
        self._is_claiming = defects.is_on("idempotency-key-poisoned")

    async def claim(self, user_id: int, key: str | None) -> None:
        """Nothing: the transaction claims the key, and gives it back by itself.

        Raises:
            HTTPException: only with the defect: the key was claimed before, and nobody knows whether it came to an end.
        """
        if key is not None and self._is_claiming:
            name = f"idempotency:{user_id}:{key}"
            is_new = await self._redis.set(name, "claimed", nx=True, ex=CLAIMED_SECONDS)
            if not is_new and await self._redis.get(name) != "done":
                raise HTTPException(409, "A request with this key is under way")

    async def once(
        self,
        db: AsyncConnection,
        *,
        user_id: int,
        key: str | None,
        request: Mapping[str, Any],
        do: Callable[[], Awaitable[dict[str, Any]]],
    ) -> dict[str, Any]:
        """The answer of ``do``, kept under the key; the one that is kept where there is one.

        Raises:
            HTTPException: the key was used for another request.
        """
        if key is None:
            return await do()
        if defects.is_on("idempotency-in-memory"):
            if (user_id, key) not in self._remembered:
                self._remembered[user_id, key] = await do()
            return self._remembered[user_id, key]
        digest = hashlib.sha256(json.dumps(request, sort_keys=True).encode()).hexdigest()
        mine = (KeptAnswer.owner_id == user_id, KeptAnswer.key == key)
        claimed = await db.execute(
            insert_new(KeptAnswer)
            .values(owner_id=user_id, key=key, request=digest, answer={})
            .on_conflict_do_nothing(index_elements=[KeptAnswer.owner_id, KeptAnswer.key])
            .returning(KeptAnswer.key)
        )
        if claimed.first() is None:
            kept = (await db.execute(select(KeptAnswer.request, KeptAnswer.answer).where(*mine))).one()
            if kept.request != digest:
                raise HTTPException(422, "The key was used for another request")
            return dict(kept.answer)
        answer = await do()
        await db.execute(update(KeptAnswer).where(*mine).values(answer=answer))
        if self._is_claiming:
            await self._redis.set(f"idempotency:{user_id}:{key}", "done", ex=CLAIMED_SECONDS)
        return answer
