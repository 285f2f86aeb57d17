from __future__ import annotations

import pytest

from readiness.persistence.words import stated_postgres, stated_redis


@pytest.mark.parametrize(
    "command",
    [
        ("postgres", "-c", "max_connections=50", "-c", "shared_buffers=256MB"),
        ("postgres", "--max_connections=50", "--shared_buffers=256MB"),
        ("-N", "50", "-B", "256MB"),
        ("sh", "-c", "exec postgres -c max_connections=50 -cshared_buffers=256MB"),
        ("postgres", "-c", "max_connections=20", "-c", "shared_buffers=256MB", "-c", "max_connections=50"),
    ],
)
def test_what_a_command_of_postgres_states(command: tuple[str, ...]) -> None:
    assert stated_postgres(command) == {"max_connections": "50", "shared_buffers": "256MB"}


@pytest.mark.parametrize(
    ("command", "stated"),
    [
        (("redis-server", "--save", "60 1000", "--appendonly", "no"), {"save": "60 1000", "appendonly": "no"}),
        (("redis-server", "--save", "60", "1000"), {"save": "60 1000"}),
        (("redis-server", "--save", "60", "1000", "--save", "300", "10"), {"save": "60 1000 300 10"}),
        (("redis-server", "--save", "60 1000", "--save", ""), {"save": ""}),
        (("sh", "-c", "redis-server --appendonly yes"), {"appendonly": "yes"}),
        (("redis-server", "/etc/redis.conf"), {}),
        (("sh", "-c", "redis-server --requirepass 'odd"), {"requirepass": "'odd"}),
    ],
)
def test_what_a_command_of_redis_states(command: tuple[str, ...], stated: dict[str, str]) -> None:
    assert stated_redis(command) == stated
