"""What a digest of a real Redis tells apart, and what it does not."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
import redis

from readiness.backup.differences import compare
from readiness.facts.digest import Difference
from readiness.instruments.digests import open_side
from readiness.instruments.digests.narrow import with_keys
from readiness.instruments.digests.side import Digested
from tests.instruments.digests.servers import SECRET, Server, redis_server

pytestmark = pytest.mark.slow

LATER = 4_000_000_000  # an instant in 2096


@pytest.fixture
def client(cache_server: Server) -> Iterator[redis.Redis]:
    with redis.Redis(port=cache_server.port, password=SECRET) as client:
        client.flushall()
        yield client


def fill(client: redis.Redis, *, backwards: bool = False) -> None:
    """Every type, small and large, plain and odd; the same whatever the order of writing."""
    turn = reversed if backwards else iter
    for i in turn(range(300)):
        client.set(f"item:{i}", f"value {i}")
    client.set(b"\x00\xff binary \n name", b"\x00\x01\r\n\xfe")
    client.set("empty", "")
    client.set("large", b"x" * 3_000_000)
    client.set("session", "s", exat=LATER)
    for i in turn(range(50)):
        client.sadd("set", f"member {i}")
        client.hset("hash", f"field {i}", f"value {i}")
        client.zadd("scores", {f"member {i}": i / 3})
    client.sadd("numbers", *turn(range(100)))
    client.rpush("list", *[f"element {i}" for i in range(500)])
    client.hset("many", mapping={f"field {i}": i for i in turn(range(12_000))})
    client.zadd("ranked", {f"member {i}": i for i in turn(range(7_000))})
    client.xadd("stream", {"a": "1"}, id="1-1")
    client.xadd("stream", {"b": "2", "c": ""}, id="2-1")
    client.xgroup_create("stream", "readers", id="0")
    client.xreadgroup("readers", "one", {"stream": ">"}, count=1)
    client.select(3)
    client.set("elsewhere", "3")
    client.select(0)


class Kept:
    """A digest taken now and compared later."""

    def __init__(self, server: Server, **more: Any) -> None:
        self.server, self.more = server, more
        self.side = open_side("redis", server.where(**more))
        self.digest = self.side.digest()
        assert self.digest.problem == ""

    def differences(self) -> list[Difference]:
        after = open_side("redis", self.server.where(**self.more))
        try:
            found = Digested(side=after, digest=after.digest())
            comparison = compare(self.digest, found.digest)
            assert not comparison.untold
            return with_keys(Digested(side=self.side, digest=self.digest), found, comparison.differences)
        finally:
            after.close()
            self.side.close()


def test_every_key_of_every_database_counts(cache_server: Server, client: redis.Redis) -> None:
    fill(client)
    kept = Kept(cache_server)
    assert {name: table.rows for name, table in kept.digest.tables.items()} == {"db0": client.dbsize(), "db3": 1}
    assert kept.digest.version == "6.2.14"
    assert kept.digest.is_quiet is True
    assert kept.differences() == []


def test_order_of_writing_encoding_and_restart_change_nothing(cache_server: Server, client: redis.Redis) -> None:
    client.config_set("set-max-intset-entries", 1000)
    fill(client)
    kept = Kept(cache_server)
    client.flushall()
    client.config_set("hash-max-ziplist-entries", 1)
    client.config_set("zset-max-ziplist-entries", 1)
    client.config_set("set-max-intset-entries", 1)
    fill(client, backwards=True)
    assert client.object("encoding", "numbers") == b"hashtable"
    cache_server.restart()
    assert kept.differences() == []


CHANGES = {
    "a value": (("SET", "item:7", "other"), "value", "item:7"),
    "a value that is gone": (("DEL", "item:8"), None, "item:8"),
    "one member instead of another": (("SREM", "set", "member 3"), "value", "set"),
    "one field": (("HSET", "hash", "field 3", "x"), "value", "hash"),
    "one field of many": (("HSET", "many", "field 11000", "x"), "value", "many"),
    "one score": (("ZADD", "ranked", "1.5", "member 2"), "value", "ranked"),
    "the order of a list": (("RPOPLPUSH", "list", "list"), "value", "list"),
    "time to live lost": (("PERSIST", "session"), "expires", "session"),
    "time to live gained": (("EXPIREAT", "set", str(LATER)), "expires", "set"),
    "another time to live": (("EXPIREAT", "session", str(LATER - 60)), "expires", "session"),
    "one byte of a large text": (("SETRANGE", "large", "2500000", "y"), "value", "large"),
    "an acknowledged entry": (("XACK", "stream", "readers", "1-1"), "value", "stream"),
    "a lost group": (("XGROUP", "DESTROY", "stream", "readers"), "value", "stream"),
}


@pytest.mark.parametrize("case", CHANGES)
def test_each_difference_is_named(cache_server: Server, client: redis.Redis, case: str) -> None:
    words, column, key = CHANGES[case]
    fill(client)
    kept = Kept(cache_server)
    client.execute_command(*words)
    (found,) = kept.differences()
    assert found.place == "rows of db0"
    if column is None:
        assert found.lost == (key,)
    else:
        assert (found.columns, found.changed) == ((column,), (key,))


def test_a_consumer_that_has_taken_nothing_is_no_content(cache_server: Server, client: redis.Redis) -> None:
    fill(client)
    kept = Kept(cache_server)
    client.execute_command("XGROUP", "CREATECONSUMER", "stream", "readers", "newcomer")
    assert kept.differences() == []


def test_a_key_of_another_type_and_one_in_another_database(cache_server: Server, client: redis.Redis) -> None:
    fill(client)
    kept = Kept(cache_server)
    client.delete("item:1")
    client.rpush("item:1", "value 1")
    client.move("item:2", 3)
    found = {one.place: one for one in kept.differences()}
    assert found["rows of db0"].lost == ("item:2",)
    assert found["rows of db0"].changed == ("item:1",)
    assert set(found["rows of db0"].columns) >= {"type"}
    assert found["rows of db3"].added == ("item:2",)


def test_a_time_to_live_that_took_as_long_as_the_copying_is_the_same(cache_server: Server, client: redis.Redis) -> None:
    fill(client)
    client.set("other", "x", exat=LATER)
    kept = Kept(cache_server)
    client.execute_command("EXPIREAT", "session", str(LATER + 2))
    assert kept.differences() == []


def test_what_expires_before_the_comparison_is_over_is_left_out(cache_server: Server, client: redis.Redis) -> None:
    fill(client)
    until = int(time.time()) + 3600
    client.set("soon", "x", exat=until - 1800)
    client.set("edge", "x", exat=until + 1)
    kept = Kept(cache_server, until=float(until))
    assert kept.digest.tables["db0"].rows == client.dbsize() - 1
    client.delete("soon")
    client.execute_command("EXPIREAT", "edge", str(until - 1))
    assert kept.differences() == []


def test_the_second_half_of_a_time_to_live_matters_among_many(cache_server: Server, client: redis.Redis) -> None:
    with client.pipeline() as pipeline:
        for i in range(5000):
            pipeline.set(f"token:{i}", i, exat=LATER + i)
        pipeline.execute()
    kept = Kept(cache_server)
    client.expireat("token:77", LATER + 77 + 7)
    (found,) = kept.differences()
    assert (found.columns, found.changed) == (("expires",), ("token:77",))


def test_an_empty_redis_is_no_problem(cache_server: Server, client: redis.Redis) -> None:
    kept = Kept(cache_server)
    assert (kept.digest.rows, kept.digest.problem) == (0, "")
    client.set("a", "b")
    (found,) = kept.differences()
    assert found.added == ("a",)


def test_a_redis_that_lets_nobody_in_is_a_problem(cache_server: Server) -> None:
    where = cache_server.where()
    object.__setattr__(where.stack, "variables", {})
    side = open_side("redis", where)
    assert "NOAUTH" in side.digest().problem
    side.close()


def test_what_is_written_while_a_redis_is_read_is_noticed(cache_server: Server, client: redis.Redis) -> None:
    fill(client)
    side = open_side("redis", cache_server.where(progress=lambda _: client.set("item:1", "meanwhile")))
    assert side.digest().is_quiet is False
    side.close()


def test_a_copy_in_another_server_is_equal(cache_server: Server, client: redis.Redis) -> None:
    fill(client)
    for i in range(200):
        client.set(f"token:{i}", i, exat=LATER + i)
    kept = Kept(cache_server)
    with redis_server() as other, redis.Redis(port=other.port, password=SECRET) as copy:
        for number in (0, 3):
            client.select(number)
            copy.select(number)
            for key in client.scan_iter():
                # As tools that copy keys do: with the time that is left, which the copying shortens.
                copy.restore(key, max(client.pttl(key), 0), client.dump(key))
        client.select(0)
        kept.server = other
        assert kept.differences() == []
