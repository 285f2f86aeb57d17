from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.instruments.digests.servers import Server, Sql, postgres, redis_server


@pytest.fixture(scope="session")
def database_server() -> Iterator[Server]:
    with postgres() as server:
        yield server


@pytest.fixture(scope="session")
def sql(database_server: Server) -> Sql:
    return Sql(database_server)


@pytest.fixture(scope="session")
def cache_server() -> Iterator[Server]:
    with redis_server() as server:
        yield server
