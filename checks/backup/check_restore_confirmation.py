"""A restore asks first, and anything but a yes changes nothing."""

from __future__ import annotations

from readiness import Category, Finding, Inconclusive, Severity, Verdict, check
from readiness.backup.tried import evidence_of, holding, require_restores, require_tried
from readiness.facts.backup_days import BackupDays, Trial
from readiness.target import Target

STDIN_EXAMPLE = 'backup:\n  stdin: "yes\\n"  # what the restore asks for'


@check(
    id="backup.restore_confirmation",
    category=Category.BACKUP,
    severity=Severity.MEDIUM,
    title="A restore that is not confirmed changes nothing",
    why="A restore replaces what is there: one that is begun by mistake loses everything since the backup.",
    source="Claims ledger, backup.restore_confirmation",
    remediation='Read the answer before anything is touched; go on only for "yes", and end with another code than 0 otherwise.',
    seeds=("brain",),
    defects=("restore-without-asking",),
)
def check_restore_confirmation(backup_days: BackupDays, target: Target) -> Verdict:
    """Judge restores that were answered no, nothing, and not at all."""
    fact = backup_days
    backup = require_tried(target, fact)
    target.require("backup.stdin", backup.confirm, example=STDIN_EXAMPLE)
    require_restores(target, fact)
    if not fact.confirmation:
        raise Inconclusive(fact.not_done.get("confirmation", "it was not tried"))
    findings = [finding for trial in fact.confirmation if (finding := _judged(trial)) is not None]
    missed = [f"{trial.what}: {trial.run.problem}" for trial in fact.confirmation if trial.run.exit_code is None]
    if not findings and missed:
        raise Inconclusive("; ".join(missed))
    answers = ", ".join(trial.what for trial in fact.confirmation)
    return Verdict(findings=tuple(findings), summary=f"nothing was changed after {answers}")


def _judged(trial: Trial) -> Finding | None:
    evidence = evidence_of(trial.run)
    if not trial.is_unchanged:
        now = holding({label: words for label, words in trial.holds.items() if words != trial.held.get(label)})
        return Finding(
            message=f"answered with {trial.what}, the restore went on: {now or 'data is gone'}", evidence=evidence
        )
    if trial.run.exit_code == 0:
        return Finding(
            message=f"answered with {trial.what}, the restore did nothing and ended with 0", evidence=evidence
        )
    return None
