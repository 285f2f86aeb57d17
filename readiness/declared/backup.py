"""How the stack is backed up and restored: section ``backup`` of ``readiness.yaml``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from readiness.target import Target

__all__ = [
    "BACKUP_EXAMPLE",
    "HOST",
    "SET",
    "Backup",
    "Mail",
    "Offsite",
    "Schedule",
    "StoreOf",
    "backup_of",
]

BACKUP_EXAMPLE = (
    "backup:\n  run: backup  # a service, or host\n  command: [/backup.sh]\n  restore: [/restore.sh, '{set}']\n"
    "  directory: /backups\n  stores: [db, cache]"
)
#: In place of a service: on this machine, confined.
HOST = "host"
#: In the restore command, stands for the name of a set in the directory.
SET = "{set}"
#: Where the owner names none: what myragdb, memorai and brain promise (claims ledger, backup.rpo_24h, backup.rto_30m).
RPO_SECONDS, RTO_SECONDS = 86400.0, 1800.0


@dataclass(frozen=True, kw_only=True)
class StoreOf:
    """What is backed up.

    Attributes:
        service: whose data it is.
        kind: of the digest (``postgres``, ``redis``, ``files`` …); empty for what the service's role and image say.
        path: of a folder or file in the service, for kinds that need one.
    """

    service: str
    kind: str = ""
    path: str = ""


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """When it runs by itself.

    Attributes:
        service: that runs it.
        cron: five fields, as declared.
        variable: of the service, sets the five fields; empty where none does.
    """

    service: str
    cron: str = ""
    variable: str = ""


@dataclass(frozen=True, kw_only=True)
class Offsite:
    """The copy elsewhere, at an S3 endpoint; each names the variable that sets it."""

    endpoint: str
    bucket: str
    access_key: str
    secret_key: str
    region: str = ""


@dataclass(frozen=True, kw_only=True)
class Mail:
    """Who is told by mail of every result; each names the variable that sets it."""

    host: str
    port: str = ""
    to: str = ""


@dataclass(frozen=True, kw_only=True)
class Backup:
    """The section.

    Attributes:
        run: the service in which the commands run, or :data:`HOST`.
        command: writes a set.
        restore: brings one back; ``{set}`` stands for its name. Without it the command takes the latest.
        partial: service -> the command that brings back that store alone; ``{set}`` as in ``restore``.
        confirm: what ``restore`` reads from its standard input before it begins; empty where it does not ask.
        directory: where the sets are: a path in the service, or below the target's folder.
        directory_variable: sets it; empty where none does.
        cwd: where the commands run: as ``directory``.
        environment: on top of what the service has.
        stores: what a set holds.
        report: pattern of the name of the report that each run leaves in the directory; empty where none is promised.
        retention_days: how long sets are kept; None where not declared. ``retention_variable`` sets it.
        set_name: pattern of a set's name as strftime has it; retention is tried with sets of such names.
        webhook_variable: sets where a failed or finished run is posted to.
        verifies: what ``restore`` prints once it has seen the stack healthy; empty where it does not promise that.
        rpo_seconds, rto_seconds: the promises.
    """

    run: str
    command: tuple[str, ...]
    restore: tuple[str, ...] = ()
    partial: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    confirm: str = ""
    directory: str = ""
    directory_variable: str = ""
    cwd: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    stores: tuple[StoreOf, ...] = ()
    report: str = ""
    retention_days: int | None = None
    retention_variable: str = ""
    set_name: str = ""
    schedule: Schedule | None = None
    offsite: Offsite | None = None
    mail: Mail | None = None
    webhook_variable: str = ""
    verifies: str = ""
    rpo_seconds: float = RPO_SECONDS
    rto_seconds: float = RTO_SECONDS

    @property
    def is_on_host(self) -> bool:
        """Whether the commands run on this machine and not in a service."""
        return self.run == HOST

    def restoring(self, name: str, *, store: str = "") -> tuple[str, ...]:
        """The command that brings back the set of this name, of one store alone where one is named."""
        command = self.partial[store] if store else self.restore
        return tuple(word.replace(SET, name) for word in command)


def backup_of(target: Target) -> Backup | None:
    """The declaration, typed; None where no command is declared."""
    raw: Mapping[str, Any] = target.extra.get("backup") or {}
    if "command" not in raw:
        return None
    env: Mapping[str, str] = raw.get("variables") or {}
    retention: Mapping[str, Any] = raw.get("retention") or {}
    return Backup(
        run=str(raw.get("run") or HOST),
        command=_command(raw["command"]),
        restore=_command(raw.get("restore") or ()),
        partial={name: _command(command) for name, command in (raw.get("partial") or {}).items()},
        confirm=str(raw.get("stdin") or ""),
        directory=str(raw.get("directory") or ""),
        directory_variable=str(env.get("directory") or ""),
        cwd=str(raw.get("cwd") or ""),
        environment={name: str(value) for name, value in (raw.get("env") or {}).items()},
        stores=tuple(_store(each) for each in raw.get("stores") or ()),
        report=str(raw.get("report") or ""),
        retention_days=retention.get("days"),
        retention_variable=str(env.get("retention_days") or ""),
        set_name=str(retention.get("name") or ""),
        schedule=_schedule(raw.get("schedule") or {}, variable=str(env.get("cron") or "")),
        offsite=Offsite(**raw["offsite"]) if raw.get("offsite") else None,
        mail=Mail(**raw["mail"]) if raw.get("mail") else None,
        webhook_variable=str(env.get("webhook") or ""),
        verifies=str(raw.get("verifies") or ""),
        rpo_seconds=float(raw.get("rpo_seconds") or RPO_SECONDS),
        rto_seconds=float(raw.get("rto_seconds") or RTO_SECONDS),
    )


def _command(raw: str | list[str] | tuple[str, ...]) -> tuple[str, ...]:
    return ("sh", "-c", raw) if isinstance(raw, str) else tuple(str(word) for word in raw)


def _store(raw: str | Mapping[str, str]) -> StoreOf:
    return StoreOf(service=raw) if isinstance(raw, str) else StoreOf(**raw)


def _schedule(raw: Mapping[str, str], *, variable: str) -> Schedule | None:
    return Schedule(service=raw["service"], cron=str(raw.get("cron") or ""), variable=variable) if raw else None
