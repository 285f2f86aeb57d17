"""How much work a disaster costs: the newest good backup is young enough at any time."""

from __future__ import annotations

import math

from readiness import Category, Finding, Inconclusive, Measurement, Severity, Verdict, check
from readiness.backup.drilled import require_backup, require_restore
from readiness.backup.marks import fate_of
from readiness.backup.schedules import longest_gap_seconds
from readiness.facts.backup_drill import BackupDrill
from readiness.target import Target

SCHEDULE_EXAMPLE = "backup:\n  schedule: {service: backup, cron: '0 2 * * *'}\n  rpo_seconds: 86400"


@check(
    id="backup.rpo_24h",
    category=Category.BACKUP,
    severity=Severity.HIGH,
    title="At most a day's work is lost: backups run as often as promised, and hold what was written until they ran",
    why="What was written since the last good backup is gone for good.",
    source="Claims ledger, backup.rpo_24h",
    remediation="Schedule the backup at least as often as the RPO asks for.",
    seeds=("brain",),
    defects=("cron-weekly",),
)
def check_rpo_24h(backup_drill: BackupDrill, target: Target) -> Verdict:
    """Judge the schedule in force, and how far the restored data lag behind the end of the backup.

    The disaster comes at the worst moment: when the next backup is about to begin. What is lost then is what was written
    since the last marker that came back, which is the longest gap of the schedule and the lag of the backup itself. Gap
    and lag are held to the promise one by one: a daily backup keeps one of 24 h, although it takes a while.
    """
    backup = require_backup(target)
    fact = backup_drill
    gap = longest_gap_seconds(fact.cron) if fact.cron else None
    if gap is not None and math.isinf(gap):
        return Verdict(findings=(Finding(message=f"the schedule {fact.cron} never fires"),))
    if gap is not None and gap > backup.rpo_seconds:
        # Too seldom is too seldom, whatever the set holds.
        longest = Measurement(name="between two backups", value=gap, unit="s", at_most=backup.rpo_seconds)
        return Verdict(measured=(longest,))
    require_restore(target, fact)
    assert fact.run is not None  # noqa: S101  # there is a set
    lags = _lags(fact, fact.run.seconds)
    measured = [
        Measurement(
            name=f"{what} is older than the end of its backup by", value=lag, unit="s", at_most=backup.rpo_seconds
        )
        for what, lag in lags.items()
    ]
    if all(each.is_within for each in measured):
        target.require("backup.schedule", backup.schedule, example=SCHEDULE_EXAMPLE)
        if gap is None:
            raise Inconclusive(f"when {fact.cron or 'the schedule'} fires is not known", supply=SCHEDULE_EXAMPLE)
    if gap is not None:
        measured.append(Measurement(name="between two backups", value=gap, unit="s", at_most=backup.rpo_seconds))
        measured.append(Measurement(name="RPO", value=gap + max(lags.values()), unit="s"))
    summary = f"{fact.cron} leaves at most {(gap or 0.0) / 3600:.0f} h between two backups"
    return Verdict(measured=tuple(measured), summary=summary)


def _lags(fact: BackupDrill, run_seconds: float) -> dict[str, float]:
    """Store -> how much older than the end of the backup its restored data are.

    Raises:
        Inconclusive: nothing tells.
    """
    fates = {marks.service: fate_of(marks, run_seconds) for marks in fact.marks if marks.acknowledged}
    lags = {
        service: max(0.0, round(run_seconds - fate.last_seconds, 3))
        for service, fate in fates.items()
        if fate.last_seconds is not None
    }
    gone = [service for service in fates if service not in lags]
    if gone:
        raise Inconclusive(f"nothing tells how old a set is: what was written to {', '.join(gone)} did not come back")
    if not lags:
        # What was there when the command began has come back: it is no older than that.
        lags = {
            trip.label: run_seconds
            for trip in fact.stores
            if trip.planted and not trip.differences and not trip.problem
        }
    if not lags:
        raise Inconclusive("nothing tells how old a set is: nothing that was written beside its backup came back")
    return lags
