"""One store can be restored, and the others stay as they are."""

from __future__ import annotations

from readiness import Category, Finding, Inconclusive, Severity, Verdict, check
from readiness.backup.tried import ended, evidence_of, require_restores, require_tried, restorable
from readiness.facts.backup_days import BackupDays, Trial
from readiness.target import Target

PARTIAL_EXAMPLE = "backup:\n  partial: {cache: [/restore.sh, '{set}', --only, cache]}"


@check(
    id="backup.restore_partial",
    category=Category.BACKUP,
    severity=Severity.MEDIUM,
    title="A single store can be restored alone",
    why="Who has to bring back one store should not lose what the others got since.",
    source="Claims ledger, backup.restore_partial",
    remediation="Give the restore a list of stores, and touch none that is not on it.",
    seeds=("brain",),
    defects=("restore-always-all",),
)
def check_restore_partial(backup_days: BackupDays, target: Target) -> Verdict:
    """Judge by the words in each store: those of the set in the one, those of later in the others."""
    fact = backup_days
    backup = require_tried(target, fact)
    target.require("backup.partial", backup.partial, example=PARTIAL_EXAMPLE)
    require_restores(target, fact)
    if not fact.partial:
        raise Inconclusive(fact.not_done.get("partial", "it was not tried"))
    findings, missed = [], []
    for service, trial in fact.partial.items():
        own = [label for label in trial.held if label.partition(":")[0] == service]
        if trial.run.exit_code is None:
            missed.append(f"{service}: {trial.run.problem}")
        elif not own:
            missed.append(f"{service} is none of the stores that were written to: {', '.join(trial.held)}")
        elif not set(own) & set(restorable(fact)):
            missed.append(f"{service} is not restored with the others either")
        else:
            findings += _judged(service, trial, own, fact)
    if not findings and missed:
        raise Inconclusive("; ".join(missed))
    return Verdict(findings=tuple(findings), summary=f"restored alone: {', '.join(fact.partial)}")


def _judged(service: str, trial: Trial, own: list[str], fact: BackupDays) -> list[Finding]:
    evidence = evidence_of(trial.run)
    if trial.run.exit_code != 0:
        return [Finding(message=f"{service} is not restored alone: {ended(trial.run)}", evidence=evidence)]
    wanted = fact.sets.get(trial.set, {})
    messages = [
        f"{label} holds {', '.join(trial.holds.get(label, ())) or 'nothing'} after its restore"
        for label in own
        if trial.holds.get(label) != wanted.get(label)
    ]
    messages += [
        f"the restore of {service} alone has changed {label}, which holds {', '.join(trial.holds.get(label, ())) or 'nothing'}"
        for label in trial.held
        if label not in own and trial.holds.get(label) != trial.held[label]
    ]
    return [Finding(message=message, evidence=evidence) for message in messages]
