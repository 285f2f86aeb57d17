"""The gatherers of database connections against a PostgreSQL that is a few figures, and a service with a pool."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from readiness.exceptions import GatherError
from readiness.facts._codec import decode, encode
from readiness.facts.database import BrokenConnections, PoolExhausted, RecycledConnections
from readiness.gather import (
    broken_connections,
    database_asking,
    gatherer_meta,
    pool_exhausted,
    recycled_connections,
    store_asking,
)
from readiness.gather.recycled_connections import RECYCLE_SECONDS
from readiness.instruments import table_lock
from readiness.instruments.table_lock import tables_locked
from readiness.runtime import Capability, Variant
from readiness.target import Entry, Paths, Probe, ProbeKind, Request, Role, Target
from tests.gather.asked import Answer, FakeHttp


@dataclass
class Shop:
    """A service with a pool of connections, its stack, its faults and its database."""

    pings: bool = True
    stale: int = 0
    hiccups: int = 0
    hiccups_after_lock: int = 0
    refuses_after_restart: int = 0
    open: int = 3
    begun: int = 40
    is_locked: bool = False
    locks: bool = True
    capabilities: frozenset[Capability] = frozenset(Capability)
    services: tuple[str, ...] = ("api", "db")
    runtime: str = "process"
    stopped_services: list[str] = field(default_factory=list)
    log: str = "LOG:  checkpoint\n"

    def logs(self, service: str, *, tail: int = 0) -> str:
        return self.log

    def environment(self, service: str) -> Mapping[str, str]:
        return {}

    @contextlib.contextmanager
    def stopped(self, service: str, *, at_most_seconds: float) -> Iterator[None]:
        self.stopped_services.append(service)
        yield

    def ask(self, stack: Shop, service: str, statement: str, **_: Any) -> str:  # noqa: PLR0911  # a server
        if self.stopped_services and self.refuses_after_restart:
            self.refuses_after_restart -= 1
            raise GatherError("the database system is starting up")
        if "pg_terminate_backend" in statement:
            ended, self.stale, self.open = self.open, self.open, 0
            return str(ended)
        if "sum(sessions)" in statement:
            self.begun += 1  # this one
            return str(self.begun)
        if "datname" in statement:
            return "shop"
        if "max_connections" in statement:
            return "50"
        if "reserved" in statement:
            return "3"
        if "AccessExclusiveLock" in statement:
            return "2" if self.is_locked else "0"
        return str(self.open)

    def serve(self, entry: str, method: str, path: str, headers: Mapping[str, str]) -> Answer:
        if path != "/items":
            return 200, {}, "{}"
        if self.is_locked:
            self.open = min(self.open + 1, 10)
            self.log += "FATAL:  sorry, too many clients already\n"
            return 503, {}, "{}"
        if self.hiccups and self.stale:
            self.hiccups -= 1
            return 503, {}, "{}"
        if self.stale and not self.pings:
            self.stale -= 1
            return 500, {}, "{}"
        self.open = max(self.open, 1)
        return 200, {}, "{}"


@pytest.fixture
def gather(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Run a gatherer in a shop, without its waits."""

    def run(module: Any, name: str, shop: Shop, *, roles: Mapping[Role, tuple[str, ...]] | None = None) -> Any:
        @contextlib.contextmanager
        def locked(*_: Any, **__: Any) -> Iterator[None]:
            if not shop.locks:
                raise GatherError("the tables of db could not be locked: permission denied")
            shop.is_locked = True
            yield
            shop.is_locked, shop.hiccups, shop.stale = False, shop.hiccups_after_lock, 1

        for where in (database_asking, store_asking):
            monkeypatch.setattr(where, "ask_postgres", shop.ask)
        monkeypatch.setattr(pool_exhausted, "tables_locked", locked)
        monkeypatch.setattr(pool_exhausted, "SETTLED_SECONDS", 0.01)
        monkeypatch.setattr(database_asking, "HttpClient", lambda _: FakeHttp(shop.serve))
        for where in (broken_connections, pool_exhausted, store_asking):
            monkeypatch.setattr(where.time, "sleep", lambda _: None)
        target = Target(
            name="shop",
            folder="shop",
            service="api",
            entries=(Entry(name="direct", service="api", port=8000),),
            roles=roles if roles is not None else {Role.APP: ("api",), Role.DB: ("db",)},  # type: ignore[arg-type]  # a mapping will do
            paths=Paths(ok=Request(path="/items")),
            probes={
                ProbeKind.LIVE: Probe(kind=ProbeKind.LIVE, path="/live"),
                ProbeKind.READY: Probe(kind=ProbeKind.READY, path="/ready"),
            },
            extra={"pool": {"api": {"size": 5, "overflow": 5, "wait_seconds": 3}}},
        )
        given = {
            "target": target,
            "stack": shop,
            "http": FakeHttp(shop.serve),
            "faults": shop,
            "progress": lambda *_, **__: None,
        }
        meta = gatherer_meta(getattr(module, name)._get_wrapped_function())
        assert meta is not None
        fact = meta.function(**{instrument: given[instrument] for instrument in meta.instruments})
        assert decode(type(fact), json.loads(json.dumps(encode(fact)))) == fact
        return fact

    return run


