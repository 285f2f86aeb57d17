"""What the checks of a drill have in common: how far it came, and what differs in one store."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Collection, Iterable

from readiness.backup.areas import Area, area_of
from readiness.backup.words import told
from readiness.declared.backup import BACKUP_EXAMPLE, Backup, backup_of
from readiness.declared.persistence import persistence_of
from readiness.facts.backup import CommandRun
from readiness.facts.backup_drill import BackupDrill, StoreTrip
from readiness.facts.digest import Difference
from readiness.target import Role, Target
from readiness.verdict import Evidence, Finding, Inconclusive, Measurement, NotApplicable, Verdict

__all__ = [
    "CONTENT",
    "STORES_EXAMPLE",
    "evidence_of",
    "is_dated",
    "judged",
    "require_backup",
    "require_restore",
    "require_set",
    "timed_out",
    "trips_of",
    "why_failed",
]

#: How everything begins that the audit puts into stores.
PLANTED = "readiness_"
STORES_EXAMPLE = "backup:\n  stores: [db, cache, {service: api, kind: files, path: /data}]"
SHOWN_LINES, SHOWN_DIFFERENCES = 15, 20
#: What cannot be missed where rows are compared.
CONTENT = frozenset({Area.CONTENT, Area.SEQUENCES})
_NOT_FOUND = {126: "cannot be executed", 127: "was not found"}
_DATE = re.compile(r"(?<!\d)(\d{4})[-_.]?(\d{2})[-_.]?(\d{2})")
_AREAS = {
    Area.CONTENT: "content",
    Area.SEQUENCES: "sequences",
    Area.SCHEMA: "schema",
    Area.RIGHTS: "owners, roles and grants",
    Area.COMMENTS: "comments",
    Area.SETTINGS: "settings",
}


def require_backup(target: Target) -> Backup:
    """The declaration.

    Raises:
        NotApplicable, Inconclusive: there is none.
    """
    backup = backup_of(target)
    target.require("backup", backup, example=BACKUP_EXAMPLE)
    assert backup is not None  # noqa: S101  # required just now
    return backup


def require_set(fact: BackupDrill) -> CommandRun:
    """The run that wrote the set.

    Raises:
        Inconclusive: there is none, with its cause.
    """
    if fact.run is None or not fact.run.is_good:
        raise Inconclusive(f"nothing was backed up: {fact.not_done.get('backup') or 'the command was not run'}")
    if "set" in fact.not_done:
        raise Inconclusive(fact.not_done["set"])
    return fact.run


def require_restore(target: Target, fact: BackupDrill) -> CommandRun:
    """The run that brought the set back.

    Raises:
        Inconclusive: nothing was restored, with its cause.
    """
    require_set(fact)
    backup = require_backup(target)
    target.require("backup.restore", backup.restore, example=BACKUP_EXAMPLE)
    if "restored" in fact.not_done:
        raise Inconclusive(fact.not_done["restored"])
    if fact.restore is None:
        raise Inconclusive("the restore command was not run")
    if fact.restore.exit_code is None and not timed_out(fact.restore, fact.restore_at_most_seconds):
        raise Inconclusive(f"the restore command: {fact.restore.problem}")
    return fact.restore


def timed_out(run: CommandRun, at_most_seconds: float) -> bool:
    """Whether it was ended because its time was up."""
    return run.exit_code is None and 0 < at_most_seconds <= run.seconds + 1.0


def why_failed(run: CommandRun, at_most_seconds: float) -> str:
    """In words why a command did not succeed; it has been run.

    Raises:
        Inconclusive: that says nothing about the command: it could not be run, or lacked what it has where the owner
            runs it.
    """
    if timed_out(run, at_most_seconds):
        return f"{run.command} still ran after {run.seconds:.0f} s"
    if run.exit_code is None:
        raise Inconclusive(f"{run.command}: {run.problem}")
    if run.lacked or run.refused:
        missing = [*(f"it has no {what}" for what in run.lacked), *(f"not answered: {what}" for what in run.refused)]
        raise Inconclusive(
            f"{run.command} ended with {run.exit_code} where it is confined: {'; '.join(missing[:5])}",
            supply="backup: {run: SERVICE, …}   # a service of the stack that has what it needs",
        )
    if run.exit_code in _NOT_FOUND:
        return f"{run.command} {_NOT_FOUND[run.exit_code]}"
    return f"{run.command} ended with {run.exit_code}"


def evidence_of(run: CommandRun) -> tuple[Evidence, ...]:
    """The last of what it printed."""
    text = "\n".join(run.lines[-SHOWN_LINES:])
    return (Evidence(source=f"output of {run.command}", text=text),) if text else ()


def is_dated(name: str, began: str) -> bool:
    """Whether a name holds the date of a run, or that of the day before or after: names may be in local time."""
    try:
        day = dt.datetime.fromisoformat(began).date()
    except ValueError:
        return False
    near = {day + dt.timedelta(days=days) for days in (-1, 0, 1)}
    return any((int(y), int(m), int(d)) in {(n.year, n.month, n.day) for n in near} for y, m, d in _DATE.findall(name))


def trips_of(
    target: Target, fact: BackupDrill, kinds: Collection[str], *roles: Role, what: str
) -> tuple[StoreTrip, ...]:
    """The stores of these kinds that came back.

    Raises:
        NotApplicable: there are none.
        Inconclusive: the stack has one that the backup is not declared to hold.
    """
    found = fact.of(*kinds)
    if found:
        return found
    volatile = {service for service, word in persistence_of(target).items() if word == "volatile"}
    known = {trip.service for trip in fact.stores}
    left_out = [s for role in roles for s in target.services_of(role) if s not in volatile | known]
    if left_out:
        raise Inconclusive(
            f"{', '.join(left_out)}: not among backup.stores, so nobody says that it is backed up",
            supply=f"{STORES_EXAMPLE}\npersistence: {{{left_out[0]}: volatile}}   # where losing it costs nothing but time",
            undeclared="backup.stores",
        )
    if "stores" in fact.not_done:
        raise Inconclusive(fact.not_done["stores"], supply=STORES_EXAMPLE, undeclared="backup.stores")
    raise NotApplicable(f"no {what} is among the stores of the backup")


def judged(trips: Iterable[StoreTrip], *, without: Collection[Area] = ()) -> Verdict:
    """Whether stores came back as they were.

    Args:
        trips: what became of them.
        without: what need not come back.

    Raises:
        Inconclusive: nothing is wrong as far as can be told, and that is not far enough.
    """
    findings: list[Finding] = []
    untold: list[str] = []
    words: list[str] = []
    measured: list[Measurement] = []
    for trip in trips:
        if trip.problem:
            untold.append(f"{trip.label}: {trip.problem}")
            continue
        wrong = [one for one in trip.differences if area_of(one) not in without]
        findings += _findings(trip, wrong)
        # Rows that are too many to be listed and change by themselves were not compared either.
        unseen = {**trip.untold, **{place: why for place, why in trip.moved.items() if why.startswith("rows")}}
        untold += [f"{trip.label}: {place}: {why}" for place, why in unseen.items() if place.startswith("rows of ")]
        if not trip.rows and not trip.planted:
            why = "; ".join(trip.refused.values())
            untold.append(f"{trip.label} held nothing that could be lost, and nothing could be put into it: {why}")
        words.append(_words(trip))
        measured += _measured(trip)
    if untold and not findings:
        raise Inconclusive("; ".join(untold)[:1500])
    return Verdict(findings=tuple(findings), measured=tuple(measured), summary="; ".join(words)[:1500])


def _findings(trip: StoreTrip, differences: Iterable[Difference]) -> list[Finding]:
    by_area: dict[Area, list[Difference]] = {}
    for one in differences:
        by_area.setdefault(area_of(one), []).append(one)
    findings = []
    for area in sorted(by_area, key=list(Area).index):
        some = by_area[area]
        first = told(some[0])[:300]
        if PLANTED in first:
            first += " (what is called so, the audit had put there before the backup)"
        if len(some) == 1:
            message = f"{trip.label} after the restore: {first}"
        else:
            message = f"{trip.label} after the restore: {len(some)} differences in its {_AREAS[area]}, such as: {first}"
        text = "\n".join(told(one)[:300] for one in some[:SHOWN_DIFFERENCES])
        findings.append(
            Finding(message=message, evidence=(Evidence(source=f"{trip.label}, before and after", text=text),))
        )
    return findings


def _words(trip: StoreTrip) -> str:
    parts = [f"{trip.label}: {trip.rows} rows of {trip.tables} tables compared"]
    if trip.sequences or trip.objects:
        parts.append(f"{trip.sequences} sequences and {trip.objects} other objects")
    if trip.refused:
        parts.append(f"not planted: {', '.join(trip.refused)}")
    if trip.moved_keys:
        parts.append(f"{trip.moved_keys} rows left out because they change by themselves")
    if trip.moved:
        parts.append(f"left out for the same reason: {', '.join(list(trip.moved)[:5])}")
    if others := [place for place in trip.untold if not place.startswith("rows of ")]:
        parts.append(f"not compared: {', '.join(others[:5])}")
    return ", ".join(parts)


def _measured(trip: StoreTrip) -> list[Measurement]:
    found = [Measurement(name=f"rows of {trip.label} compared", value=trip.rows, unit="count")]
    if trip.size_bytes:
        found.append(Measurement(name=f"size of {trip.label}", value=trip.size_bytes, unit="B"))
    if trip.seconds:
        found.append(
            Measurement(
                name=f"rows of {trip.label} digested a second", value=round(trip.rows / trip.seconds), unit="1/s"
            )
        )
    return found
