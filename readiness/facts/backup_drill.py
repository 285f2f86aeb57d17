"""A restore drill: what the owner's backup wrote while the stack was written to, and what came back in an empty stack."""

from __future__ import annotations

from dataclasses import dataclass, field

from readiness.facts.backup import CommandRun, SetFile
from readiness.facts.digest import Difference
from readiness.facts.http import Exchange

__all__ = ["ApiTrip", "Artifact", "BackupDrill", "Mark", "Marks", "StoreTrip"]


@dataclass(frozen=True, kw_only=True)
class Artifact:
    """One file of a set, read through.

    Attributes:
        path: below the directory of the sets.
        kind: as its first bytes tell: ``gzip``, ``tar``, ``pg_dump``, ``rdb``, ``zip``, ``sqlite``, ``checksums``,
            ``text``, ``empty``, ``unknown``.
        by: what read it.
        problem: what is wrong with it.
    """

    path: str
    kind: str
    size_bytes: int
    by: str = ""
    problem: str = ""


@dataclass(frozen=True, kw_only=True)
class StoreTrip:
    """One store before the backup, compared with what came back.

    Attributes:
        kind: of its digest.
        path: of the folder or file, for kinds that have one.
        planted: what the audit put into it beside what the application has.
        refused: what it could not put there -> why.
        rows, tables, sequences, objects, size_bytes: what was digested before the backup.
        seconds: that the digest took.
        moved: what changed in the first stack by itself, by a restart of its services or by a login, and is therefore not
            compared -> how.
        moved_keys: so many single rows, keys or files were left out for the same reason.
        newer: rows that only the restored store has: the services there wrote them.
        differences: between the two, without what follows from others.
        untold: what could not be compared -> why.
        leaked: what was planted in the first stack and is in the second one before the restore.
        problem: why nothing was compared.
    """

    service: str
    kind: str
    path: str = ""
    planted: tuple[str, ...] = ()
    refused: dict[str, str] = field(default_factory=dict)
    rows: int = 0
    tables: int = 0
    sequences: int = 0
    objects: int = 0
    size_bytes: int = 0
    seconds: float = 0.0
    moved: dict[str, str] = field(default_factory=dict)
    moved_keys: int = 0
    newer: int = 0
    differences: tuple[Difference, ...] = ()
    untold: dict[str, str] = field(default_factory=dict)
    leaked: tuple[str, ...] = ()
    problem: str = ""

    @property
    def label(self) -> str:
        """What it is called."""
        return f"{self.path} of {self.service}" if self.path else self.service


@dataclass(frozen=True, kw_only=True)
class Mark:
    """A number that a store acknowledged, so many seconds from the beginning of the backup command."""

    number: int
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Marks:
    """Numbers that were written to a store one after the other while its backup ran, each to several places at once.

    Attributes:
        kind: of the store.
        acknowledged: in their order.
        present: place -> the numbers that the restored store has there.
        problem: why there are none.
    """

    service: str
    kind: str
    acknowledged: tuple[Mark, ...] = ()
    present: dict[str, tuple[int, ...]] = field(default_factory=dict)
    problem: str = ""


@dataclass(frozen=True, kw_only=True)
class ApiTrip:
    """What the application's users see of it.

    Attributes:
        created: records that could be read before the backup.
        missing: the answers for those that cannot be read from the restored stack.
        user: who was registered before the backup; empty where nobody can register.
        login: how the same user's login went; empty where it was accepted or not tried.
        is_logged_in: None where it was not tried.
        new: the answer to a record created in the restored stack.
        new_read: the answer to reading it.
        problem: why this could not be asked.
    """

    created: int = 0
    missing: tuple[Exchange, ...] = ()
    user: str = ""
    login: str = ""
    is_logged_in: bool | None = None
    new: Exchange | None = None
    new_read: Exchange | None = None
    problem: str = ""


@dataclass(frozen=True, kw_only=True)
class BackupDrill:
    """A backup under writes, and its restore into an empty stack of the same images.

    Attributes:
        run: of the backup command; of what follows, this one's set is the subject.
        refused: an earlier run that failed while the stores held what the audit had planted; ``run`` is without it.
        set_name: what stands for ``{set}``.
        names: what is new in the directory, by its first part.
        files: of the set.
        artifacts: its files, read through.
        stores: in the order of the declaration.
        marks: of each store that could be written to.
        api: None where no record is declared.
        restore: of the restore command.
        without_role: the first restore, which did without the audit's role; ``restore`` is into a stack that has it.
        start_seconds: until the empty stack was up.
        ready_seconds: from the beginning of the restore command until the stack was ready; None where it never was.
        read_seconds: likewise, until a record that was created before the backup was read.
        run_at_most_seconds, restore_at_most_seconds: that the two commands got.
        cron: five fields, in force where the backups are scheduled; empty where that is not declared.
        uncovered: named volumes of services that no declared store covers.
        not_done: part -> why there is nothing to be told: ``backup``, ``set``, ``restore``, ``restored``, ``stores``.
    """

    run: CommandRun | None = None
    refused: CommandRun | None = None
    set_name: str = ""
    names: tuple[str, ...] = ()
    files: tuple[SetFile, ...] = ()
    artifacts: tuple[Artifact, ...] = ()
    stores: tuple[StoreTrip, ...] = ()
    marks: tuple[Marks, ...] = ()
    api: ApiTrip | None = None
    restore: CommandRun | None = None
    without_role: CommandRun | None = None
    start_seconds: float | None = None
    ready_seconds: float | None = None
    read_seconds: float | None = None
    run_at_most_seconds: float = 0.0
    restore_at_most_seconds: float = 0.0
    cron: str = ""
    uncovered: tuple[str, ...] = ()
    not_done: dict[str, str] = field(default_factory=dict)

    @property
    def set_bytes(self) -> int:
        """Of all files of the set."""
        return sum(file.size_bytes for file in self.files)

    def of(self, *kinds: str) -> tuple[StoreTrip, ...]:
        """The stores of these kinds."""
        return tuple(store for store in self.stores if store.kind in kinds)
