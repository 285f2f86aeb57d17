"""How long a restore takes, until the service works again."""

from __future__ import annotations

from dataclasses import dataclass

from readiness import Category, Finding, Inconclusive, Measurement, Severity, Verdict, check
from readiness.backup.areas import area_of
from readiness.backup.drilled import CONTENT, require_backup, require_restore, timed_out, why_failed
from readiness.backup.pictures import picture_of_restore
from readiness.facts.backup_drill import BackupDrill
from readiness.target import Target

#: Less than this is restored in the time that programs need to start, and says nothing of more.
TELLING_BYTES = 16 * 1024 * 1024
GIBIBYTE = 1024**3


@dataclass(frozen=True, kw_only=True)
class RtoLimits:
    """What a restore is held to beside the declared time.

    Attributes:
        data_bytes: of the sets that production has; at the pace of the drill such a set has to be restored in time, too. 0
            where nobody says.
    """

    data_bytes: int = 0


@check(
    id="backup.rto_30m",
    category=Category.BACKUP,
    severity=Severity.MEDIUM,
    title="A restore takes less than half an hour, or than declared, until the service is ready and a record is read",
    why="Until then nobody can work.",
    source="Claims ledger, backup.rto_30m",
    remediation="Restore in parallel (pg_restore -j), from a disk nearby, or keep a standby; or declare backup.rto_seconds.",
    seeds=("brain",),
    defects=("restore-slow",),
)
def check_rto_30m(backup_drill: BackupDrill, target: Target, limits: RtoLimits) -> Verdict:
    """Judge the time from the beginning of the restore command to readiness and the first record read.

    The start of the empty stack that it restores into is measured beside it: on the day there may be one already.
    """
    backup = require_backup(target)
    fact = backup_drill
    restore = require_restore(target, fact)
    if timed_out(restore, fact.restore_at_most_seconds):
        if fact.restore_at_most_seconds < backup.rto_seconds:
            raise Inconclusive(f"the restore still ran after {restore.seconds:.0f} s, and was ended")
        return Verdict(findings=(Finding(message=why_failed(restore, fact.restore_at_most_seconds)),))
    if not restore.is_good:
        raise Inconclusive(f"{why_failed(restore, fact.restore_at_most_seconds)}, so nothing says how long one takes")
    if fact.ready_seconds is None:
        raise Inconclusive("the service did not become ready after the restore")
    lost = [trip.label for trip in fact.stores if any(area_of(one) in CONTENT for one in trip.differences)]
    if lost:
        raise Inconclusive(f"{', '.join(lost)} did not come back whole: how long that took tells nothing")
    until = fact.read_seconds if fact.read_seconds is not None else fact.ready_seconds
    measured = [
        Measurement(name="RTO", value=until, unit="s", at_most=backup.rto_seconds),
        Measurement(name="restore command", value=restore.seconds, unit="s"),
    ]
    if fact.start_seconds is not None:
        measured.append(Measurement(name="start of the empty stack", value=fact.start_seconds, unit="s"))
    if fact.set_bytes >= TELLING_BYTES and restore.seconds > 0:
        pace = fact.set_bytes / restore.seconds
        measured.append(Measurement(name="restored of the set a second", value=round(pace), unit="B"))
        name, size = (
            ("a set of production's size", limits.data_bytes) if limits.data_bytes else ("a set of 1 GiB", GIBIBYTE)
        )
        at_most = backup.rto_seconds if limits.data_bytes else None
        measured.append(
            Measurement(name=f"{name} at this pace", value=round(size / pace, 1), unit="s", at_most=at_most)
        )
    what = "a record of before was read" if fact.read_seconds is not None else "the service was ready"
    return Verdict(
        measured=tuple(measured),
        summary=f"{what} {until:.1f} s after the restore command began",
        charts=(picture_of_restore(fact),),
    )
