"""What the service writes down: one object per line, into files that end, and counts that nobody waits for."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import pytest
import structlog
from redis.exceptions import ConnectionError as RedisConnectionError

from readiness.demo.app.shop import logs
from readiness.demo.app.shop.usage import Counted, Usage


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """Logging is the process's own, and other tests have theirs."""
    root = logging.getLogger()
    handlers, level, raises = root.handlers[:], root.level, logging.raiseExceptions
    yield
    for handler in root.handlers:
        if handler not in handlers:
            handler.close()
    root.handlers[:], logging.raiseExceptions = handlers, raises
    root.setLevel(level)
    structlog.reset_defaults()


def written(folder: Path, name: str = "api.log") -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / name).read_text(encoding="utf-8").splitlines()]


def test_a_line_is_an_object_with_level_service_and_utc(tmp_path: Path) -> None:
    logs.configure(level="info", service="api", folder=tmp_path, file_bytes=10_000)
    structlog.get_logger("shop.test").info("hello", status=200)
    logging.getLogger("library").warning("from %s", "elsewhere")
    first, second = written(tmp_path)
    assert (first["event"], first["service"], first["level"], first["status"]) == ("hello", "api", "info", 200)
    assert (second["event"], second["level"]) == ("from elsewhere", "warning")
    assert dt.datetime.fromisoformat(first["timestamp"]).utcoffset() == dt.timedelta(0)


def test_a_traceback_is_a_field_without_local_variables(tmp_path: Path) -> None:
    logs.configure(level="info", service="api", folder=tmp_path, file_bytes=100_000)
    secret = "hunter2-and-more"
    try:
        int(secret[:7])
    except ValueError:
        structlog.get_logger("shop.test").exception("it failed")
    (line,) = written(tmp_path)
    assert line["exception"][0]["exc_type"] == "ValueError"
    assert secret not in json.dumps(line)


def test_files_end_and_errors_have_one_of_their_own(tmp_path: Path) -> None:
    logs.configure(level="info", service="api", folder=tmp_path / "new", file_bytes=2_000)
    log = structlog.get_logger("shop.test")
    for number in range(100):
        log.info("a line", number=number)
    log.error("an error")
    sizes = {path.name: path.stat().st_size for path in (tmp_path / "new").iterdir()}
    assert set(sizes) == {"api.log", "api.log.1", "api.log.2", "api.log.3", "api.error.log"}
    assert max(sizes.values()) <= 2_000
    assert [line["event"] for line in written(tmp_path / "new", "api.error.log")] == ["an error"]


@pytest.mark.parametrize(
    ("status", "level"), [(200, logging.INFO), (304, logging.INFO), (404, logging.WARNING), (500, logging.ERROR)]
)
def test_the_level_follows_the_status(status: int, level: int) -> None:
    assert logs.level_of(status) == level


class Pipeline:
    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._asked: dict[str, int] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    def hincrby(self, key: str, name: str, count: int) -> None:
        self._asked[name] = count

    def expire(self, key: str, seconds: int) -> None:
        pass

    async def execute(self) -> None:
        if self._redis.is_away:
            raise RedisConnectionError
        for name, count in self._asked.items():
            self._redis.numbers[name] = self._redis.numbers.get(name, 0) + count


class Redis:
    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}
        self.is_away = False

    def pipeline(self, *, transaction: bool) -> Pipeline:
        return Pipeline(self)


def test_usage_is_kept_while_redis_is_away_and_added_up_once() -> None:
    redis: Any = Redis()
    usage = Usage(redis)

    async def story() -> None:
        usage.count("GET", 200)
        redis.is_away = True
        await usage.flush()
        usage.count("GET", 204)
        usage.count("POST", 422)
        assert redis.numbers == {}
        redis.is_away = False
        await usage.flush()
        await usage.flush()

    with structlog.testing.capture_logs():
        asyncio.run(story())
    assert redis.numbers == {"GET 2xx": 2, "POST 4xx": 1}


@pytest.mark.parametrize(("path", "counted"), [("/items", 1), ("/health/live", 0), ("/healthz", 0), ("/api/health", 0)])
def test_a_request_is_counted_without_redis_and_a_probe_is_not(path: str, counted: int) -> None:
    redis: Any = Redis()
    redis.is_away = True
    usage = Usage(redis)
    sent: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def send(message: Any) -> None:
        sent.append(message)

    async def story() -> None:
        await Counted(app, usage)({"type": "http", "path": path, "method": "GET"}, None, send)  # type: ignore[arg-type]
        redis.is_away = False
        await usage.flush()

    asyncio.run(story())
    assert len(sent) == 1
    assert redis.numbers == ({"GET 2xx": 1} if counted else {})
