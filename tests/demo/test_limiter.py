from __future__ import annotations

import asyncio
from typing import Any

from readiness.demo.app.shop.auth import Tokens
from readiness.demo.app.shop.buckets import Decision, Policy
from readiness.demo.app.shop.limiter import RateLimit

MINUTE = Policy(name="minute", requests=2, window_seconds=60.0)


class Buckets:
    """Two tokens for every caller, for ever."""

    def __init__(self) -> None:
        self.taken: list[str] = []

    async def take(self, caller: str) -> Decision:
        self.taken.append(caller)
        left = 2 - self.taken.count(caller)
        return Decision(is_allowed=left >= 0, policies=(MINUTE,), tokens=(max(0.0, left),))


async def served(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def ask(
    path: str, *, times: int = 1, headers: dict[str, str] | None = None, buckets: Buckets | None = None
) -> list[int]:
    limiter = RateLimit(served, buckets or Buckets(), Tokens("s" * 40))  # type: ignore[arg-type]  # fakes
    statuses: list[int] = []

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    async def once() -> None:
        raw = [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
        scope = {
            "type": "http",
            "method": "GET",
            "path": path,
            "query_string": b"next=/health/live",
            "headers": raw,
            "client": ("192.0.2.1", 1),
            "state": {},
        }
        await limiter(scope, None, send)  # type: ignore[arg-type]  # never read

    for _ in range(times):
        asyncio.run(once())
    return statuses


def test_requests_beyond_the_limit_are_refused() -> None:
    assert ask("/items", times=4) == [200, 200, 429, 429]


def test_probes_and_static_files_are_exempt_and_nothing_else() -> None:
    for path in ("/health", "/healthz", "/health/live", "/api/health", "/static/app.css", "/metrics"):
        assert ask(path, times=4) == [200] * 4, path
    for path in ("/", "/items", "/healthy", "/api/healthy", "/staticx", "/auth/login"):
        assert ask(path, times=4)[-1] == 429, path


def test_a_user_is_counted_whatever_the_token_and_a_stranger_by_address() -> None:
    buckets, tokens = Buckets(), Tokens("s" * 40)
    for seconds in (60, 90):
        ask("/items", headers={"authorization": f"Bearer {tokens.issue(7, seconds=seconds)}"}, buckets=buckets)
    ask("/items", headers={"authorization": "Bearer nonsense"}, buckets=buckets)
    assert buckets.taken == ["user:7", "user:7", "address:192.0.2.1"]
