"""The backup runs by itself, at least once a day."""

from __future__ import annotations

import math

from readiness import Category, Evidence, Finding, Inconclusive, Measurement, Severity, Verdict, check
from readiness.backup.schedules import longest_gap_seconds, normal
from readiness.backup.tried import require_tried
from readiness.declared.backup import Backup, Schedule
from readiness.facts.backup_upkeep import BackupUpkeep, ScheduleSeen
from readiness.target import Target

SCHEDULE_EXAMPLE = 'backup:\n  schedule: {service: backup, cron: "0 2 * * *"}\n  variables: {cron: BACKUP_CRON}'
#: A day, and the hour by which one is longer when summer time ends.
DAY_SECONDS, HOUR_SECONDS = 86400.0, 3600.0


@check(
    id="backup.schedule_daily",
    category=Category.BACKUP,
    severity=Severity.HIGH,
    title="The backup runs by itself, at least once a day",
    why="A backup that somebody has to think of is not made; a schedule in a file that nobody reads fires never.",
    source="Claims ledger, backup.schedule_daily",
    remediation="Let a service of the stack keep the schedule, take it from a variable, and see a set appear with it every minute.",
    seeds=("brain",),
    defects=("cron-never-fires", "cron-weekly", "backup-script-not-executable"),
)
def check_schedule_daily(backup_upkeep: BackupUpkeep, target: Target) -> Verdict:
    """Judge the schedule in force, and whether one of every minute made a set."""
    fact = backup_upkeep
    backup = require_tried(target, fact)
    target.require("backup.schedule", backup.schedule, example=SCHEDULE_EXAMPLE)
    assert backup.schedule is not None  # noqa: S101  # required above
    seen = fact.schedule or ScheduleSeen(service=backup.schedule.service)
    in_force = _in_force(seen, backup)
    findings = _judged(in_force, backup.schedule)
    if "schedule" not in fact.not_done and seen.fired_seconds is None and seen.waited_seconds:
        message = f"with a schedule of every minute, no set was there after {seen.waited_seconds:.0f} s"
        evidence = Evidence(source=f"log of {seen.service}", text="\n".join(seen.log) or "empty")
        findings.append(Finding(message=message, evidence=(evidence,)))
    if not findings and seen.fired_seconds is None:
        why = fact.not_done.get("schedule") or "no copy with a schedule of every minute was started"
        raise Inconclusive(f"whether the schedule fires is not known: {why}", supply=SCHEDULE_EXAMPLE)
    gaps = [gap for cron in in_force if (gap := longest_gap_seconds(cron)) is not None and math.isfinite(gap)]
    measured = [Measurement(name="longest time between two runs", value=gap, unit="s") for gap in gaps[:3]]
    if seen.fired_seconds is not None:
        measured.append(Measurement(name="first set, scheduled every minute", value=seen.fired_seconds, unit="s"))
    told = ", ".join(in_force) or "what nobody could read"
    return Verdict(
        findings=tuple(findings),
        measured=measured,
        summary=f"{told} is in force in {seen.service}; every minute instead, {seen.new_set or 'no set'} was made by itself",
    )


def _in_force(seen: ScheduleSeen, backup: Backup) -> dict[str, str]:
    """Schedules that are in force for the backup -> where they stand."""
    words = {word.rpartition("/")[2] for word in backup.command if word not in {"sh", "bash", "-c"} and len(word) < 100}  # noqa: PLR2004
    own = {cron: place for cron, place in seen.crons.items() if any(word in place for word in words)}
    crons = own or (dict(seen.crons) if len(seen.crons) == 1 else {})
    if seen.value and backup.schedule is not None and longest_gap_seconds(seen.value) is not None:
        crons.setdefault(normal(seen.value), f"variable {backup.schedule.variable}")
    return crons


def _judged(in_force: dict[str, str], schedule: Schedule) -> list[Finding]:
    declared = normal(schedule.cron)
    found = dict(in_force) or ({declared: "as declared"} if declared else {})
    findings = []
    gaps = {cron: longest_gap_seconds(cron) for cron in found}
    known = [gap for gap in gaps.values() if gap is not None]
    if known and min(known) > DAY_SECONDS + HOUR_SECONDS:
        for cron, gap in gaps.items():
            word = "never" if gap is None or math.isinf(gap) else f"only every {gap / DAY_SECONDS:.3g} days"
            findings.append(Finding(message=f"{cron} ({found[cron]}) fires {word}"))
    elif declared and in_force and declared not in in_force:
        findings.append(Finding(message=f"{declared} is declared, and {', '.join(in_force)} is in force"))
    return findings
