"""Folders carried out of a service and into one: in a stream, bounded, and nothing but files, folders and inner links.

What a service holds is its own doing: names that lead elsewhere, links and devices in it must not become so on this
machine. So names are checked, and links are carried that lead nowhere but into the folder, as ``latest`` does. tarfile's
``data`` filter (PEP 706) checks the same and would take the group's right to write away: modes are part of what is
carried.
"""

from __future__ import annotations

import contextlib
import os
import stat
import tarfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO

from readiness.exceptions import StackError

__all__ = ["MAX_BYTES", "copy_tree", "owner_in", "pack", "renamed", "unpack"]

#: Sets of a stack that is made for a test; more is a mistake, or a trap.
MAX_BYTES = 16 * 1024**3
MAX_ENTRIES = 200_000
CHUNK_BYTES = 1024 * 1024
_PERMISSIONS = 0o777


class _Bound:
    """What has been carried so far."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = self._left_bytes = limit_bytes
        self._left_entries = MAX_ENTRIES

    def entry(self) -> None:
        self._left_entries -= 1
        if self._left_entries < 0:
            raise StackError(f"more than {MAX_ENTRIES} files are not carried")

    def take(self, size: int) -> None:
        self._left_bytes -= size
        if self._left_bytes < 0:
            raise StackError(f"more than {self._limit_bytes / 1024**3:.3g} GiB are not carried")

    def copy(self, source: IO[bytes], target: IO[bytes]) -> None:
        while chunk := source.read(CHUNK_BYTES):
            self.take(len(chunk))
            target.write(chunk)


def pack(source: Path, into: IO[bytes], *, uid: int, gid: int, below: str = "", limit_bytes: int = MAX_BYTES) -> None:
    """Write the content of ``source`` as a tar archive.

    Args:
        source: a folder of this machine.
        into: is written to from begin to end.
        uid: of everything in the archive, with ``gid``.
        gid: as above.
        below: the folders in which it is put; they are entries of the archive, too.
        limit_bytes: then it is given up.

    Raises:
        StackError: there is more than that.
        OSError: the source cannot be read, or nobody reads the archive.
    """
    bound = _Bound(limit_bytes)
    with tarfile.open(fileobj=into, mode="w|") as archive:
        parts = PurePosixPath(below).parts
        for depth in range(1, len(parts) + 1):
            made = tarfile.TarInfo("/".join(parts[:depth]))
            made.type, made.mode, made.uid, made.gid = tarfile.DIRTYPE, 0o755, uid, gid
            made.mtime = int(source.stat().st_mtime)
            archive.addfile(made)
        for path, status in _tree(source):
            bound.entry()
            member = tarfile.TarInfo("/".join((*parts, path.relative_to(source).as_posix())))
            member.mode, member.uid, member.gid = stat.S_IMODE(status.st_mode) & _PERMISSIONS, uid, gid
            member.mtime = status.st_mtime
            if stat.S_ISDIR(status.st_mode) or stat.S_ISLNK(status.st_mode):
                is_link = stat.S_ISLNK(status.st_mode)
                member.type, member.linkname = (
                    (tarfile.SYMTYPE, str(path.readlink())) if is_link else (tarfile.DIRTYPE, "")
                )
                archive.addfile(member)
                continue
            with _opened(path) as file:
                # As big as it is now, whatever is appended meanwhile; what is cut meanwhile is an error of tarfile's.
                member.size = os.fstat(file.fileno()).st_size
                bound.take(member.size)
                archive.addfile(member, file)


def unpack(archive: IO[bytes], to: Path, *, limit_bytes: int = MAX_BYTES) -> None:
    """Write the files of a tar archive into ``to``, which is made; its first entry is the folder that they are in.

    Raises:
        StackError: it is no archive, not that of a folder, has names that lead elsewhere, or more than that.
        OSError: the folder cannot be written.
    """
    bound = _Bound(limit_bytes)
    to.mkdir(parents=True, exist_ok=True)
    folders: list[tuple[Path, tarfile.TarInfo]] = []
    try:
        with tarfile.open(fileobj=archive, mode="r|") as members:
            root: PurePosixPath | None = None
            for member in members:
                bound.entry()
                name = _checked(member.name)
                if root is None:
                    if not member.isdir():
                        raise StackError(f"{member.name} is no folder")
                    root = name
                    continue
                target = to / _below(name, root)
                if member.isdir():
                    target.mkdir(mode=0o700, exist_ok=True)
                    folders.append((target, member))
                elif member.issym() and _leads_inside(_below(name, root), member.linkname):
                    _link(target, member.linkname)
                else:
                    _unpack_file(members, member, target, to / _first(member, root), bound)
        if root is None:
            raise StackError("there is no folder in the archive")
    except tarfile.TarError as error:
        raise StackError(f"not a whole archive: {error}") from error
    for target, member in reversed(folders):
        _keep(target, member)


def renamed(archive: IO[bytes], into: IO[bytes], top: str) -> None:
    """Write a tar archive again, with ``top`` in place of its first entry's name; everything in it belongs to root.

    Args:
        archive: of one file, or of a folder with its content.
        into: is written to from begin to end.
        top: the new name; empty where the content alone is wanted.

    Raises:
        StackError: it is no such archive.
        OSError: nobody reads what is written.
    """
    try:
        with tarfile.open(fileobj=archive, mode="r|") as members, tarfile.open(fileobj=into, mode="w|") as again:
            root: PurePosixPath | None = None
            for member in members:
                name = PurePosixPath(member.name)
                root = name if root is None else root
                new = (PurePosixPath(top or ".") / _below(name, root)).as_posix()
                content = members.extractfile(member) if member.isreg() else None
                link = member.linkname
                if member.islnk():
                    link = (PurePosixPath(top or ".") / _below(PurePosixPath(link), root)).as_posix()
                made = member.replace(name=new, linkname=link, uid=0, gid=0, uname="root", gname="root")
                made.pax_headers = {}
                again.addfile(made, content)
    except tarfile.TarError as error:
        raise StackError(f"not a whole archive: {error}") from error


def _unpack_file(members: tarfile.TarFile, member: tarfile.TarInfo, target: Path, first: Path, bound: _Bound) -> None:
    """Write a file; what is a second name of ``first``, which has come before, is a file, too."""
    content = members.extractfile(member) if member.isreg() else None
    if member.islnk() and _is_file(first):
        content = _opened(first)
    if content is None:
        return
    with content, _made(target) as file:
        bound.copy(content, file)
    _keep(target, member)


def _first(member: tarfile.TarInfo, root: PurePosixPath) -> PurePosixPath:
    """The file of which a member is another name; sets that share files with older ones have such."""
    return _below(_checked(member.linkname), root) if member.islnk() else PurePosixPath()


def owner_in(archive: IO[bytes]) -> tuple[int, int]:
    """User and group of the first entry of a tar archive.

    Raises:
        StackError: there is none.
    """
    try:
        with tarfile.open(fileobj=archive, mode="r|") as members:
            first = members.next()
    except tarfile.TarError as error:
        raise StackError(f"not an archive: {error}") from error
    if first is None:
        raise StackError("there is no entry in the archive")
    return first.uid, first.gid


def copy_tree(source: Path, to: Path, *, owner: tuple[int, int] | None = None, limit_bytes: int = MAX_BYTES) -> None:
    """Copy the content of one folder of this machine into another, which is made; no link that is there is followed.

    Args:
        source: of which links that lead out of it, and what is no file, are left out.
        to: what has a file's name there is replaced.
        owner: user and group of what is written, where this user may give files away.
        limit_bytes: then it is given up.

    Raises:
        StackError: there is more than that, or a link is where a folder must be.
        OSError: a file cannot be read or written.
    """
    bound = _Bound(limit_bytes)
    folders: list[tuple[Path, os.stat_result]] = []
    made = [] if to.is_dir() else [to]
    to.mkdir(parents=True, exist_ok=True)
    for path, status in _tree(source):
        bound.entry()
        target = to / path.relative_to(source)
        if stat.S_ISDIR(status.st_mode):
            if target.is_symlink():
                raise StackError(f"{target} is a link, and nothing is written through it")
            target.mkdir(mode=0o700, exist_ok=True)
            folders.append((target, status))
            continue
        made.append(target)
        if stat.S_ISLNK(status.st_mode):
            _link(target, str(path.readlink()))
            continue
        with _opened(path) as content, _made(target) as file:
            bound.copy(content, file)
        _set(target, status.st_mode, status.st_mtime)
    for target, status in reversed(folders):
        _set(target, status.st_mode | stat.S_IRWXU, status.st_mtime)
    if owner is not None:
        for target in (*made, *(folder for folder, _ in folders)):
            with contextlib.suppress(PermissionError):
                os.chown(target, *owner, follow_symlinks=False)


def _tree(root: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """What is carried of what is below ``root``, folders before their content, links not followed."""
    for place, folders, files in os.walk(root):
        for name in (*sorted(folders), *sorted(files)):
            path = Path(place, name)
            try:
                status = path.lstat()
            except FileNotFoundError:
                continue  # it has just gone
            is_link = stat.S_ISLNK(status.st_mode)
            if is_link and not _leads_inside(PurePosixPath(path.relative_to(root)), str(path.readlink())):
                continue
            if is_link or stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode):
                yield path, status


def _leads_inside(name: PurePosixPath, to: str) -> bool:
    """Whether a link called ``name`` stays in the folder, whatever links there are on its way.

    It may go up first, as far as the folder; behind a name it may not: that may be a link, and up from there elsewhere.
    """
    target = PurePosixPath(to)
    ups = next((depth for depth, part in enumerate(target.parts) if part != ".."), len(target.parts))
    return not target.is_absolute() and ups < len(name.parts) and ".." not in target.parts[ups:]


def _link(path: Path, to: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        path.unlink()
    path.symlink_to(to)


def _opened(path: Path) -> IO[bytes]:
    return os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb")


def _made(path: Path) -> IO[bytes]:
    """A new file in the place of whatever has that name."""
    with contextlib.suppress(FileNotFoundError):
        path.unlink()
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "wb")


def _is_file(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()


def _keep(path: Path, member: tarfile.TarInfo) -> None:
    _set(path, member.mode | (stat.S_IRWXU if member.isdir() else 0), member.mtime)


def _set(path: Path, mode: int, modified: float) -> None:
    path.chmod(stat.S_IMODE(mode) & _PERMISSIONS)
    os.utime(path, (modified, modified))


def _checked(name: str) -> PurePosixPath:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\0" in name:
        raise StackError(f"{name[:200]!r} leads out of the folder")
    return path


def _below(name: PurePosixPath, root: PurePosixPath) -> PurePosixPath:
    try:
        return name.relative_to(root)
    except ValueError:
        raise StackError(f"{str(name)[:200]!r} is not in {str(root)!r}") from None
