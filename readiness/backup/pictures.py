"""Pictures of a drill: what was written while a backup ran, and the way back to a working service."""

from __future__ import annotations

from collections.abc import Iterable

from readiness.backup.marks import Fate
from readiness.chart import Chart, Lane, Span, Tone
from readiness.facts.backup_drill import BackupDrill, Marks

__all__ = ["picture_of_marks", "picture_of_restore"]

#: More points lie on each other.
MAX_POINTS = 100


def picture_of_marks(told: Iterable[tuple[Marks, Fate]], run_seconds: float) -> Chart:
    """Which of the numbers came back, store by store, beside the backup command."""
    lanes = [Lane(label="backup command", spans=(Span(start=0.0, end=run_seconds, label="runs"),))]
    lanes += [_lane(marks, fate) for marks, fate in told]
    return Chart(title="What was written while the backup ran, and what of it came back", lanes=tuple(lanes))


def picture_of_restore(fact: BackupDrill) -> Chart:
    """From the beginning of the restore command to the first record read."""
    lanes = []
    if fact.restore is not None:
        span = Span(start=0.0, end=fact.restore.seconds, label="runs")
        lanes.append(Lane(label="restore command", spans=(span,)))
    moments = {"the service is ready": fact.ready_seconds, "a record of before is read": fact.read_seconds}
    for label, at in moments.items():
        if at is not None:
            lanes.append(Lane(label=label, spans=(Span(start=at, end=at, tone=Tone.GOOD, label=label),)))
    return Chart(title="From the restore command to a working service", lanes=tuple(lanes))


def _lane(marks: Marks, fate: Fate) -> Lane:
    first, last = marks.acknowledged[0].seconds, marks.acknowledged[-1].seconds
    spans = []
    if fate.last_seconds is None:
        spans.append(Span(start=first, end=last, tone=Tone.WARN, label="did not come back"))
    else:
        spans.append(Span(start=first, end=fate.last_seconds, tone=Tone.GOOD, label="came back"))
        if last > fate.last_seconds:
            spans.append(Span(start=fate.last_seconds, end=last, label="was written later"))
    missing = {number for number, _ in fate.torn} | {*fate.early, *fate.holes}
    points = [mark.seconds for mark in marks.acknowledged if mark.number in missing][:MAX_POINTS]
    spans += [Span(start=at, end=at, tone=Tone.BAD, label="torn or missing") for at in points]
    return Lane(label=f"pairs in {marks.service}", spans=tuple(spans))
