"""A backup that cannot do its work says so, and takes nothing away."""

from __future__ import annotations

from readiness import Category, Finding, Inconclusive, Measurement, Severity, Verdict, check
from readiness.backup.tried import evidence_of, holding, is_left_as_good, require_tried, says_so, set_held
from readiness.facts.backup_days import BackupDays, FailingRun
from readiness.facts.backup_upkeep import BackupUpkeep
from readiness.target import Target


@check(
    id="backup.failure_detected",
    category=Category.BACKUP,
    severity=Severity.HIGH,
    title="A backup that cannot reach a store fails loudly and deletes nothing",
    why="A backup that fails in silence is found out on the day when it is needed.",
    source="Claims ledger, backup.failure_detected",
    remediation="Stop at the first error (set -euo pipefail), end with another code than 0, remove or mark what is not whole, and "
    "delete old sets only after a new one is finished.",
    seeds=(),
    defects=("backup-hides-failure", "retention-deletes-last-good", "backup-stale-redis"),
)
def check_failure_detected(backup_days: BackupDays, backup_upkeep: BackupUpkeep, target: Target) -> Verdict:
    """Judge runs while a store was away or its password wrong, and what became of the only set through such a run."""
    require_tried(target, backup_days)
    runs, kept = backup_days.failing, backup_upkeep.last_good
    findings, missed = [], []
    for run in runs:
        if run.run.exit_code is None:
            missed.append(f"{run.what}: {run.run.problem}")
        else:
            findings += _judged(run, backup_days)
    if kept is not None and kept.gone:
        age = next(iter(kept.ages.values()), 0.0)
        message = f"the only set, {age:g} days old, was deleted by a run that made no new one ({kept.what})"
        findings.append(Finding(message=message, evidence=evidence_of(kept.run)))
    if not findings and (missed or not any(run.is_certain for run in runs)):
        raise Inconclusive("; ".join(missed) or backup_days.not_done.get("failing", "no store could be stopped"))
    tried = ", ".join(run.what for run in runs)
    measured = (Measurement(name="backups that could not go well", value=len(runs), unit="count"),)
    return Verdict(findings=tuple(findings), measured=measured, summary=f"each failed loudly: {tried}")


def _judged(run: FailingRun, fact: BackupDays) -> list[Finding]:
    messages = []
    if run.run.exit_code == 0 and (run.is_certain or run.short):
        lacking = f", and the set lacks something: {'; '.join(run.short[:3])}" if run.short else ""
        messages.append(f"{run.what}: the backup ended with 0{lacking}")
    elif run.run.exit_code != 0 and not says_so(run.run, (run.report,)):
        messages.append(f"{run.what}: the backup ended with {run.run.exit_code} and does not say that it failed")
    if run.run.exit_code != 0 and is_left_as_good(run):
        messages.append(f"{run.what}: {run.left[0]} is left like a good set, and {'; '.join(run.short[:3])}")
    if run.lost:
        messages.append(f"{run.what}: older sets are gone: {', '.join(run.lost[:5])}")
    if run.then is not None and run.then.run.exit_code == 0 and set_held(run.then, fact) != run.then.set:
        why = holding(run.then.holds)
        messages.append(f"{run.what}: a restore without a name took what the failed run had left: {why}")
    return [Finding(message=message, evidence=evidence_of(run.run)) for message in messages]
