"""The queue between service and worker: a Redis stream, so that a job taken by a worker that died is taken again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from redis.exceptions import ResponseError

from . import defects

if TYPE_CHECKING:
    from redis.asyncio import Redis

__all__ = ["JobQueue", "Message"]

STREAM = "jobs"
GROUP = "workers"
#: A taken job that is not finished after this long is somebody else's to do.
TAKEN_MILLISECONDS_MAX = 30_000
#: Upper bound of the stream; finished entries are removed, so this only stops a flood.
STREAM_LENGTH_MAX = 10_000


@dataclass(frozen=True, kw_only=True)
class Message:
    """A queued job, and the id of the request that asked for it."""

    entry: str
    job_id: str
    request_id: str


class JobQueue:
    """At least once: an entry leaves the stream only after :meth:`finish`."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def put(self, *, job_id: str, request_id: str) -> None:
        """Queue a job."""
        fields: dict[Any, Any] = {"job_id": job_id, "request_id": request_id}
        await self._redis.xadd(STREAM, fields, maxlen=STREAM_LENGTH_MAX, approximate=True)

    async def prepare(self) -> None:
        """Make the group of workers, unless it is there."""
        begin = "0"
        if defects.is_on("worker-starts-afresh"):
            begin = "$"
            await self._redis.delete(STREAM)
        try:
            await self._redis.xgroup_create(STREAM, GROUP, id=begin, mkstream=True)
        except ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise

    async def held(self, worker: str) -> list[Message]:
        """Jobs that a worker of this name took and did not finish before it ended."""
        answer: Any = await self._redis.xreadgroup(GROUP, worker, {STREAM: "0"})
        return [
            _message(entry, fields or {})  # without fields it has left the stream meanwhile
            for _stream, entries in (answer.items() if isinstance(answer, dict) else answer or ())
            for entry, fields in entries
        ]

    async def take(self, worker: str, *, wait_milliseconds: int) -> AsyncIterator[Message]:
        """Jobs left behind by others first, then a new one, then nothing."""
        claimed: Any = await self._redis.xautoclaim(
            STREAM, GROUP, worker, min_idle_time=TAKEN_MILLISECONDS_MAX, start_id="0-0", count=1
        )
        for entry, fields in claimed[1]:
            yield _message(entry, fields)
        answer: Any = await self._redis.xreadgroup(GROUP, worker, {STREAM: ">"}, count=1, block=wait_milliseconds)
        for _stream, entries in answer.items() if isinstance(answer, dict) else answer or ():
            for entry, fields in entries:
                yield _message(entry, fields)

    async def finish(self, message: Message) -> None:
        """Done, and not to be done again."""
        async with self._redis.pipeline(transaction=True) as pipeline:
            pipeline.xack(STREAM, GROUP, message.entry)
            pipeline.xdel(STREAM, message.entry)
            await pipeline.execute()


def _message(entry: str, fields: dict[str, str]) -> Message:
    return Message(entry=entry, job_id=fields.get("job_id", ""), request_id=fields.get("request_id", ""))
