"""Who may read a file of a backup, by its mode and those of the folders that lead to it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePosixPath

from readiness.facts.backup_upkeep import Mode

__all__ = ["open_to_all", "open_to_group"]

#: The right to read a file and to enter a folder, for others and for the group.
_OTHERS, _GROUP = (0o004, 0o001), (0o040, 0o010)


def open_to_all(modes: Iterable[Mode]) -> tuple[Mode, ...]:
    """Files that everybody may read."""
    return _readable(tuple(modes), _OTHERS)


def open_to_group(modes: Iterable[Mode]) -> tuple[Mode, ...]:
    """Files that a group may read which is more than their owner, and not everybody.

    A group of the owner's number is the owner's own, and that of root holds root.
    """
    known = tuple(modes)
    everybody = open_to_all(known)
    return tuple(f for f in _readable(known, _GROUP) if f not in everybody and f.group not in {f.owner, 0})


def _readable(modes: tuple[Mode, ...], rights: tuple[int, int]) -> tuple[Mode, ...]:
    reads, enters = rights
    folders = {mode.path: int(mode.mode, 8) for mode in modes if mode.is_folder}
    return tuple(
        mode
        for mode in modes
        if not mode.is_folder
        and int(mode.mode, 8) & reads
        and all(folders[str(path)] & enters for path in PurePosixPath(mode.path).parents if str(path) in folders)
    )
