"""What folders, volumes and stores of other kinds held before the backup is what they hold after the restore."""

from __future__ import annotations

import dataclasses

from readiness import Category, Inconclusive, Severity, Verdict, check
from readiness.backup.drilled import STORES_EXAMPLE, judged, require_backup, require_restore, trips_of
from readiness.facts.backup_drill import BackupDrill
from readiness.target import Role, Target

#: They have checks of their own.
ELSEWHERE = frozenset({"postgres", "redis"})


@check(
    id="backup.files_roundtrip",
    category=Category.BACKUP,
    severity=Severity.HIGH,
    title="Folders, volumes and stores of other kinds come back from a backup as they were: content, names, modes, owners",
    why="Uploads exist nowhere else; a database that names files which are gone is half a restore.",
    source="Claims ledger, backup.qdrant_roundtrip and the heading of its family: restored data alone count",
    remediation="Archive every volume that holds data (tar keeps modes and owners), and unpack it with its permissions; "
    "of stores that write all the time take their own snapshots.",
    covers=("backup.files_roundtrip", "backup.qdrant_roundtrip"),
    seeds=("brain",),
    defects=("backup-skips-uploads", "backup-corrupt-archive", "backup-empty-exit-0"),
)
def check_files_roundtrip(backup_drill: BackupDrill, target: Target) -> Verdict:
    """Judge the differences between the digests of everything but PostgreSQL and Redis."""
    require_backup(target)
    fact = backup_drill
    kinds = {trip.kind for trip in fact.stores} - ELSEWHERE
    if not kinds and fact.uncovered:
        raise Inconclusive(
            f"nobody says whether these volumes are backed up: {', '.join(fact.uncovered)}",
            supply=STORES_EXAMPLE,
            undeclared="backup.stores",
        )
    trips = trips_of(target, fact, kinds, Role.VECTOR, Role.SEARCH, what="folder and no store of another kind")
    require_restore(target, fact)
    verdict = judged(trips)
    if not fact.uncovered:
        return verdict
    summary = f"{verdict.summary}; not among the stores of the backup: {', '.join(fact.uncovered)}"
    return dataclasses.replace(verdict, summary=summary)
