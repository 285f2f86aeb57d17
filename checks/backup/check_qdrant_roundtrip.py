"""What vector stores and stores of other kinds held before the backup is what they hold after the restore."""

from __future__ import annotations

from readiness import Category, Severity, Verdict, check
from readiness.backup.drilled import judged, require_backup, require_restore, trips_of
from readiness.facts.backup_drill import BackupDrill
from readiness.target import Role, Target

ELSEWHERE = frozenset({"postgres", "redis", "files"})


@check(
    id="backup.qdrant_roundtrip",
    category=Category.BACKUP,
    severity=Severity.HIGH,
    title="Vector stores, and stores of every other kind, come back from a backup as they were",
    why="An index can be built anew only where what it was built from is still there, and that takes hours.",
    source="Claims ledger, backup.qdrant_roundtrip",
    remediation="Use the store's own snapshots (Qdrant: POST /collections/NAME/snapshots), or archive it while it is stopped.",
    seeds=("brain",),
)
def check_qdrant_roundtrip(backup_drill: BackupDrill, target: Target) -> Verdict:
    """Judge the differences between the digests, of every kind that has no check of its own."""
    require_backup(target)
    kinds = {trip.kind for trip in backup_drill.stores} - ELSEWHERE
    trips = trips_of(
        target, backup_drill, kinds, Role.VECTOR, Role.SEARCH, what="vector store or store of another kind"
    )
    require_restore(target, backup_drill)
    return judged(trips)
