"""Writes ``db.json``: a shop that handles its database connections well, for the cases of ``db.*``.

Run it after a change of the facts: ``python tests/checks/bases/build_db.py``. A test compares the two.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from readiness.facts._codec import encode
from readiness.facts.database import BrokenConnections, PoolExhausted, RecycledConnections, Reused, UsedSession
from readiness.facts.http import Exchange, StatusClass
from readiness.facts.persistence import Store, StoreSettings
from readiness.target import Entry, Role, Target


def answer(status: int, seconds: float = 0.02, path: str = "/items") -> Exchange:
    return Exchange(
        entry="direct",
        purpose=StatusClass.OK,
        method="GET",
        url=f"http://api:8000{path}",
        status=status,
        headers=(("content-type", "application/json"),),
        body='{"error": {"code": "service_unavailable"}}' if status >= 500 else '{"items": []}',
        seconds=seconds,
    )


def stores() -> StoreSettings:
    database = Store(
        service="db",
        role="db",
        kind="postgres",
        image="postgres:16",
        version="16.4",
        settings={"max_connections": "50", "shared_buffers": "8192", "work_mem": "4096"},
        units={"shared_buffers": "8kB", "work_mem": "kB"},
        stated={"max_connections": "50", "shared_buffers": "64MB"},
    )
    return StoreSettings(stores=(database,))


def broken() -> BrokenConnections:
    return BrokenConnections(
        service="db",
        request="GET /items",
        at_rest=7,
        ended=7,
        again=7,
        requests=50,
        good=50,
        after_restart=tuple(answer(200) for _ in range(5)),
        reused=Reused(requests=30, sessions=0),
    )


def exhausted() -> PoolExhausted:
    return PoolExhausted(
        service="db",
        request="GET /items",
        held_seconds=6.0,
        answers=(*(answer(503, 3.1) for _ in range(20)), *(answer(503, 5.1) for _ in range(10))),
        after=tuple(answer(200) for _ in range(10)),
        unrelated=tuple(answer(200, 0.01, "/health/live") for _ in range(8)),
        unrelated_at_rest=tuple(answer(200, 0.01, "/health/live") for _ in range(5)),
        at_rest=3,
        peak=11,
        settled=6,
        max_connections=50,
        reserved=3,
    )


def recycled() -> RecycledConnections:
    first, then = (tuple(start + 0.6 * step for step in range(5)) for start in (0.1, 3.2))
    return RecycledConnections(
        service="db",
        request="GET /items",
        variable="POOL_RECYCLE",
        recycle_seconds=3.0,
        seconds=9.2,
        good=64,
        sessions=(
            *(UsedSession(begun_seconds=0.0, used_seconds=first) for _ in range(4)),
            *(UsedSession(begun_seconds=3.1, used_seconds=then) for _ in range(4)),
            *(UsedSession(begun_seconds=6.2, used_seconds=tuple(t + 3.1 for t in then)) for _ in range(4)),
        ),
        others=2,
    )


def target() -> Target:
    return Target(
        name="shop",
        folder="shop",
        service="api",
        entries=(Entry(name="direct", service="api", port=8000),),
        roles={Role.APP: ("api",), Role.WORKER: ("worker",), Role.DB: ("db",)},
        extra={
            "settings": {"db": {"work_mem": "4MB"}},
            "versions": {"db": ">=13"},
            "pool": {
                "api": {
                    "size": 5,
                    "overflow": 5,
                    "wait_seconds": 3,
                    "replicas": 2,
                    "recycle_seconds": 1800,
                    "env": {"recycle_seconds": "POOL_RECYCLE"},
                },
                "worker": {"size": 5, "overflow": 5, "wait_seconds": 3},
            },
        },
    )


def build() -> dict[str, Any]:
    facts = {
        "target": target(),
        "store_settings": stores(),
        "broken_connections": broken(),
        "pool_exhausted": exhausted(),
        "recycled_connections": recycled(),
    }
    return {name: encode(fact) for name, fact in facts.items()}


if __name__ == "__main__":
    place = Path(__file__).with_name("db.json")
    place.write_text(json.dumps(build(), indent=1) + "\n", "utf-8")
