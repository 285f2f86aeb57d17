"""Reading and copying the owner's files: never through a link, never more than asked for, never back."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import tarfile
from collections.abc import Iterator
from pathlib import Path

from readiness.runtime.safe_mounts import FileCopy

__all__ = ["LocalDisk", "copy_files", "write_archive"]

#: A tree of more entries than this is a dependency folder, and walking it takes longer than starting the stack.
MOST_ENTRIES = 50_000
#: History is never needed to run a service, and often the biggest part of a tree.
LEFT_OUT = frozenset({".git"})
#: They keep an empty folder in a repository.
PLACEHOLDERS = frozenset({".gitignore", ".gitkeep", ".keep"})


class LocalDisk:
    """The files of this machine."""

    def real(self, path: str) -> str:
        """The path without links."""
        return os.path.realpath(path)

    def kind(self, path: str) -> str:
        """``file``, ``folder``, ``missing``, or ``other``."""
        try:
            mode = Path(path).lstat().st_mode
        except OSError as error:
            return "missing" if isinstance(error, FileNotFoundError | NotADirectoryError) else "other"
        if stat.S_ISDIR(mode):
            return "folder"
        return "file" if stat.S_ISREG(mode) else "other"

    def is_within(self, path: str, *, limit_bytes: int) -> bool:
        """Whether everything below ``path`` is at most ``limit_bytes``, and not too many entries."""
        total = 0
        for entries, file in enumerate(_tree(Path(path))):
            with contextlib.suppress(OSError):
                total += file.lstat().st_size
            if total > limit_bytes or entries > MOST_ENTRIES:
                return False
        return True

    def has_content(self, path: str) -> bool:
        """Whether a file has bytes, or a folder anything but placeholders; what cannot be looked into counts as full."""
        try:
            if not Path(path).is_dir():
                return Path(path).stat().st_size > 0
            with os.scandir(path) as entries:
                return any(entry.name not in PLACEHOLDERS for entry in entries)
        except OSError:
            return True


def copy_files(copy: FileCopy) -> None:
    """Make one copy, with modes and times, and owners where this user may give files away.

    Raises:
        OSError: the run's own folder cannot be written, for example because the disk is full.
    """
    source, destination = Path(copy.source), Path(copy.destination)
    destination.parent.mkdir(parents=True, exist_ok=True)
    if copy.content is not None:
        destination.write_text(copy.content, encoding="utf-8")
        destination.chmod(0o644)  # whoever the service runs as reads it
        if source.is_file():
            _keep_attributes(source, destination)
        return
    for file in _tree(source):
        made = destination / file.relative_to(source) if file != source else destination
        # A file that cannot be read by this user, or has just gone, is left out: the service will say if it needs it.
        with contextlib.suppress(PermissionError, FileNotFoundError):
            _copy_one(file, made)


def write_archive(source: Path, archive: Path, *, name: str, is_empty: bool) -> None:
    """Write a tar archive of ``source`` under ``name``, owners and modes included; only its own entry where empty."""
    with tarfile.open(archive, "w") as tar:
        for file in _tree(source):
            if file != source and is_empty:
                break
            inner = name if file == source else f"{name}/{file.relative_to(source)}"
            with contextlib.suppress(PermissionError, FileNotFoundError):
                if _is_plain(file):
                    tar.add(file, arcname=inner, recursive=False)


def _tree(root: Path) -> Iterator[Path]:
    """``root`` and everything below it, folders before their content, links not followed."""
    yield root
    if root.is_symlink() or not root.is_dir():
        return
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(set(folders) - LEFT_OUT)
        for name in (*folders, *sorted(files)):
            yield Path(folder) / name


def _is_plain(file: Path) -> bool:
    """Sockets, pipes and devices are never copied: reading one may wait for ever."""
    mode = file.lstat().st_mode
    return stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_ISLNK(mode)


def _copy_one(file: Path, made: Path) -> None:
    if not _is_plain(file):
        return
    if file.is_symlink():
        made.symlink_to(file.readlink())
        return
    if file.is_dir():
        made.mkdir(exist_ok=True)
    else:
        shutil.copyfile(file, made)
    _keep_attributes(file, made)


def _keep_attributes(file: Path, made: Path) -> None:
    shutil.copystat(file, made)
    if made.is_dir():
        # Whatever the owner's mode: the run must be able to remove its own copy.
        made.chmod(made.stat().st_mode | stat.S_IRWXU)
    with contextlib.suppress(PermissionError):
        status = file.lstat()
        os.chown(made, status.st_uid, status.st_gid)
