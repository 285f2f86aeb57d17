from __future__ import annotations

import asyncio
import socket
from typing import Any

import asyncpg
import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from readiness.demo.app.shop.health import CachedAnswer, Dependency, Finding, describe


def test_an_answer_is_measured_once_for_all_who_ask_meanwhile() -> None:
    calls = 0

    async def measure() -> Any:
        nonlocal calls
        calls += 1
        await asyncio.sleep(0)
        return calls

    async def storm() -> list[Any]:
        cached = CachedAnswer(measure, seconds=10, clock=lambda: 0.0)
        return await asyncio.gather(*(cached.get() for _ in range(100)))

    assert asyncio.run(storm()) == [1] * 100


def test_an_answer_is_reused_until_its_time_is_over() -> None:
    now, calls = 0.0, 0

    async def measure() -> Any:
        nonlocal calls
        calls += 1
        return calls

    async def ask() -> list[Any]:
        nonlocal now
        cached = CachedAnswer(measure, seconds=10, clock=lambda: now)
        answers = []
        for now in (0.0, 9.9, 10.0, 19.9, 20.0):  # noqa: B007  # read by the clock
            answers.append(await cached.get())
        return answers

    assert asyncio.run(ask()) == [1, 1, 2, 2, 3]


def test_a_failed_measurement_is_not_reused() -> None:
    outcomes = iter([RuntimeError("no"), "yes"])

    async def measure() -> Any:
        outcome = next(outcomes)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async def ask() -> Any:
        cached = CachedAnswer(measure, seconds=10, clock=lambda: 0.0)
        with pytest.raises(RuntimeError):
            await cached.get()
        return await cached.get()

    assert asyncio.run(ask()) == "yes"


def test_a_dependency_that_hangs_even_when_cancelled_is_answered_for_in_time() -> None:
    released = asyncio.Event()

    async def hang() -> None:
        try:
            await released.wait()
        except asyncio.CancelledError:
            await released.wait()  # what a library does that says farewell to a server that no longer answers

    async def check() -> Finding:
        finding = await Dependency("database", hang, seconds=0.01).check()
        released.set()
        return finding

    finding = asyncio.run(check())
    assert (finding.is_healthy, finding.has_timed_out, finding.error) == (False, True, "no answer within 0.01 s")


def test_callers_share_a_check_that_is_under_way_and_not_one_that_is_over() -> None:
    calls = 0

    async def ask() -> None:
        nonlocal calls
        calls += 1
        await asyncio.sleep(0)

    async def check() -> None:
        dependency = Dependency("redis", ask)
        await asyncio.gather(dependency.check(), dependency.check())
        await dependency.check()

    asyncio.run(check())
    assert calls == 2


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ConnectionRefusedError(111, "Connect call failed ('10.0.0.7', 5432)"), "connection refused"),
        (socket.gaierror(-2, "Name or service not known"), "name does not resolve"),
        (asyncpg.InvalidPasswordError('password authentication failed for user "shop"'), "authentication failed"),
        (asyncpg.CannotConnectNowError("the database system is starting up"), "starting up or shutting down"),
        (TimeoutError(), "timed out"),
        (OSError(113, "No route to host 10.0.0.7"), "not reachable"),
        (ValueError("postgresql://shop:secret@db"), "check failed"),
    ],
)
def test_faults_are_named_without_telling_where(error: Exception, words: str) -> None:
    assert describe(error) == words


def test_the_cause_of_a_wrapped_error_is_found() -> None:
    wrapped = RedisConnectionError("Error 111 connecting to cache:6379")
    wrapped.__cause__ = ConnectionRefusedError()
    assert describe(wrapped) == "connection refused"
