"""How sets are kept, reported, scheduled, copied elsewhere and told about."""

from __future__ import annotations

from dataclasses import dataclass, field

from readiness.facts.backup import CommandRun, SetFile

__all__ = ["Arrived", "BackupUpkeep", "Copied", "Kept", "Mode", "OwnerScript", "ScheduleSeen", "Shown", "Told"]


@dataclass(frozen=True, kw_only=True)
class OwnerScript:
    """A program that the owner runs.

    Attributes:
        use: ``backup``, ``restore`` or ``restore of SERVICE``.
        word: as it stands in the command.
        path: where it was found; empty where it was not.
        is_executable: has its mode bit; a script that is given to a shell needs none.
        by_shell: the shell that it is given to, or that its first line names; empty for what is no shell script.
        syntax: what that shell says of it without running it; empty where nothing is wrong.
        documents: files of the owner's that name it.
    """

    use: str
    word: str
    path: str = ""
    is_executable: bool = False
    by_shell: str = ""
    syntax: str = ""
    documents: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Mode:
    """Who may read one file or folder below the directory of the sets; ``.`` is the directory itself.

    Attributes:
        mode: permission bits, as ``0640``.
        owner, group: their numbers.
    """

    path: str
    mode: str
    owner: int = 0
    group: int = 0
    is_folder: bool = False


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A secret where it can be read.

    Attributes:
        name: of the secret, never its value.
        where: ``a command line``, ``the output of the backup``, ``the report``, ``the log of backup``.
        text: with the value masked.
    """

    name: str
    where: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Kept:
    """Sets of known ages, and what a run left of them.

    Attributes:
        what: ``as declared``, ``with another figure``, ``failing run``.
        days: that sets are kept.
        ages: planted set -> its age in days.
        gone: those that are not there any more.
        others: files that are no sets, as old as the oldest.
        others_gone: those that are not there any more.
    """

    what: str
    run: CommandRun
    days: int
    ages: dict[str, float] = field(default_factory=dict)
    gone: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    others_gone: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ScheduleSeen:
    """What schedules the backup in the running service, and whether it does.

    Attributes:
        crons: five fields that are in force there -> where they stand, and what they run.
        value: of the declared variable; empty where it has none.
        fired_seconds: after so long a set was there that nobody asked for, the schedule being every minute; None where none
            came within ``waited_seconds``.
        new_set: its name.
        log: the last lines of the service's log, where nothing came.
    """

    service: str
    crons: dict[str, str] = field(default_factory=dict)
    value: str = ""
    fired_seconds: float | None = None
    waited_seconds: float = 0.0
    new_set: str = ""
    log: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Copied:
    """Objects that arrived at the S3 endpoint while a set was made.

    Attributes:
        files: of the set: path -> MD5 of its content.
        objects: key -> MD5 of what arrived.
    """

    run: CommandRun
    files: dict[str, str] = field(default_factory=dict)
    objects: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Arrived:
    """A mail, or a request at the webhook; ``text`` is its subject and body, or its path and body, masked."""

    text: str
    to: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Told:
    """Who was told of a run.

    Attributes:
        what: ``good run`` or ``failing run``.
        mails: that came.
        posts: that came to the webhook.
    """

    what: str
    run: CommandRun
    mails: tuple[Arrived, ...] = ()
    posts: tuple[Arrived, ...] = ()


@dataclass(frozen=True, kw_only=True)
class BackupUpkeep:
    """Everything that was seen.

    Attributes:
        scripts: that the declared commands run.
        first: the run whose set, report, modes and command lines are the following ones.
        set_name, files: what it wrote, also beside the set.
        report, report_text: path and text of its report; empty where there is none.
        modes: of what it wrote and of every folder above it, from the directory on.
        searched: names of the secrets that were looked for.
        command_lines: that were seen while it ran, of its own processes.
        shown: secrets where they can be read.
        retention: sets of known ages through runs.
        last_good: the only set, older than the limit, through a run that failed.
        schedule: None where none is declared.
        offsite_set: variable of the declaration -> whether the service has a value for it.
        copied: None where nothing was tried.
        told: who was told of runs.
        is_reachable: whether a server of ours can be reached from where the commands run; None where nobody can tell.
        not_done: part -> why it could not be had.
    """

    scripts: tuple[OwnerScript, ...] = ()
    first: CommandRun | None = None
    set_name: str = ""
    files: tuple[SetFile, ...] = ()
    report: str = ""
    report_text: str = ""
    modes: tuple[Mode, ...] = ()
    searched: tuple[str, ...] = ()
    command_lines: int = 0
    shown: tuple[Shown, ...] = ()
    retention: tuple[Kept, ...] = ()
    last_good: Kept | None = None
    schedule: ScheduleSeen | None = None
    offsite_set: dict[str, bool] = field(default_factory=dict)
    copied: Copied | None = None
    told: tuple[Told, ...] = ()
    is_reachable: bool | None = None
    not_done: dict[str, str] = field(default_factory=dict)