def test_connections_are_ended_and_the_database_restarted(gather: Callable[..., Any]) -> None:
    shop = Shop()
    fact: BrokenConnections = gather(broken_connections, "broken_connections", shop)
    assert (fact.service, fact.at_rest, fact.ended, fact.again) == ("db", 3, 3, 1)
    assert (fact.requests, fact.good, fact.bad) == (50, 50, ())
    assert fact.reused is not None
    assert (fact.reused.requests, fact.reused.sessions) == (30, 0)  # the looks of the audit's own do not count
    assert shop.stopped_services == ["db"]
    assert [answer.status for answer in fact.after_restart or ()] == [200] * 5


def test_a_database_that_still_starts_is_waited_for(gather: Callable[..., Any]) -> None:
    """A service that calls itself ready before would have its first answers held against its pool."""
    shop = Shop(refuses_after_restart=3)
    fact: BrokenConnections = gather(broken_connections, "broken_connections", shop)
    assert shop.refuses_after_restart == 0
    assert [answer.status for answer in fact.after_restart or ()] == [200] * 5


def test_stale_connections_are_errors_of_the_first_requests(gather: Callable[..., Any]) -> None:
    fact: BrokenConnections = gather(broken_connections, "broken_connections", Shop(pings=False))
    assert fact.trials == 2  # once more, and the better one is told
    assert (fact.good, [answer.status for answer in fact.bad]) == (49, [500])


def test_a_moment_in_which_nothing_connects_is_tried_again(gather: Callable[..., Any]) -> None:
    fact: BrokenConnections = gather(broken_connections, "broken_connections", Shop(hiccups=20))
    assert (fact.trials, fact.good, fact.bad) == (2, 50, ())


def test_a_pool_is_given_time_to_fill_anew(gather: Callable[..., Any]) -> None:
    fact: PoolExhausted = gather(pool_exhausted, "pool_exhausted", Shop(hiccups_after_lock=15))
    assert {answer.status for answer in fact.after} == {200}


def test_the_pool_is_used_up_beside_an_endpoint_that_needs_none(gather: Callable[..., Any]) -> None:
    fact: PoolExhausted = gather(pool_exhausted, "pool_exhausted", Shop())
    assert [answer.status for answer in fact.answers] == [503] * 20
    assert {answer.status for answer in fact.unrelated} == {200}
    assert {answer.status for answer in fact.after} == {200}
    assert (fact.at_rest, fact.peak, fact.max_connections, fact.reserved) == (3, 10, 50, 3)
    assert fact.refusals == ("FATAL:  sorry, too many clients already",) * 5


def test_tables_that_cannot_be_locked_are_told(gather: Callable[..., Any]) -> None:
    fact: PoolExhausted = gather(pool_exhausted, "pool_exhausted", Shop(locks=False))
    assert "permission denied" in fact.not_done["lock"]
    assert fact.answers == ()


@pytest.mark.parametrize(
    ("module", "name"), [(broken_connections, "broken_connections"), (pool_exhausted, "pool_exhausted")]
)
def test_a_target_without_a_database(gather: Callable[..., Any], module: Any, name: str) -> None:
    shop = Shop()
    fact = gather(module, name, shop, roles={Role.APP: ("api",)})
    assert fact.not_done == {"database": "no service of the stack has the role db"}
    assert shop.stopped_services == []


