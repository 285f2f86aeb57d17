"""What the owner's backup and restore commands did, and what they left: shared by the facts of drills and bad days."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["CommandRun", "SetFile"]


@dataclass(frozen=True, kw_only=True)
class CommandRun:
    """One run of a command of the owner's.

    Attributes:
        command: as it was run, secrets masked.
        exit_code: None where it was ended because its time was up, or could not be run.
        seconds: that it took.
        lines: the last of its output, both streams, secrets masked; each at most 200 characters.
        began: UTC, ISO 8601.
        problem: why it could not be run, or why it was ended: it says nothing about the owner's command then.
        refused: command lines for the engine that a confined program was not answered, and why.
        lacked: what a confined program tried in vain because it has it not where it is confined.
    """

    command: str
    exit_code: int | None
    seconds: float = 0.0
    lines: tuple[str, ...] = ()
    began: str = ""
    problem: str = ""
    refused: tuple[str, ...] = ()
    lacked: tuple[str, ...] = ()

    @property
    def is_good(self) -> bool:
        """Whether it said that all went well."""
        return self.exit_code == 0 and not self.problem


@dataclass(frozen=True, kw_only=True)
class SetFile:
    """One file below the directory of the sets.

    Attributes:
        path: below the directory.
        size_bytes: as ``stat`` has it.
        mode: permission bits, as ``0640``.
        modified: seconds since 1970.
    """

    path: str
    size_bytes: int
    mode: str = ""
    modified: float = 0.0

    @property
    def set_name(self) -> str:
        """The first part of its path: a folder for each set, or the set's only file."""
        return self.path.partition("/")[0]
