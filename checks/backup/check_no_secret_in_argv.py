"""A backup shows no secret to whoever looks at processes, output or report."""

from __future__ import annotations

from readiness import Category, Evidence, Finding, Inconclusive, Measurement, NotApplicable, Severity, Verdict, check
from readiness.backup.tried import require_tried
from readiness.facts.backup_upkeep import BackupUpkeep
from readiness.target import Target


@check(
    id="backup.no_secret_in_argv",
    category=Category.BACKUP,
    severity=Severity.HIGH,
    title="A backup has no secret on a command line, in its output or in its report",
    why="Command lines are read by every process of the machine, and output ends in logs and mails.",
    source="PostgreSQL documentation, The Password File; CWE-214",
    remediation="Hand passwords over by environment (PGPASSWORD, REDISCLI_AUTH), by file or by standard input.",
    defects=("backup-password-in-argv",),
)
def check_no_secret_in_argv(backup_upkeep: BackupUpkeep, target: Target) -> Verdict:
    """Judge where the stack's secrets were seen while the backup ran."""
    fact = backup_upkeep
    backup = require_tried(target, fact)
    if fact.first is None:
        raise Inconclusive(fact.not_done.get("first", "the backup was not run"))
    if not fact.searched:
        if not fact.first.is_good:
            raise Inconclusive(f"the backup did not do its work: {fact.not_done.get('first', '')}")
        raise NotApplicable("no variable of the stack holds a secret")
    findings = [
        Finding(message=f"{shown.name} is in {shown.where}", evidence=(Evidence(source=shown.where, text=shown.text),))
        for shown in fact.shown
    ]
    if not findings and not fact.first.is_good:
        raise Inconclusive(f"the backup did not do its work: {fact.not_done.get('first', '')}")
    if not findings and backup.is_on_host:
        raise Inconclusive(
            "no secret was in output or report; command lines are hidden by what confines it on this machine"
        )
    if not findings and not fact.command_lines:
        raise Inconclusive("no process of the backup could be seen: it was over too soon, or /proc cannot be read")
    measured = (Measurement(name="command lines seen", value=fact.command_lines, unit="count"),)
    summary = f"none of {len(fact.searched)} secrets was on {fact.command_lines} command lines, in output or report"
    return Verdict(findings=tuple(findings), measured=measured, summary=summary)
