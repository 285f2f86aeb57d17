from __future__ import annotations

from readiness.declared.drain import Drain, drain_of
from readiness.target import Target


def test_nothing_is_declared_where_nothing_is_said() -> None:
    assert drain_of(Target(name="x", folder="x")) == Drain()


def test_the_section_is_read_whole() -> None:
    raw = {
        "timeout_seconds": 20,
        "env": "SHUTDOWN_SECONDS",
        "keepalive_seconds": 5,
        "accepting_seconds": 2,
        "logged": {"start": "begins", "steps": ["database closed"], "complete": "ends"},
    }
    assert drain_of(Target(name="x", folder="x", extra={"drain": raw})) == Drain(
        timeout_seconds=20,
        env="SHUTDOWN_SECONDS",
        keepalive_seconds=5,
        accepting_seconds=2.0,
        start="begins",
        steps=("database closed",),
        complete="ends",
    )
