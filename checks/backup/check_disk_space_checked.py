"""A backup that finds no room says so and leaves nothing that looks whole."""

from __future__ import annotations

from readiness import Category, Finding, Inconclusive, Measurement, Severity, Verdict, check
from readiness.backup.tried import evidence_of, is_left_as_good, require_tried
from readiness.facts.backup_days import BackupDays
from readiness.target import Target


@check(
    id="backup.disk_space_checked",
    category=Category.BACKUP,
    severity=Severity.MEDIUM,
    title="A backup without room on its disk fails, and no set that is cut short looks whole",
    why="Disks of backups fill up by themselves; the newest set is then the one that cannot be restored.",
    source="Claims ledger, backup.disk_space_checked",
    remediation="Compare free space with the size of the last set before the run, write under another name, and rename what is whole.",
    seeds=("brain",),
    defects=("backup-ignores-full-disk",),
)
def check_disk_space_checked(backup_days: BackupDays, target: Target) -> Verdict:
    """Judge one run that had room for a part of a set."""
    require_tried(target, backup_days)
    crowded = backup_days.crowded
    if crowded is None:
        raise Inconclusive(backup_days.not_done.get("crowded", "it was not tried"))
    run = crowded.run
    if run.exit_code is None:
        raise Inconclusive(run.problem)
    if run.exit_code == 0 and crowded.left and not crowded.short:
        raise Inconclusive(
            f"with room for {crowded.room_bytes} bytes a whole set was written: elsewhere than where room was taken away",
            supply="backup:\n  variables: {directory: BACKUP_DIR}",
        )
    message = ""
    if run.exit_code == 0:
        message = f"with room for {crowded.room_bytes} bytes, the backup ended with 0"
        message += f", and {'; '.join(crowded.short[:3])}" if crowded.short else " and left no set"
    elif is_left_as_good(crowded):
        message = f"the backup ended with {run.exit_code} and left {crowded.left[0]} like a good set: {'; '.join(crowded.short[:3])}"
    findings = (Finding(message=message, evidence=evidence_of(run)),) if message else ()
    measured = (Measurement(name="room on the disk", value=crowded.room_bytes, unit="B"),)
    summary = f"with room for {crowded.room_bytes} bytes, the backup ended with {run.exit_code} and left no set"
    return Verdict(findings=findings, measured=measured, summary=summary)
