"""The worker: takes jobs from the queue, writes results to the database, and finishes what it holds before it ends."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
import structlog
from redis.exceptions import RedisError
from sqlalchemy import select, update
from sqlalchemy.exc import SQLAlchemyError

from . import logs, settings
from .cache import create_client
from .database import ConfigurationRefusedError, Job, create_engine, migrate_patiently
from .jobs import JobQueue, Message
from .model import EmbeddingModel

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

log = structlog.get_logger(__name__)

WAIT_MILLISECONDS = 1000
#: Touched in every round; compose.yaml's health check asks how old it is.
HEARTBEAT = "worker.alive"


async def run() -> None:
    """Work until SIGTERM or SIGINT.

    Raises:
        ConfigurationRefusedError: the database refuses our credentials.
    """
    config = settings.load()
    logs.configure(level=config.log_level, service="worker", folder=config.log_path, file_bytes=config.log_file_bytes)
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    engine = create_engine(config, application="shop-worker")
    redis = create_client(config, timeout_seconds=3 + WAIT_MILLISECONDS / 1000)
    model = EmbeddingModel()
    await model.load(at_least_seconds=0)
    migrating, stopping = asyncio.create_task(migrate_patiently(engine)), asyncio.create_task(_wait(stop))
    await asyncio.wait({migrating, stopping}, return_when=asyncio.FIRST_COMPLETED)
    if migrating.done():
        migrating.result()
        await _work(JobQueue(redis), engine, model, config.data_path / HEARTBEAT, stop)
    for task in (migrating, stopping):
        task.cancel()
    await redis.aclose()
    await engine.dispose()
    log.info("worker ends")


async def _work(queue: JobQueue, engine: AsyncEngine, model: EmbeddingModel, alive: Path, stop: asyncio.Event) -> None:
    name = f"{socket.gethostname()}-{os.getpid()}"
    is_prepared = False
    while not stop.is_set():
        try:
            if not is_prepared:
                await queue.prepare()
                is_prepared = True
                log.info("worker is ready")
            async for message in queue.take(name, wait_milliseconds=WAIT_MILLISECONDS):
                await _do(message, engine, model)
                await queue.finish(message)
            await asyncio.to_thread(alive.touch)
        except (RedisError, SQLAlchemyError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            # The job stays in the stream and is claimed again. The group may be gone with a Redis that lost its data.
            log.warning("queue or database not reachable", reason=type(error).__name__)
            is_prepared = False
            await asyncio.wait({asyncio.create_task(_wait(stop))}, timeout=1)


async def _wait(stop: asyncio.Event) -> None:
    await stop.wait()


async def _do(message: Message, engine: AsyncEngine, model: EmbeddingModel) -> None:
    structlog.contextvars.bind_contextvars(request_id=message.request_id, job_id=message.job_id)
    async with engine.begin() as connection:
        text = await connection.scalar(select(Job.text).where(Job.id == message.job_id))
        if text is None:
            log.warning("job without a row is dropped")
            return
        # Doing it twice writes the same result: what makes "at least once" enough.
        result = {"embedding": model.embed(text)}
        await connection.execute(update(Job).where(Job.id == message.job_id).values(status="done", result=result))
    log.info("job done")
    structlog.contextvars.clear_contextvars()


def main() -> None:
    """Run the worker; exit code 1 when the database refuses us."""
    try:
        asyncio.run(run())
    except ConfigurationRefusedError as error:
        log.critical("database authentication failed: check DATABASE_NAME, _USER and _PASSWORD", reason=str(error))
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
