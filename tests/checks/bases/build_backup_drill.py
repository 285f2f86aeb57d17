"""Writes ``backup_drill.json``: a shop whose backup brings everything back, for the cases of the drill's checks.

Run it after a change of the facts: ``python tests/checks/bases/build_backup_drill.py``. A test compares the two.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from readiness.facts._codec import encode
from readiness.facts.backup import CommandRun, SetFile
from readiness.facts.backup_drill import ApiTrip, Artifact, BackupDrill, Mark, Marks, StoreTrip
from readiness.facts.http import Exchange, StatusClass
from readiness.target import Entry, Role, Target

SET = "20260714_020000"
BEGAN = "2026-07-14T02:00:00.000+00:00"
RUN_SECONDS = 2.5
FILES = {
    "db.dump": ("pg_dump", "pg_restore --list", 40_000),
    "globals.sql": ("text", "its first and last lines", 700),
    "cache.rdb": ("rdb", "redis-check-rdb", 9_000),
    "uploads.tar.gz": ("gzip", "gzip and tar, listed", 3_000),
    "manifest.sha256": ("checksums", "its sums, made again", 320),
}


def answer(status: int, body: str = "") -> Exchange:
    return Exchange(
        entry="direct",
        purpose=StatusClass.OK,
        method="GET",
        url="http://api:8000/items/4",
        status=status,
        body=body,
        seconds=0.02,
    )


def marks(service: str, kind: str, *places: str) -> Marks:
    """Ten a second from before the command to after it; the snapshot is of its first second."""
    acknowledged = tuple(Mark(number=n, seconds=round(-0.45 + n * 0.1, 2)) for n in range(1, 33))
    return Marks(
        service=service, kind=kind, acknowledged=acknowledged, present={place: tuple(range(1, 15)) for place in places}
    )


def drill() -> BackupDrill:
    stores = (
        StoreTrip(
            service="db",
            kind="postgres",
            planted=("schema readiness_canary", "role readiness_canary_role"),
            rows=340,
            tables=9,
            sequences=4,
            objects=160,
            size_bytes=8_000_000,
            seconds=0.5,
            moved={"sequence public.jobs_id_seq": "behind: next is 4 -> next is 3"},
            moved_keys=2,
            newer=1,
        ),
        StoreTrip(
            service="cache",
            kind="redis",
            planted=("keys readiness_canary…",),
            rows=40,
            tables=1,
            size_bytes=200_000,
            seconds=0.2,
        ),
        StoreTrip(
            service="api",
            kind="files",
            path="/data",
            planted=("folder readiness_canary",),
            rows=14,
            tables=1,
            size_bytes=60_000,
            seconds=0.3,
        ),
    )
    return BackupDrill(
        run=CommandRun(
            command="shop-backup",
            exit_code=0,
            seconds=RUN_SECONDS,
            lines=("backup 20260714_020000", "result: ok"),
            began=BEGAN,
        ),
        set_name=SET,
        names=(SET,),
        files=tuple(SetFile(path=f"{SET}/{name}", size_bytes=size, mode="0600") for name, (*_, size) in FILES.items()),
        artifacts=tuple(
            Artifact(path=f"{SET}/{name}", kind=kind, by=by, size_bytes=size)
            for name, (kind, by, size) in FILES.items()
        ),
        stores=stores,
        marks=(
            marks("db", "postgres", "readiness_canary.marker_first", "readiness_canary.marker_second"),
            marks("cache", "redis", "readiness_marker:first", "readiness_marker:second"),
        ),
        api=ApiTrip(
            created=5,
            user="drill-alice",
            is_logged_in=True,
            new=answer(201, '{"id": 9}'),
            new_read=answer(200, '{"id": 9}'),
        ),
        restore=CommandRun(
            command=f"shop-restore {SET}",
            exit_code=0,
            seconds=6.5,
            lines=("restore verified: healthy",),
            began=BEGAN,
        ),
        start_seconds=12.0,
        ready_seconds=6.9,
        read_seconds=7.1,
        run_at_most_seconds=900.0,
        restore_at_most_seconds=1860.0,
        cron="0 2 * * *",
    )


def target() -> Target:
    return Target(
        name="shop",
        folder="shop",
        service="api",
        entries=(Entry(name="direct", service="api", port=8000),),
        roles={Role.APP: ("api",), Role.DB: ("db",), Role.REDIS: ("cache",)},
        extra={
            "record": {"create": {"method": "POST", "path": "/items", "as": "user", "id": "id"}, "read": "/items/{id}"},
            "backup": {
                "run": "backup",
                "command": ["shop-backup"],
                "restore": ["shop-restore", "{set}"],
                "directory": "/backups",
                "stores": ["db", "cache", {"service": "api", "kind": "files", "path": "/data"}],
                "schedule": {"service": "backup", "cron": "0 2 * * *"},
            },
        },
    )


def build() -> dict[str, Any]:
    return {"target": encode(target()), "backup_drill": encode(drill())}


if __name__ == "__main__":
    place = Path(__file__).with_name("backup_drill.json")
    place.write_text(json.dumps(build(), indent=1) + "\n", "utf-8")