def test_a_database_that_cannot_be_asked_says_why(gather: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    shop = Shop()

    def refuses(*_: Any, **__: Any) -> str:
        raise GatherError("db has no psql")

    monkeypatch.setattr(shop, "ask", refuses)
    fact: PoolExhausted = gather(pool_exhausted, "pool_exhausted", shop)
    assert fact.not_done == {"db": "only PostgreSQL can be asked, and it could not be: db has no psql"}


def test_a_lock_is_let_go_of_also_when_its_block_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def ask(stack: object, service: str, statement: str, **_: Any) -> str:
        asked.append(statement)
        return "1"

    monkeypatch.setattr(table_lock, "ask_postgres", ask)
    with pytest.raises(ValueError, match="a bug"), tables_locked(Shop(), "db", at_most_seconds=1.0):  # type: ignore[arg-type]  # a fake
        raise ValueError("a bug")
    assert "for step in 1..10 loop" in asked[0]  # it ends by itself
    assert "pg_advisory_lock" in asked[-1]


def test_a_lock_that_is_not_had_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def ask(stack: object, service: str, statement: str, **_: Any) -> str:
        if "lock table" in statement:
            raise GatherError("permission denied for table orders")
        return "0"

    monkeypatch.setattr(table_lock, "ask_postgres", ask)
    with (
        pytest.raises(GatherError, match="permission denied for table orders"),
        tables_locked(Shop(), "db", at_most_seconds=1.0),  # type: ignore[arg-type]  # a fake
    ):
        pass


@dataclass
class Recycling:
    """Sessions of a server by its own clock, which goes on by half a second with every look."""

    is_recycled: bool = True
    now: float = 1000.0
    kept: list[list[float]] = field(default_factory=lambda: [[100.0 + number, 990.0, 995.0] for number in range(2)])

    def look(self) -> str:
        self.now += 0.5
        self.kept[0][2] = self.now - 0.1  # somebody else's, who asks all the time
        return json.dumps([self.now, self.kept])

    def serve(self) -> None:
        pool = self.kept[1]
        if self.is_recycled and self.now - pool[1] > RECYCLE_SECONDS:
            pool[:2] = [pool[0] + 10, self.now]
        pool[2] = self.now


@pytest.mark.parametrize(("is_recycled", "oldest"), [(True, 3.5), (False, 24.5)])
def test_the_ages_of_the_sessions_that_requests_use(
    monkeypatch: pytest.MonkeyPatch, *, is_recycled: bool, oldest: float
) -> None:
    shop, server = Shop(), Recycling(is_recycled=is_recycled)
    given: list[Mapping[str, Mapping[str, str]]] = []

    @contextlib.contextmanager
    def variants(variant: Variant) -> Iterator[Shop]:
        given.append(variant.environment)
        yield shop

    def ask(stack: Shop, service: str, statement: str, **more: Any) -> str:
        return server.look() if "json_agg" in statement else shop.ask(stack, service, statement, **more)

    def serve(entry: str, method: str, path: str, headers: Mapping[str, str]) -> Answer:
        server.serve()
        return 200, {}, "{}"

    for where in (database_asking, store_asking):
        monkeypatch.setattr(where, "ask_postgres", ask)
    monkeypatch.setattr(database_asking, "HttpClient", lambda _: FakeHttp(serve))
    monkeypatch.setattr(recycled_connections, "HttpClient", lambda _: FakeHttp(serve))
    monkeypatch.setattr(recycled_connections.time, "sleep", lambda _: None)
    target = Target(
        name="shop",
        folder="shop",
        service="api",
        entries=(Entry(name="direct", service="api", port=8000),),
        roles={Role.APP: ("api",), Role.DB: ("db",)},
        paths=Paths(ok=Request(path="/items")),
        extra={"pool": {"api": {"size": 5, "recycle_seconds": 60, "env": {"recycle_seconds": "RECYCLE"}}}},
    )
    meta = gatherer_meta(recycled_connections.recycled_connections._get_wrapped_function())  # type: ignore[attr-defined]  # pytest's
    assert meta is not None
    fact = meta.function(target=target, variants=variants, progress=lambda *_, **__: None)
    assert given == [{"api": {"RECYCLE": "3"}}]
    assert decode(RecycledConnections, json.loads(json.dumps(encode(fact)))) == fact
    assert (fact.service, fact.variable, fact.others) == ("db", "RECYCLE", 1)
    assert max(age for session in fact.sessions for age in session.ages) == pytest.approx(oldest, abs=0.6)
    assert len(fact.sessions) == (3 if is_recycled else 1)


@pytest.mark.parametrize(
    ("pool", "part"),
    [({}, "pool"), ({"api": {"size": 5}}, "pool"), ({"api": {"size": 5, "recycle_seconds": 60}}, "variable")],
)
def test_without_a_declared_variable_no_stack_is_started(pool: dict[str, Any], part: str) -> None:
    def variants(variant: Variant) -> None:
        pytest.fail("started")

    meta = gatherer_meta(recycled_connections.recycled_connections._get_wrapped_function())  # type: ignore[attr-defined]  # pytest's
    assert meta is not None
    target = Target(name="shop", folder="shop", service="api", extra={"pool": pool})
    fact = meta.function(target=target, variants=variants, progress=lambda *_, **__: None)
    assert list(fact.not_done) == [part]
