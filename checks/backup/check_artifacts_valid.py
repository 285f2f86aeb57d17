"""The files of a backup set are whole."""

from __future__ import annotations

from readiness import Category, Finding, Inconclusive, Measurement, Severity, Verdict, check
from readiness.backup.drilled import require_backup, require_set
from readiness.facts.backup_drill import BackupDrill
from readiness.target import Target

#: They say nothing of what they hold.
OPAQUE = frozenset({"unknown"})


@check(
    id="backup.artifacts_valid",
    category=Category.BACKUP,
    severity=Severity.HIGH,
    title="The files of a set are intact: archives unpack, dumps and snapshots are whole, checksums agree, none is empty",
    why="A truncated archive is found out on the day it is needed, or never before.",
    source="Claims ledger, backup.artifacts_valid",
    remediation="Let the command read back what it wrote (gzip -t, tar -t, pg_restore --list, redis-check-rdb) before it ends with 0.",
    seeds=("brain",),
    defects=("backup-empty-exit-0", "backup-corrupt-archive"),
)
def check_artifacts_valid(backup_drill: BackupDrill, target: Target) -> Verdict:
    """Judge what reading them through has found."""
    require_backup(target)
    require_set(backup_drill)
    artifacts = backup_drill.artifacts
    if not artifacts:
        raise Inconclusive("no file of the set was read")
    findings = [Finding(message=f"{each.path} {each.problem}") for each in artifacts if each.problem]
    if not findings and all(each.kind in OPAQUE for each in artifacts):
        names = ", ".join(each.path for each in artifacts[:5])
        raise Inconclusive(f"of what kind these files are cannot be told, they may be encrypted: {names}")
    told = {each.path.rpartition("/")[2]: f"{each.kind} by {each.by}" for each in artifacts if each.by}
    summary = "; ".join(f"{name}: {words}" for name, words in list(told.items())[:20])
    measured = (
        Measurement(name="files read through", value=len(artifacts), unit="count"),
        Measurement(name="size of the set", value=backup_drill.set_bytes, unit="B"),
    )
    return Verdict(findings=tuple(findings), measured=measured, summary=summary)
