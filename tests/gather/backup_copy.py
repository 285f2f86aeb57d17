"""A copy whose services are folders of the test, whose stores are files, and whose owner's scripts are really run."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from readiness.declared.backup import Backup, backup_of
from readiness.exceptions import GatherError, StackError
from readiness.facts.digest import StoreDigest, TableDigest
from readiness.gather.backup_shelf import Shelf, shelf_of
from readiness.gather.backup_words import WordStore
from readiness.instruments.owners_backup import OwnersBackup
from readiness.runtime import Capability, Completed, Endpoint, RanBeside
from readiness.target import Role, Target

__all__ = ["BACKUP", "SECRET", "Copy", "backup", "owners", "shelf", "stores", "target_of"]

SECRET = "a-long-password-of-the-copy"
#: One set is a folder with a copy of each store; its name counts, so that no test has to wait for a second.
BACKUP = r"""#!/bin/sh
set -eu
has() { case ",${DEFECTS:-}," in *",$1,"*) return 0;; esac; return 1; }
tell() { has mails-nothing || [ -z "${SMTP_HOST:-}${WEBHOOK:-}" ] || "$PYTHON" "$SEND" tell "$1"; }
fail() { echo "backup failed: $1" >&2; tell "backup failed: $1"; printf 'result: failed\n' >"$BACKUP_DIR/$name/report.txt" 2>/dev/null || true
  ! has hides-failure || exit 0
  rm -rf "${BACKUP_DIR:?}/$name"; exit 1; }
umask 077
! has world-readable || umask 022
number=$(cat "$COUNTER" 2>/dev/null || echo 0); number=$((number + 1)); echo "$number" >"$COUNTER"
name="${TODAY:-20250601}_0000$(printf %02d "$number")"
mkdir -p "$BACKUP_DIR/$name"
! has password-in-argv || sh -c 'sleep 0.3' "--password=$REDIS_PASSWORD"
! has password-in-log || echo "connecting as shop:$REDIS_PASSWORD"
[ -e "$CACHE/kv" ] && [ ! -e "$CACHE/down" ] || fail "the cache cannot be reached"
[ "$REDIS_PASSWORD" = "$THE_PASSWORD" ] || fail "WRONGPASS"
cp "$CACHE/kv" "$BACKUP_DIR/$name/cache.rdb" || fail "no room"
if has ignores-full-disk; then tar -C "$DATA" -cf "$BACKUP_DIR/$name/uploads.tar" . 2>/dev/null || true
else tar -C "$DATA" -cf "$BACKUP_DIR/$name/uploads.tar" . || fail "no room"; fi
(cd "$BACKUP_DIR/$name" && sha256sum cache.rdb uploads.tar >manifest.sha256) 2>/dev/null || has ignores-full-disk || fail "no room"
{ echo "store cache: cache.rdb $(stat -c %s "$BACKUP_DIR/$name/cache.rdb") bytes"
  echo "store files: uploads.tar $(stat -c %s "$BACKUP_DIR/$name/uploads.tar") bytes"
  echo "result: ok"; } >"$BACKUP_DIR/$name/report.txt" || has ignores-full-disk
! has without-report || rm "$BACKUP_DIR/$name/report.txt"
[ -z "${S3_ENDPOINT:-}" ] || has skips-upload || "$PYTHON" "$SEND" upload "$BACKUP_DIR/$name"
[ "${HAS_GOOD_MAIL:-yes}" = no ] || tell "backup done: $name"
"""
SEND = r"""
import os, smtplib, sys, urllib.request
from email.message import EmailMessage
from pathlib import Path

what, given = sys.argv[1:]
kind = {"Content-Type": "application/octet-stream"}
if what == "upload":
    for path in sorted(Path(given).iterdir()):
        url = f"{os.environ['S3_ENDPOINT']}/{os.environ['S3_BUCKET']}/shop/{Path(given).name}/{path.name}"
        urllib.request.urlopen(urllib.request.Request(url, path.read_bytes(), kind, method="PUT"))
else:
    if os.environ.get("SMTP_HOST"):
        mail = EmailMessage()
        mail["Subject"], mail["To"], mail["From"] = given, os.environ["MAIL_TO"], "backup@shop.test"
        mail.set_content(f"The run says: {given}\u00e9")
        with smtplib.SMTP(os.environ["SMTP_HOST"], int(os.environ["SMTP_PORT"])) as server:
            server.send_message(mail)
    if os.environ.get("WEBHOOK"):
        urllib.request.urlopen(os.environ["WEBHOOK"], given.encode())
