"""Nobody but their owner can read the sets."""

from __future__ import annotations

from pathlib import PurePosixPath

from readiness import Category, Evidence, Finding, Inconclusive, Severity, Verdict, check
from readiness.backup.tried import require_tried
from readiness.facts.backup_upkeep import BackupUpkeep, Mode
from readiness.target import Target

OTHERS_READ, OTHERS_ENTER, GROUP_READ, GROUP_ENTER = 0o004, 0o001, 0o040, 0o010


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
    folders = {mode.path: mode for mode in fact.modes if mode.is_folder}
    open_to_all = [f for f in files if _may(f, folders, reads=OTHERS_READ, enters=OTHERS_ENTER)]
    open_to_group = [
        f
        for f in files
        if f not in open_to_all and _is_shared(f) and _may(f, folders, reads=GROUP_READ, enters=GROUP_ENTER)
    ]
    findings = [
        Finding(message=f"{who} may read {len(found)} of {len(files)} files of the backup", evidence=_evidence(found))
        for who, found in (("everybody", open_to_all), ("a group", open_to_group))
        if found
    ]
    return Verdict(
        findings=tuple(findings), summary=f"only their owner may read the {len(files)} files that a run wrote"
    )


def _may(file: Mode, folders: dict[str, Mode], *, reads: int, enters: int) -> bool:
    """Whether somebody may read a file: the right to, and into each folder from the directory of the sets on."""
    if not int(file.mode, 8) & reads:
        return False
    parents = (str(parent) for parent in PurePosixPath(file.path).parents)
    return all(int(folders[path].mode, 8) & enters for path in parents if path in folders)


def _is_shared(file: Mode) -> bool:
    """Whether the group is more than its owner: one of the same number is private, and that of root holds root."""
    return file.group not in {file.owner, 0}


def _evidence(files: list[Mode]) -> tuple[Evidence, ...]:
    lines = "\n".join(f"{file.mode} {file.owner}:{file.group} {file.path}" for file in files[:10])
    return (Evidence(source="modes in the directory of the sets", text=lines),)
