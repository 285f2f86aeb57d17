"""Writes ``backup_days.json``: a shop whose backups go well and fail loudly, for the cases of bad days and housekeeping.

Run it after a change of the facts: ``python tests/checks/bases/build_backup_days.py``. A test compares the two.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from readiness.facts._codec import encode
from readiness.facts.backup import CommandRun, SetFile
from readiness.facts.backup_days import BackupDays, FailingRun, Trial
from readiness.facts.backup_upkeep import (
    Arrived,
    BackupUpkeep,
    Copied,
    Kept,
    Mode,
    OwnerScript,
    ScheduleSeen,
    Told,
)
from readiness.target import Role, Target

STORES = ("db", "cache", "api:/data")
ONE, TWO, THREE = ("one",), ("one", "two"), ("one", "two", "three")
FIRST, SECOND = "20250601_020000", "20250602_020000"


def run(
    code: int | None, *lines: str, command: str = "shop-restore", seconds: float = 2.5, problem: str = ""
) -> CommandRun:
    return CommandRun(command=command, exit_code=code, seconds=seconds, lines=lines, problem=problem)


def every(words: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    return dict.fromkeys(STORES, words)


def trial(what: str, done: CommandRun, holds: dict[str, tuple[str, ...]]) -> Trial:
    return Trial(what=what, run=done, set=SECOND, held=every(THREE), holds=holds)


def failing(what: str, *, certain: bool = True) -> FailingRun:
    done = run(1, "db failed: connection refused", "result: failed", command="shop-backup", seconds=0.8)
    return FailingRun(what=what, run=done, is_certain=certain, report="result: failed (db)")


def days() -> BackupDays:
    healthy = run(0, "db restored", "restore verified: healthy")
    refused = run(1, "20250602_020000 is damaged; nothing was changed", seconds=0.2)
    asked = run(1, "not confirmed; nothing was changed", seconds=0.2)
    return BackupDays(
        stores={"db": "postgres", "cache": "redis", "api:/data": "files"},
        backups=(run(0, "result: ok", command="shop-backup"),) * 2,
        sets={FIRST: every(ONE), SECOND: every(TWO)},
        confirmation=tuple(trial(what, asked, every(THREE)) for what in ("no", "an empty line", "an empty input")),
        good=tuple(trial(what, healthy, every(TWO)) for what in ("onto filled stores", "again")),
        damaged=tuple(
            trial(what, refused, every(THREE))
            for what in ("db.dump cut to half", "db.dump changed in the middle", "db.dump emptied", "db.dump missing", "cache.rdb cut to half")
        ),
        interrupted=trial("ended half way", run(124, "restore FAILED, exit code 143"), every(THREE)),
        after_interruption=trial("after one that was ended", healthy, every(TWO)),
        latest=trial("without a name", healthy, every(TWO)),
        partial={"cache": trial("cache alone", healthy, {**every(THREE), "cache": TWO})},
        failing=(failing("db stopped"), failing("cache stopped"), failing("wrong DATABASE_PASSWORD", certain=False)),
        crowded=FailingRun(
            what="disk full", run=run(1, "result: failed, not enough space", command="shop-backup"), room_bytes=20480
        ),
    )  # fmt: skip


def told(what: str, code: int, word: str) -> Told:
    mail = Arrived(text=f"backup 20250603_020000: {word}\ndb  db.dump 50000 bytes", to=("owner@readiness.test",))
    posts = (Arrived(text='POST /readiness-webhook\n{"text": "backup 20250603_020000 failed: db"}'),) if code else ()
    return Told(what=what, run=run(code, f"result: {word}", command="shop-backup"), mails=(mail,), posts=posts)


def kept(what: str, days_kept: int, ages: tuple[float, ...]) -> Kept:
    names = {f"202504{int(age):02d}_020000": age for age in ages}
    gone = tuple(name for name, age in names.items() if age > days_kept + 1)
    done = run(0, "result: ok", command="shop-backup")
    return Kept(what=what, run=done, days=days_kept, ages=names, gone=gone, others=("readiness-kept.note",))


def upkeep() -> BackupUpkeep:
    files = (
        SetFile(path=f"{FIRST}/cache.rdb", size_bytes=2048, mode="0600"),
        SetFile(path=f"{FIRST}/db.dump", size_bytes=50000, mode="0600"),
        SetFile(path=f"{FIRST}/report.txt", size_bytes=200, mode="0600"),
        SetFile(path=f"{FIRST}/uploads.tar.gz", size_bytes=900, mode="0600"),
    )
    report = (
        "db        db.dump                 50000 bytes  ok\ncache     cache.rdb                2048 bytes  ok\n"
        "uploads   uploads.tar.gz            900 bytes  ok\nresult: ok"
    )
    folders = tuple(Mode(path=path, mode=mode, is_folder=True) for path, mode in ((".", "0755"), (FIRST, "0700")))
    sums = {file.path: f"{number:032x}" for number, file in enumerate(files)}
    only = {"20250420_020000": 40.0}
    return BackupUpkeep(
        scripts=tuple(
            OwnerScript(
                use=use, word=word, path=f"/usr/local/bin/{word}", is_executable=True, by_shell="bash", documents=("README.md",)
            )
            for use, word in (("backup", "shop-backup"), ("restore", "shop-restore"))
        ),
        first=run(0, "result: ok", command="shop-backup"),
        set_name=FIRST,
        files=files,
        report=f"{FIRST}/report.txt",
        report_text=report,
        modes=(*folders, *(Mode(path=file.path, mode="0600") for file in files)),
        searched=("DATABASE_PASSWORD of backup", "REDIS_PASSWORD of backup"),
        command_lines=17,
        retention=(kept("as declared", 30, (1.0, 29.0, 31.5, 90.0)), kept("with another figure", 7, (1.0, 6.0, 8.5, 29.0))),
        last_good=Kept(what="db stopped", run=run(1, "result: failed", command="shop-backup"), days=30, ages=only),
        schedule=ScheduleSeen(
            service="backup",
            crons={"0 2 * * *": "/etc/crontabs/root: shop-backup"},
            value="0 2 * * *",
            fired_seconds=41.0,
            waited_seconds=44.0,
            new_set="20250603_020100",
        ),
        offsite_set={"S3_ENDPOINT": True, "S3_BUCKET": True, "S3_ACCESS_KEY": True, "S3_SECRET_KEY": True},
        copied=Copied(
            run=run(0, "result: ok", command="shop-backup"),
            files=sums,
            objects={path: md5 for path, md5 in sums.items() if not path.endswith(".txt")},
        ),
        told=(told("good run", 0, "ok"), told("failing run", 1, "failed")),
        is_reachable=True,
    )  # fmt: skip


def target() -> Target:
    declared = {
        "run": "backup",
        "command": ["shop-backup"],
        "restore": ["shop-restore", "{set}"],
        "partial": {"cache": ["shop-restore", "{set}", "--only", "cache"]},
        "stdin": "yes",
        "directory": "/backups",
        "stores": ["db", "cache", {"service": "api", "kind": "files", "path": "/data"}],
        "report": "*report.txt",
        "retention": {"days": 30, "name": "%Y%m%d_%H%M%S"},
        "schedule": {"service": "backup", "cron": "0 2 * * *"},
        "offsite": {
            "endpoint": "S3_ENDPOINT",
            "bucket": "S3_BUCKET",
            "access_key": "S3_ACCESS_KEY",
            "secret_key": "S3_SECRET_KEY",
        },
        "mail": {"host": "SMTP_HOST", "port": "SMTP_PORT", "to": "MAIL_TO"},
        "verifies": "restore verified: healthy",
        "variables": {"directory": "BACKUP_DIR", "retention_days": "RETENTION_DAYS", "cron": "BACKUP_CRON", "webhook": "WEBHOOK"},
    }  # fmt: skip
    roles = {Role.APP: ("api",), Role.DB: ("db",), Role.REDIS: ("cache",)}
    return Target(name="shop", folder="/shop", service="api", roles=roles, extra={"backup": declared})


def build() -> dict[str, Any]:
    return {"target": encode(target()), "backup_days": encode(days()), "backup_upkeep": encode(upkeep())}


if __name__ == "__main__":
    path = Path(__file__).with_name("backup_days.json")
    path.write_text(json.dumps(build(), indent=1) + "\n", "utf-8")
