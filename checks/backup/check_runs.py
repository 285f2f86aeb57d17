"""The owner's backup command succeeds and leaves a set with a date."""

from __future__ import annotations

from readiness import Category, Finding, Inconclusive, Measurement, Severity, Verdict, check
from readiness.backup.drilled import evidence_of, is_dated, require_backup, why_failed
from readiness.facts.backup_drill import BackupDrill
from readiness.target import Target


@check(
    id="backup.runs",
    category=Category.BACKUP,
    severity=Severity.CRITICAL,
    title="The backup command ends with 0 and leaves a dated set",
    why="Without a backup that runs, the first lost disk ends it all.",
    source="Claims ledger, backup.runs",
    remediation="Let the command write a new set under a dated name (YYYYMMDD), and end with 0 only when it is whole.",
    seeds=("brain",),
    defects=("backup-script-not-executable",),
)
def check_runs(backup_drill: BackupDrill, target: Target) -> Verdict:
    """Judge the run beside a stack that was written to."""
    backup = require_backup(target)
    fact, run = backup_drill, backup_drill.run
    if run is None:
        raise Inconclusive(fact.not_done.get("backup", "the backup command was not run"))
    duration = Measurement(name="backup command", value=run.seconds, unit="s")
    if not run.is_good:
        return Verdict(
            findings=(Finding(message=why_failed(run, fact.run_at_most_seconds), evidence=evidence_of(run)),),
            measured=(duration,),
        )
    where = backup.directory or "its directory"
    if not fact.set_name:
        reason = fact.not_done.get("set", "")
        if reason and "wrote nothing new" not in reason:
            raise Inconclusive(reason)
        message = f"{run.command} ended with 0 and wrote nothing new into {where}"
        return Verdict(findings=(Finding(message=message, evidence=evidence_of(run)),), measured=(duration,))
    findings = []
    if not any(is_dated(name, run.began) for name in fact.names):
        findings.append(Finding(message=f"the set {fact.set_name} in {where} has no date in its name"))
    size = Measurement(name="size of the set", value=fact.set_bytes, unit="B")
    summary = f"{run.command} wrote {fact.set_name} with {len(fact.files)} files into {where}"
    if fact.refused is not None:
        summary += f"; with the audit's own tables in the stores it ended with {fact.refused.exit_code}"
    return Verdict(findings=tuple(findings), measured=(duration, size), summary=summary)
