"""What the owner's backup and restore commands did on bad days: asked without a yes, given damaged sets, cut short."""

from __future__ import annotations

from dataclasses import dataclass, field

from readiness.facts.backup import CommandRun

__all__ = ["BackupDays", "FailingRun", "Trial"]


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One run of a restore, and what the stores held before and after it.

    Words are written one after the other: ``one`` before the first set is made, ``two`` before the second, ``three``
    after it. So what a store holds says which set it was restored from, and ``three`` that it was not restored.

    Attributes:
        what: was tried: ``no``, ``db.dump cut to half``, ``cache alone``.
        set: that was to be restored; empty where none was named.
        held, holds: store -> the words in it before and after.
        changed: store -> where it differs from what it held before.
        wrong: store -> where its rows differ from those that the set was made of.
        untold: store -> why its words could not be read, or why nobody can say whether it differs.
    """

    what: str
    run: CommandRun
    set: str = ""
    held: dict[str, tuple[str, ...]] = field(default_factory=dict)
    holds: dict[str, tuple[str, ...]] = field(default_factory=dict)
    changed: dict[str, tuple[str, ...]] = field(default_factory=dict)
    wrong: dict[str, tuple[str, ...]] = field(default_factory=dict)
    untold: dict[str, str] = field(default_factory=dict)

    @property
    def is_unchanged(self) -> bool:
        """Nothing is seen to differ from before."""
        return not self.changed and self.holds == self.held


@dataclass(frozen=True, kw_only=True)
class FailingRun:
    """One run of the backup that could not go well.

    Attributes:
        what: was wrong: ``db stopped``, ``wrong PGPASSWORD``, ``disk full``.
        is_certain: the command cannot have done its work: a store was away. A password may be one that nobody asks for.
        lost: sets that were there before and are gone.
        left: sets that are there since.
        short: what is missing or too short in those, compared with a good set.
        marked: what they have that a good set has not: names of files.
        report: the report's text, where the run left a new one.
        room_bytes: what could be written; 0 where that was not what was tried.
        then: the restore of the newest set after it, where it left one.
    """

    what: str
    run: CommandRun
    is_certain: bool = True
    lost: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    short: tuple[str, ...] = ()
    marked: tuple[str, ...] = ()
    report: str = ""
    room_bytes: int = 0
    then: Trial | None = None


@dataclass(frozen=True, kw_only=True)
class BackupDays:
    """Everything that was tried.

    Attributes:
        stores: that words were written to -> their kinds.
        backups: the runs that made the sets, on a good day.
        sets: name of each set -> store -> the words that it was made of; in the order in which they were made.
        uneasy: store -> where it differs from itself without anybody's doing; that proves nothing, and is left out.
        confirmation: what the restore was told in place of its yes.
        good: restores of a good set: onto filled stores, and again.
        damaged: restores of damaged sets.
        interrupted: the restore that was ended on its way, and
        after_interruption: the same restore, left alone.
        latest: a restore without a set's name.
        partial: store -> its restore alone.
        failing: backups that could not go well.
        crowded: the backup without room on its disk.
        not_done: part -> why it could not be had.
    """

    stores: dict[str, str] = field(default_factory=dict)
    backups: tuple[CommandRun, ...] = ()
    sets: dict[str, dict[str, tuple[str, ...]]] = field(default_factory=dict)
    uneasy: dict[str, tuple[str, ...]] = field(default_factory=dict)
    confirmation: tuple[Trial, ...] = ()
    good: tuple[Trial, ...] = ()
    damaged: tuple[Trial, ...] = ()
    interrupted: Trial | None = None
    after_interruption: Trial | None = None
    latest: Trial | None = None
    partial: dict[str, Trial] = field(default_factory=dict)
    failing: tuple[FailingRun, ...] = ()
    crowded: FailingRun | None = None
    not_done: dict[str, str] = field(default_factory=dict)
