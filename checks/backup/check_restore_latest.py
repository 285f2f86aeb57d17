"""Without a name, a restore takes the latest set."""

from __future__ import annotations

from readiness import Category, Finding, Inconclusive, Severity, Verdict, check
from readiness.backup.tried import evidence_of, holding, require_restores, set_held
from readiness.facts.backup_days import BackupDays
from readiness.target import Target


@check(
    id="backup.restore_latest",
    category=Category.BACKUP,
    severity=Severity.MEDIUM,
    title="A restore without a name brings back the latest set",
    why="In an emergency nobody wants to choose; an older set than the latest loses what could have been kept.",
    source="Claims ledger, backup.restore_latest",
    remediation="Sort the sets by name or time and take the last one where no argument is given.",
    seeds=("brain",),
    defects=("restore-oldest",),
)
def check_restore_latest(backup_days: BackupDays, target: Target) -> Verdict:
    """Judge by the words that the stores hold which of the sets was restored."""
    fact = backup_days
    require_restores(target, fact)
    trial = fact.latest
    if trial is None:
        raise Inconclusive(fact.not_done.get("latest", "it was not tried"))
    if trial.run.exit_code is None:
        raise Inconclusive(trial.run.problem)
    evidence = evidence_of(trial.run)
    found, names = set_held(trial, fact), list(fact.sets)
    if found == names[-1]:
        return Verdict(summary=f"without a name, {found} was restored, the latest of {len(names)} sets")
    if found:
        message = f"without a name, {found} was restored, and the latest set is {names[-1]}"
    elif trial.is_unchanged and trial.run.exit_code != 0:
        message = f"without a name, nothing is restored: it ended with {trial.run.exit_code}"
        # It harms nobody, and whoever restores has to look a name up.
        return Verdict(findings=(Finding(message=message, evidence=evidence),), credit=0.5)
    elif trial.is_unchanged:
        message = "without a name, the restore ended with 0 and restored nothing"
    else:
        message = f"without a name, no set was restored as it is: {holding(trial.holds)}"
    return Verdict(findings=(Finding(message=message, evidence=evidence),))