"""

PRUNE = r"""
! has keeps-all || exit 0
now=$(date -u +%s)
for set in "$BACKUP_DIR"/20??????_??????; do
  [ -e "$set" ] || continue
  age=$(( (now - $(stat -c %Y "$set")) / 86400 ))
  [ "$age" -le "${RETENTION_DAYS:-30}" ] || rm -rf "$set"
done
"""
RESTORE = r"""#!/bin/sh
set -eu
has() { case ",${DEFECTS:-}," in *",$1,"*) return 0;; esac; return 1; }
store=all
[ "${1:-}" != --only ] || { store=$2; shift 2; }
newest=$(ls "$BACKUP_DIR" | grep '^20' | tail -n 1)
! has oldest || newest=$(ls "$BACKUP_DIR" | grep '^20' | head -n 1)
set="$BACKUP_DIR/${1:-$newest}"
if ! has without-asking; then read -r answer || answer=; [ "$answer" = yes ] || { echo "not confirmed" >&2; exit 2; }; fi
! has always-all || store=all
if ! has skips-verify; then (cd "$set" && sha256sum -c manifest.sha256 >/dev/null 2>&1) || { echo "damaged: $set" >&2; exit 3; }; fi
case $store in all|cache) cp "$set/cache.rdb" "$CACHE/kv" || has skips-verify;; esac
case $store in all|api) find "$DATA" -mindepth 1 -delete; tar -C "$DATA" -xf "$set/uploads.tar" 2>/dev/null || has skips-verify;; esac
! has says-error || echo "ERROR:  relation does not exist"
echo "healthy: all stores answer"
"""


@dataclass
class Copy:
    """A stack of processes: ``execute`` runs on this machine, in folders of the test."""

    folder: Path
    defects: str = ""
    more: dict[str, str] = field(default_factory=dict)
    capabilities: frozenset[Capability] = frozenset(Capability)
    runtime: str = "process"
    ran: list[list[str]] = field(default_factory=list)
    given: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        for name in ("backup/home", "backup/state", "cache/state", "api/state/data", "bin"):
            (self.folder / name).mkdir(parents=True)
        (self.folder / "cache/state/kv").write_text("app\n" * 1500)
        (self.folder / "api/state/data/picture").write_bytes(bytes(range(256)) * 64)
        prune_first = "prunes-first" in self.defects
        self.script(
            "shop-backup", BACKUP.replace("umask 077\n", f"{PRUNE}umask 077\n") if prune_first else BACKUP + PRUNE
        )
        self.script("shop-restore", RESTORE)
        (self.folder / "bin/send.py").write_text(SEND)

    def script(self, name: str, text: str) -> None:
        path = self.folder / "bin" / name
        path.write_text(text)
        path.chmod(0o755)

    @property
    def services(self) -> tuple[str, ...]:
        return ("backup", "cache", "api")

    def environment(self, service: str) -> Mapping[str, str]:
        if service not in self.services:
            raise StackError(f"there is no service {service}")
        own = {"HOME": str(self.folder / service / "home"), "DATA": str(self.folder / "api/state/data")}
        if service != "backup":
            return {**own, "THE_PASSWORD": SECRET}
        return {
            **own,
            "PATH": f"{self.folder}/bin:{os.environ['PATH']}",
            "BACKUP_DIR": str(self.folder / "backup/state"),
            "COUNTER": str(self.folder / "backup/counter"),
            "CACHE": str(self.folder / "cache/state"),
            "REDIS_PASSWORD": SECRET,
            "THE_PASSWORD": SECRET,
            "DEFECTS": self.defects,
            "PYTHON": sys.executable,
            "SEND": str(self.folder / "bin/send.py"),
            **self.more,
        }

    def execute(self, service: str, command: Sequence[str], *, timeout_seconds: float = 30.0) -> Completed:
        self.ran.append(list(command))
        try:
            done = subprocess.run(
                list(command), env=dict(self.environment(service)), cwd=self.folder, stdin=subprocess.DEVNULL,
                capture_output=True, timeout=timeout_seconds, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired as error:
            raise StackError(f"it still ran after {timeout_seconds:g} s") from error
        return Completed(exit_code=done.returncode, output=(done.stdout + done.stderr).decode("utf-8", "replace"))

    def run_owners(
        self,
        command: Sequence[str],
        *,
        variables: Mapping[str, str],
        timeout_seconds: float,
        stdin: str = "",
        **given: Any,
    ) -> RanBeside:
        """As the owner's machine would run it: its directory is a folder of the run's."""
        self.given.append(given)
        environment = {**self.environment("backup"), **variables}
        done = subprocess.run(
            list(command), env=environment, cwd=self.folder, input=stdin.encode(), capture_output=True, check=False,
            timeout=timeout_seconds,
        )  # fmt: skip
        output = (done.stdout + done.stderr).decode("utf-8", "replace")
        return RanBeside(exit_code=done.returncode, seconds=0.5, output=output)

    def owners_directory(self, directory: str) -> Path:
        return self.folder / "backup/state"

    def endpoint(self, service: str, port: int) -> Endpoint:
        return Endpoint(host="127.0.0.1", port=1)

    def stop(self, service: str) -> None:
        (self.folder / service / "state/down").touch()

    def start(self, service: str) -> None:
        (self.folder / service / "state/down").unlink()

    def logs(self, service: str, **_: Any) -> str:
        return ""

    # The cache: a file of lines, of which words are those that are no "app".

    def ask_redis(self, stack: Any, service: str, words: Sequence[str], **_: Any) -> str:
        path = self.folder / service / "state/kv"
        if (self.folder / service / "state/down").exists() or not path.exists():
            raise GatherError("Could not connect to Redis")
        lines = path.read_text(errors="replace").splitlines()
        if words[0] == "SADD":
            new = [word for word in words[2:] if word not in lines]
            path.write_text("".join(f"{line}\n" for line in [*lines, *new]))
            return str(len(new))
        return "\n".join(line for line in lines if line != "app")

    def open_side(self, kind: str, where: Any) -> Any:
        """A digest of lines and bytes, quick and of its own."""
        copy = self

        class Side:
            def digest(self) -> StoreDigest:
                if kind == "files":
                    files = sorted(path for path in Path(where.name).rglob("*") if path.is_file())
                    rows = {str(path): path.read_bytes() for path in files}
                else:
                    text = (copy.folder / where.service / "state/kv").read_bytes()
                    rows = {f"{i}": line for i, line in enumerate(text.splitlines())}
                table = TableDigest(
                    rows=len(rows), key=("path",), keys=str(hash(tuple(rows))), columns={"content": str(hash(tuple(rows.values())))}
                )  # fmt: skip
                return StoreDigest(service=where.service, kind=kind, method="test", tables={"files": table})

            def close(self) -> None:
                pass

        return Side()


DECLARED: dict[str, Any] = {
    "run": "backup",
    "command": ["shop-backup"],
    "restore": ["shop-restore", "{set}"],
    "partial": {"cache": ["shop-restore", "--only", "cache", "{set}"]},
    "stdin": "yes\n",
    "directory": "/backups",
    "stores": ["cache", {"service": "api", "path": "${DATA}"}],
    "report": "*/report.txt",
    "verifies": "healthy: all stores answer",
    "retention": {"days": 30, "name": "%Y%m%d_%H%M%S"},
    "offsite": {"endpoint": "S3_ENDPOINT", "bucket": "S3_BUCKET", "access_key": "S3_KEY", "secret_key": "S3_SECRET"},
    "mail": {"host": "SMTP_HOST", "port": "SMTP_PORT", "to": "MAIL_TO"},
    "variables": {"directory": "BACKUP_DIR", "retention_days": "RETENTION_DAYS", "webhook": "WEBHOOK"},
}


def target_of(**changed: Any) -> Target:
    declared = {name: value for name, value in {**DECLARED, **changed}.items() if value is not None}
    roles = {Role.REDIS: ("cache",), Role.APP: ("api",)}
    return Target(name="shop", folder="/nowhere", service="api", roles=roles, extra={"backup": declared})


def backup(**changed: Any) -> Backup:
    found = backup_of(target_of(**changed))
    assert found is not None
    return found


def owners(copy: Copy, **changed: Any) -> OwnersBackup:
    return OwnersBackup(backup=backup(**changed), stack=copy, secrets={"REDIS_PASSWORD": SECRET})  # type: ignore[arg-type]


def shelf(copy: Copy, **changed: Any) -> Shelf:
    return shelf_of(owners(copy, **changed))


def stores(copy: Copy, **changed: Any) -> tuple[WordStore, ...]:
    target = target_of(**changed)
    kinds = {"cache": "redis", "api": "files"}
    return tuple(
        WordStore(target=target, stack=copy, store=store, kind=kinds.get(store.service, ""))  # type: ignore[arg-type]
        for store in backup(**changed).stores
    )
