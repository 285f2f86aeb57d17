"""Nobody but their owner can read the sets."""

from __future__ import annotations

from readiness import Category, Evidence, Finding, Inconclusive, Severity, Verdict, check
from readiness.backup.modes import open_to_all, open_to_group
from readiness.backup.tried import require_tried
from readiness.facts.backup_upkeep import BackupUpkeep, Mode
from readiness.target import Target


@check(
    id="backup.file_modes",
    category=Category.BACKUP,
    severity=Severity.MEDIUM,
    title="Only their owner can read the sets",
    why="A dump holds everything that the application protects, and whoever reads it needs no password.",
    source="CIS Controls 3.3; PostgreSQL documentation, pg_dumpall: the output holds hashes of passwords",
    remediation="Begin the script with umask 077, or let nobody else into the directory (chmod 700).",
    defects=("backup-world-readable",),
)
def check_file_modes(backup_upkeep: BackupUpkeep, target: Target) -> Verdict:
    """Judge the modes of what a run wrote, and of the folders that lead to it."""
    fact = backup_upkeep
    require_tried(target, fact)
    files = [mode for mode in fact.modes if not mode.is_folder]
    if not files:
        raise Inconclusive(fact.not_done.get("first", "no set was made"))
    readers = {"everybody": open_to_all(fact.modes), "a group": open_to_group(fact.modes)}
    findings = [
        Finding(message=f"{who} may read {len(found)} of {len(files)} files of the backup", evidence=_evidence(found))
        for who, found in readers.items()
        if found
    ]
    return Verdict(
        findings=tuple(findings), summary=f"only their owner may read the {len(files)} files that a run wrote"
    )


def _evidence(files: tuple[Mode, ...]) -> tuple[Evidence, ...]:
    lines = "\n".join(f"{file.mode} {file.owner}:{file.group} {file.path}" for file in files[:10])
    return (Evidence(source="modes in the directory of the sets", text=lines),)
