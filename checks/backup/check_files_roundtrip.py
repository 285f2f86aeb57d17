"""The files that a folder or volume held before the backup are there after the restore."""

from __future__ import annotations

from readiness import Category, Inconclusive, Severity, Verdict, check
from readiness.backup.drilled import STORES_EXAMPLE, judged, require_backup, require_restore, trips_of
from readiness.facts.backup_drill import BackupDrill
from readiness.target import Target


@check(
    id="backup.files_roundtrip",
    category=Category.BACKUP,
    severity=Severity.HIGH,
    title="Folders and volumes come back from a backup as they were: files, names, modes and owners",
    why="Uploads exist nowhere else; a database that names files which are gone is half a restore.",
    source="Claims ledger, heading of Backup and restore: restored data alone counts",
    remediation="Archive every volume that holds data (tar keeps modes and owners), and unpack it with its permissions.",
    defects=("backup-skips-uploads", "backup-corrupt-archive"),
)
def check_files_roundtrip(backup_drill: BackupDrill, target: Target) -> Verdict:
    """Judge the differences between the digests."""
    require_backup(target)
    if not backup_drill.of("files") and backup_drill.uncovered:
        raise Inconclusive(
            f"nobody says whether these volumes are backed up: {', '.join(backup_drill.uncovered)}",
            supply=STORES_EXAMPLE,
            undeclared="backup.stores",
        )
    trips = trips_of(target, backup_drill, ("files",), what="folder")
    require_restore(target, backup_drill)
    verdict = judged(trips)
    if not backup_drill.uncovered:
        return verdict
    summary = f"{verdict.summary}; not among the stores of the backup: {', '.join(backup_drill.uncovered)}"
    return Verdict(findings=verdict.findings, measured=verdict.measured, summary=summary)
