"""A backup that is taken while the stack is written to is of one moment."""

from __future__ import annotations

from readiness import Category, Evidence, Finding, Inconclusive, Measurement, Severity, Verdict, check
from readiness.backup.drilled import require_backup, require_restore
from readiness.backup.marks import Fate, fate_of
from readiness.backup.pictures import picture_of_marks
from readiness.facts.backup_drill import BackupDrill, Marks
from readiness.target import Target

SHOWN = 10


@check(
    id="backup.consistent_under_load",
    category=Category.BACKUP,
    severity=Severity.HIGH,
    title="A backup taken while writes go on is of one moment in each store: what was written together is restored together",
    why="Orders without their items, or items without their order, are found by customers, one by one.",
    source="Claims ledger, backup.consistent_under_load; PostgreSQL documentation, pg_dump: one snapshot",
    remediation="Dump each store in one run (one pg_dump, one snapshot of Redis), never table by table or file by file.",
    seeds=(),
    defects=("backup-torn",),
)
def check_consistent_under_load(backup_drill: BackupDrill, target: Target) -> Verdict:
    """Judge the numbers that were written in pairs before, during and after the backup."""
    require_backup(target)
    fact = backup_drill
    restore = require_restore(target, fact)
    assert fact.run is not None  # noqa: S101  # there is a set
    seconds = fact.run.seconds
    told = [(marks, fate_of(marks, seconds)) for marks in fact.marks if marks.acknowledged and not marks.problem]
    findings = [finding for marks, fate in told for finding in _findings(marks, fate)]
    measured = []
    for marks, fate in told:
        measured += _measured(marks, fate, seconds)
    moments = [fate.last_seconds for _, fate in told if fate.last_seconds is not None]
    if len(moments) > 1:
        apart = round(max(moments) - min(moments), 3)
        measured.append(Measurement(name="moments of the stores apart", value=apart, unit="s"))
    if not findings:
        _require_told(fact, told, restored=restore.is_good)
    words = [
        f"{fate.present} of {len(m.acknowledged)} pairs in {m.service}, {fate.during} written meanwhile"
        for m, fate in told
    ]
    lost = [f"{place} is missing as a whole" for _, fate in told for place in fate.lost]
    return Verdict(
        findings=tuple(findings),
        measured=tuple(measured),
        summary="; ".join([*words, *lost]),
        charts=(picture_of_marks(told, seconds),),
    )


def _require_told(fact: BackupDrill, told: list[tuple[Marks, Fate]], *, restored: bool) -> None:
    if not told:
        problems = [f"{marks.service}: {marks.problem}" for marks in fact.marks] or ["no store took them"]
        raise Inconclusive(f"nothing could be written in pairs while the backup ran: {'; '.join(problems)}")
    gone = [marks.service for marks, fate in told if fate.last_seconds is None]
    if gone:
        why = "" if restored else f": the restore {fact.not_done.get('restore', 'failed')}"
        raise Inconclusive(f"nothing that was written to {', '.join(gone)} came back{why}")
    if not any(fate.during for _, fate in told):
        raise Inconclusive("the backup command ended before anything was written beside it")


def _findings(marks: Marks, fate: Fate) -> list[Finding]:
    found = []
    if fate.torn:
        text = "\n".join(f"{number} is in {places} alone" for number, places in fate.torn[:SHOWN])
        message = (
            f"{len(fate.torn)} of {len(marks.acknowledged)} pairs that were written to {marks.service} at once "
            "came back torn: its parts were backed up at different moments"
        )
        places = ", ".join(marks.present)
        found.append(Finding(message=message, evidence=(Evidence(source=f"{places} after the restore", text=text),)))
    if fate.last_seconds is not None and fate.early:
        numbers = ", ".join(str(number) for number in fate.early[:SHOWN])
        message = f"what {marks.service} had acknowledged before the backup began did not come back: {numbers}"
        found.append(Finding(message=message))
    if fate.holes:
        numbers = ", ".join(str(number) for number in fate.holes[:SHOWN])
        message = (
            f"of what {marks.service} had acknowledged, earlier things are missing and later ones are there: {numbers}"
        )
        found.append(Finding(message=message))
    return found


def _measured(marks: Marks, fate: Fate, seconds: float) -> list[Measurement]:
    found = [
        Measurement(name=f"longest pause of writes to {marks.service}", value=fate.stalled_seconds, unit="s"),
    ]
    if fate.last_seconds is not None:
        lag = max(0.0, round(seconds - fate.last_seconds, 3))
        found.append(Measurement(name=f"{marks.service} is older than the end of its backup by", value=lag, unit="s"))
    return found
