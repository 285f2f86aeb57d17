"""Folders of a container carried out and in, as ``docker cp`` streams them; a disk in memory by the container's own tar."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, Any

from readiness.exceptions import StackError
from readiness.runtime.carrying import owner_in, pack, unpack

if TYPE_CHECKING:
    from readiness.runtime.engine import Commands, Finished

__all__ = ["copy_in", "copy_out", "is_folder", "write"]

#: A gigabyte takes seconds; a disk that is shared with others may be slow.
COPY_SECONDS = 1800.0
OWNER_SECONDS = 60.0


def copy_out(commands: Commands, container: Mapping[str, Any], path: str, to: Path, *, cwd: Path) -> None:
    """Copy the content of the folder ``path`` into ``to``.

    Args:
        commands: runs the docker command.
        container: as its engine inspects it.
        path: in the container.
        to: of this machine.
        cwd: where the docker command is run.

    Raises:
        StackError: there is no such folder, it holds what is not carried, or the engine refuses.
    """
    _read(
        commands, _out(container, _absolute(path)), lambda stream: unpack(stream, to), cwd=cwd, doing=f"reading {path}"
    )


def copy_in(commands: Commands, container: Mapping[str, Any], source: Path, path: str, *, cwd: Path) -> None:
    """Copy the content of the folder ``source`` into the folder ``path``; files belong to whom that belongs.

    Args:
        commands: as in :func:`copy_out`.
        container: as above.
        source: of this machine.
        path: in the container; made where it lacks, in the owner's name of the folder where that is done.
        cwd: as above.

    Raises:
        StackError: it cannot be read, or the engine refuses, as where the path is on a read-only disk.
    """
    there, below = _absolute(path), ""
    while (owner := _owner(commands, container, there, cwd=cwd)) is None:
        if there == PurePosixPath("/"):
            raise StackError(f"nothing can be read of the container in which {path} shall be written")
        below = f"{there.name}/{below}".rstrip("/")
        there = there.parent
    uid, gid = owner
    words = _in(container, there)
    write(commands, words, lambda stream: pack(source, stream, uid=uid, gid=gid, below=below), cwd=cwd, doing=path)


def is_folder(commands: Commands, container: Mapping[str, Any], path: str, *, cwd: Path) -> bool:
    """Whether there is a folder ``path`` in the container, or a link to one."""
    return _owner(commands, container, PurePosixPath(path), cwd=cwd) is not None


def _absolute(path: str) -> PurePosixPath:
    pure = PurePosixPath(path)
    if not pure.is_absolute() or ".." in pure.parts:
        raise StackError(f"{path!r} is no absolute path in a container")
    return pure


def _out(container: Mapping[str, Any], path: PurePosixPath) -> list[str]:
    """With ``/.``, because a link is then followed, by the engine and inside the container."""
    if _is_in_memory(container, path):
        return ["docker", "exec", str(container["Id"]), "tar", "-C", str(path), "-cf", "-", "."]
    return ["docker", "cp", f"{container['Id']}:{path}/.", "-"]


def _in(container: Mapping[str, Any], path: PurePosixPath) -> list[str]:
    if _is_in_memory(container, path):
        return ["docker", "exec", "-i", "-u", "0", str(container["Id"]), "tar", "-C", str(path), "-xpf", "-"]
    return ["docker", "cp", "-", f"{container['Id']}:{path}"]


def _is_in_memory(container: Mapping[str, Any], path: PurePosixPath) -> bool:
    """Whether the engine looks past it: ``docker cp`` does not see a tmpfs (its documentation, "Corner cases")."""
    settings = container.get("HostConfig") or {}
    places = [*(settings.get("Tmpfs") or {})]
    places += [
        m.get("Destination", m.get("Target", "")) for m in container.get("Mounts") or () if m.get("Type") == "tmpfs"
    ]
    return any(path.is_relative_to(place) for place in places if place)


def _owner(
    commands: Commands, container: Mapping[str, Any], path: PurePosixPath, *, cwd: Path
) -> tuple[int, int] | None:
    """Whom a folder belongs to; None where there is none."""
    found: list[tuple[int, int]] = []
    with contextlib.suppress(StackError):
        _read(commands, _out(container, path), lambda s: found.append(owner_in(s)), cwd=cwd, doing="", is_whole=False)
    return found[0] if found else None


def _read(
    commands: Commands,
    words: Sequence[str],
    take: Callable[[IO[bytes]], None],
    *,
    cwd: Path,
    doing: str,
    is_whole: bool = True,
) -> None:
    """Run a command, of whose output ``take`` reads as much as it wants."""
    read_end, write_end = os.pipe()
    running = _Running(commands, words, cwd=cwd, seconds=COPY_SECONDS if is_whole else OWNER_SECONDS, stdout=write_end)
    trouble: Exception | None = None
    with os.fdopen(read_end, "rb") as stream:
        try:
            take(stream)
        except (StackError, OSError) as error:
            trouble = error
        else:
            while is_whole and stream.read(65536):
                pass  # an archive ends before its stream does
    running.end(doing, trouble)


def write(
    commands: Commands, words: Sequence[str], give: Callable[[IO[bytes]], None], *, cwd: Path, doing: str
) -> None:
    """Run a command, whose input ``give`` writes.

    Raises:
        StackError: it failed, or the input could not be given.
    """
    read_end, write_end = os.pipe()
    running = _Running(commands, words, cwd=cwd, seconds=COPY_SECONDS, stdin=read_end)
    trouble: Exception | None = None
    try:
        with os.fdopen(write_end, "wb") as stream:
            give(stream)
    except (StackError, OSError) as error:
        trouble = error
    running.end(f"writing {doing}", trouble)


class _Running:
    """A command in a thread of its own, with one end of a pipe, which is closed when it has ended."""

    def __init__(self, commands: Commands, words: Sequence[str], *, cwd: Path, seconds: float, **ends: int) -> None:
        self._done: Finished | None = None
        self._error: StackError | None = None

        def run() -> None:
            try:
                self._done = commands.run(words, cwd=cwd, timeout_seconds=seconds, **ends)  # type: ignore[arg-type]
            except StackError as error:
                self._error = error
            finally:
                for end in ends.values():
                    os.close(end)

        self._thread = threading.Thread(target=run, name="readiness carrying", daemon=True)
        self._thread.start()

    def end(self, doing: str, trouble: Exception | None) -> None:
        """Wait for its end.

        Raises:
            StackError: it failed, or its stream did: the engine's own words say more.
        """
        self._thread.join()
        if self._error is not None:
            raise self._error
        done = self._done
        said = done.stderr.strip()[-500:] if done is not None else ""
        is_ok = done is not None and done.is_ok
        if isinstance(trouble, StackError) and not said:
            raise trouble
        if trouble is not None or not is_ok:
            ended = "not in time" if done is not None and done.exit_code is None else ""
            raise StackError(f"{doing}: {said or trouble or ended or 'failed'}") from trouble
