"""Old sets are deleted, younger ones are kept, and nothing else is touched."""

from __future__ import annotations

from readiness import Category, Finding, Inconclusive, Severity, Verdict, check
from readiness.backup.tried import ended, evidence_of, require_tried
from readiness.facts.backup_upkeep import BackupUpkeep, Kept
from readiness.target import Target

RETENTION_EXAMPLE = 'backup:\n  retention: {days: 30, name: "%Y%m%d_%H%M%S"}'
#: Who counts whole days deletes what is older by a day.
GRACE_DAYS = 1.0


@check(
    id="backup.retention_30d",
    category=Category.BACKUP,
    severity=Severity.MEDIUM,
    title="Sets older than the declared days are deleted, younger ones kept",
    why="Sets that are never deleted fill the disk; sets that are deleted too early are missing when a mistake is found late.",
    source="Claims ledger, backup.retention_30d",
    remediation="Delete sets by the date in their name or by their age, only what bears such a name, and only after a good run.",
    seeds=("brain",),
    defects=("retention-keeps-all",),
)
def check_retention_30d(backup_upkeep: BackupUpkeep, target: Target) -> Verdict:
    """Judge what a run left of sets of known ages."""
    fact = backup_upkeep
    backup = require_tried(target, fact)
    target.require("backup.retention", backup.retention_days, example=RETENTION_EXAMPLE)
    target.require("backup.retention.name", backup.set_name, example=RETENTION_EXAMPLE)
    if not fact.retention:
        raise Inconclusive(fact.not_done.get("retention") or fact.not_done.get("first") or "it was not tried")
    missed = [f"{kept.what}: {ended(kept.run)}" for kept in fact.retention if not kept.run.is_good]
    findings = [finding for kept in fact.retention if kept.run.is_good for finding in _judged(kept)]
    if not findings and missed:
        raise Inconclusive("; ".join(missed))
    told = "; ".join(
        f"of sets that are {_ages(kept, gone=False)} days old and kept for {kept.days}, those of {_ages(kept, gone=True)} were deleted"
        for kept in fact.retention
    )
    return Verdict(findings=tuple(findings), summary=told)


def _judged(kept: Kept) -> list[Finding]:
    evidence = evidence_of(kept.run)
    messages = [
        f"{name}, {age:g} days old, is still there, and sets are kept for {kept.days} days"
        for name, age in kept.ages.items()
        if age > kept.days + GRACE_DAYS and name not in kept.gone
    ]
    messages += [
        f"{name}, {age:g} days old, was deleted, and sets are kept for {kept.days} days"
        for name, age in kept.ages.items()
        if age <= kept.days and name in kept.gone
    ]
    messages += [f"{name}, which is no set, was deleted" for name in kept.others_gone]
    return [Finding(message=message, evidence=evidence) for message in messages]


def _ages(kept: Kept, *, gone: bool) -> str:
    ages = sorted(age for name, age in kept.ages.items() if not gone or name in kept.gone)
    return ", ".join(f"{age:g}" for age in ages) or "no age"
