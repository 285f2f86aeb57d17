"""The worker: takes jobs from the queue, writes results to the database, and finishes what it holds before it ends."""

from __future__ import annotations

import asyncio
import signal
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
import structlog
from redis.exceptions import RedisError
from sqlalchemy import update
from sqlalchemy.exc import SQLAlchemyError

from . import defects, logs, settings
from .cache import create_client
from .database import ConfigurationRefusedError, Job, create_engine, migrate_patiently, words_of
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
        if defects.is_on("worker-ignores-signals"):
            signal.signal(name, signal.SIG_IGN)
        else:
            asyncio.get_running_loop().add_signal_handler(name, stop.set)
    engine = create_engine(config, application="shop-worker")
    redis = create_client(config, timeout_seconds=3 + WAIT_MILLISECONDS / 1000)
    model = EmbeddingModel()
    await model.load(at_least_seconds=0)
    migrating, stopping = asyncio.create_task(migrate_patiently(engine)), asyncio.create_task(_wait(stop))
    await asyncio.wait({migrating, stopping}, return_when=asyncio.FIRST_COMPLETED)
    if migrating.done():
        migrating.result()
        bench = _Bench(
            queue=JobQueue(redis),
            engine=engine,
            model=model,
            stop=stop,
            job_seconds=config.worker_job_seconds,
            is_forgetful=defects.is_on("job-done-twice"),
        )
        await _work(bench, config.data_path / HEARTBEAT)
    for task in (migrating, stopping):
        task.cancel()
    await redis.aclose()
    await engine.dispose()
    log.info("worker ends")


@dataclass(kw_only=True)
class _Bench:
    """What doing a job takes."""

    queue: JobQueue
    engine: AsyncEngine
    model: EmbeddingModel
    stop: asyncio.Event
    job_seconds: float
    is_forgetful: bool


async def _work(bench: _Bench, alive: Path) -> None:
    # The same after a restart, so that what it held then is found again.
    name = socket.gethostname()
    is_prepared = False
    while not bench.stop.is_set():
        try:
            if not is_prepared:
                await bench.queue.prepare()
                is_prepared = True
                log.info("worker is ready")
                for message in await bench.queue.held(name):
                    await _do(message, bench)
            async for message in bench.queue.take(name, wait_milliseconds=WAIT_MILLISECONDS):
                await _do(message, bench)
            await asyncio.to_thread(alive.touch)
        except (RedisError, SQLAlchemyError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            # The job stays in the stream and is claimed again. The group may be gone with a Redis that lost its data.
            log.warning("queue or database not reachable", reason=type(error).__name__)
            is_prepared = False
            await asyncio.wait({asyncio.create_task(_wait(bench.stop))}, timeout=1)


async def _wait(stop: asyncio.Event) -> None:
    await stop.wait()


async def _do(message: Message, bench: _Bench) -> None:
    """Do a job to its end, whatever signal comes, and only then take it off the queue."""
    if defects.is_on("worker-drops-job"):
        await bench.queue.finish(message)
        doing, stopping = asyncio.create_task(_done(message, bench)), asyncio.create_task(_wait(bench.stop))
        await asyncio.wait({doing, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if doing.done():
            doing.result()
        doing.cancel()
        stopping.cancel()
        return
    await _done(message, bench)
    if bench.is_forgetful and bench.stop.is_set():
        return
    await bench.queue.finish(message)


async def _done(message: Message, bench: _Bench) -> None:
    structlog.contextvars.bind_contextvars(request_id=message.request_id, job_id=message.job_id)
    mine = Job.id == message.job_id
    if not bench.is_forgetful:
        # Who died between the result and the queue left a job that is done already.
        mine &= Job.status != "done"
    async with bench.engine.begin() as connection:
        text = await connection.scalar(update(Job).where(mine).values(status="running").returning(Job.text))
    if text is None:
        log.warning("job without a row, or done before, is dropped")
        return
    result = {"embedding": bench.model.embed(text)}
    await asyncio.sleep(bench.job_seconds)
    async with bench.engine.begin() as connection:
        values = {"status": "done", "result": result, "runs": Job.runs + 1}
        await connection.execute(update(Job).where(mine).values(**values))
    log.info("job done")
    structlog.contextvars.clear_contextvars()


def main() -> None:
    """Run the worker; exit code 1 when the database refuses us."""
    try:
        asyncio.run(run())
    except ConfigurationRefusedError as error:
        log.critical(words_of(error), reason=str(error))
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
