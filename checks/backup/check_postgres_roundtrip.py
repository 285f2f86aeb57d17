"""What PostgreSQL held before the backup is what it holds after the restore."""

from __future__ import annotations

from dataclasses import dataclass

from readiness import Category, Severity, Verdict, check
from readiness.backup.areas import Area
from readiness.backup.drilled import judged, require_backup, require_restore, trips_of
from readiness.facts.backup_drill import BackupDrill
from readiness.target import Role, Target


@dataclass(frozen=True, kw_only=True)
class PostgresRoundtripLimits:
    """What has to come back beside rows, sequences and schema.

    Attributes:
        rights: owners, roles and grants. pg_dump alone leaves roles out (PostgreSQL documentation, pg_dumpall,
            ``--globals-only``), and a stack that has its image's one role alone may do without them.
    """

    rights: bool = True


@check(
    id="backup.postgres_roundtrip",
    category=Category.BACKUP,
    severity=Severity.CRITICAL,
    title="PostgreSQL comes back from a backup as it was: rows, sequences, schema, roles and grants",
    why="A dump that lacks a schema, a sequence or a role looks like a backup until the day it is needed.",
    source="Claims ledger, backup.postgres_roundtrip; PostgreSQL documentation, chapter 25",
    remediation="Dump the whole database (pg_dump -Fc), and roles with pg_dumpall --globals-only; let the restore stop at "
    "the first error.",
    seeds=("brain",),
    defects=(
        "backup-misses-schema",
        "backup-sequences-behind",
        "backup-loses-roles",
        "backup-loses-grants",
        "backup-empty-exit-0",
        "restore-rolls-back-says-ok",
    ),
)
def check_postgres_roundtrip(backup_drill: BackupDrill, target: Target, limits: PostgresRoundtripLimits) -> Verdict:
    """Judge the differences between the digests."""
    require_backup(target)
    trips = trips_of(target, backup_drill, ("postgres",), Role.DB, what="PostgreSQL")
    require_restore(target, backup_drill)
    return judged(trips, without=() if limits.rights else (Area.RIGHTS,))
