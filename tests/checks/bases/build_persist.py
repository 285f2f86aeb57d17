"""Writes ``persist.json``: a shop whose stores keep what they hold, for the cases of ``persist.*``.

Run it after a change of the facts: ``python tests/checks/bases/build_persist.py``. A test compares the two.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from readiness.facts._codec import encode
from readiness.facts.containers import Mounted
from readiness.facts.http import Exchange, StatusClass
from readiness.facts.persistence import (
    IdempotentRepeats,
    JobFate,
    Marked,
    QueueSurvival,
    RecordSurvival,
    RedisEndings,
    Repeat,
    RolledOver,
    Store,
    StoreSettings,
    Survived,
)
from readiness.target import Entry, Role, Target

KEPT = {"save": "", "appendonly": "yes", "appendfsync": "everysec"}


def answer(status: int, body: str = "") -> Exchange:
    return Exchange(
        entry="direct",
        purpose=StatusClass.OK,
        method="POST",
        url="http://api:8000/items",
        status=status,
        body=body,
        seconds=0.02,
    )


def stores() -> StoreSettings:
    database = Store(
        service="db",
        role="db",
        kind="postgres",
        image="postgres:16",
        version="16.4",
        settings={"max_connections": "50", "shared_buffers": "8192", "fsync": "on"},
        units={"shared_buffers": "8kB"},
        stated={"max_connections": "50", "shared_buffers": "64MB"},
        directory="/var/lib/postgresql/data",
        image_volumes=("/var/lib/postgresql/data",),
        mounts=(Mounted(kind="volume", source="shop_database", destination="/var/lib/postgresql/data"),),
    )
    cache = Store(
        service="cache",
        role="redis",
        kind="redis",
        image="redis:7",
        version="7.2",
        settings={**KEPT, "maxmemory": "67108864", "maxmemory-policy": "volatile-ttl", "dir": "/data"},
        stated={"appendonly": "yes", "maxmemory": "64mb"},
        directory="/data",
        image_volumes=("/data",),
        mounts=(Mounted(kind="volume", source="shop_cache", destination="/data"),),
    )
    return StoreSettings(stores=(database, cache))


def endings() -> RedisEndings:
    marked = tuple(
        Marked(
            service="cache",
            ended=ended,
            early=12,
            early_left=12,
            early_seconds=3.1,
            late=12,
            late_left=12,
            back_seconds=0.6,
        )
        for ended in ("restart", "recreate", "crash")
    )
    return RedisEndings(marked=marked, settings={"cache": KEPT})


def queue() -> QueueSurvival:
    jobs = tuple(
        JobFate(id=f"{before}{number}", before=before, is_done=True, status=200, lines=1)
        for before in ("stop", "restart", "crash")
        for number in range(1 if before == "stop" else 5)
    )
    return QueueSurvival(
        jobs=jobs,
        stores=("cache",),
        settings={"cache": {"maxmemory": "67108864", "maxmemory-policy": "volatile-ttl"}},
        control_lines=1,
        events=("restart of cache", "crash of cache"),
        worked_seconds=2.0,
    )


def repeats() -> IdempotentRepeats:
    made = '{"id": 4, "name": "readiness1"}'
    again = tuple(
        Repeat(after=after, answer=answer(201, made), id="4", rows=2) for after in ("at once", "restart", "crash")
    )
    second = Repeat(after="failure", answer=answer(201, '{"id": 6, "name": "readiness3"}'), id="6", rows=2)
    return IdempotentRepeats(
        first=answer(201, made),
        first_id="4",
        first_rows=2,
        other=answer(201, '{"id": 5, "name": "readiness2"}'),
        other_id="5",
        repeats=(*again, second),
        failed=answer(503),
        events=("restart of cache, api", "crash of cache, api"),
    )


def records() -> RecordSurvival:
    return RecordSurvival(
        survived=(
            Survived(after="crash of db", created=5, read=5, wait_seconds=1.2),
            Survived(after="recreation", created=5, read=5, wait_seconds=2.5),
        ),
        recreated=tuple(RolledOver(service=service) for service in ("db", "cache", "api", "worker", "proxy")),
        settings={"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"},
    )


def target() -> Target:
    item = {"method": "POST", "path": "/items", "json": {"name": "{unique}"}, "as": "user"}
    return Target(
        name="shop",
        folder="shop",
        service="api",
        entries=(Entry(name="direct", service="api", port=8000),),
        roles={Role.APP: ("api",), Role.WORKER: ("worker",), Role.DB: ("db",), Role.REDIS: ("cache",)},
        extra={
            "record": {"create": {**item, "id": "id"}, "read": "/items/{id}"},
            "jobs": {"enqueue": {"method": "POST", "path": "/jobs"}, "result": "/jobs/{id}", "seconds": 10},
            "idempotency": {"header": "Idempotency-Key", "request": item},
            "settings": {"cache": {"appendfsync": "everysec"}},
        },
    )


def build() -> dict[str, Any]:
    facts = {
        "target": target(),
        "store_settings": stores(),
        "redis_endings": endings(),
        "queue_survival": queue(),
        "idempotent_repeats": repeats(),
        "record_survival": records(),
    }
    return {name: encode(fact) for name, fact in facts.items()}


if __name__ == "__main__":
    place = Path(__file__).with_name("persist.json")
    place.write_text(json.dumps(build(), indent=1) + "\n", "utf-8")
