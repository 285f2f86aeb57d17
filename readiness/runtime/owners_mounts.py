"""Folders of the machine that services share with their owner: a program on the host finds the copy's in their place.

In a copy they are volumes, so that nothing of the owner's is ever written. Before a program is run their content is
brought to where it looks for it, and what it changed is brought back. Links that lead out of it are not.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, Self

from readiness.exceptions import StackError
from readiness.runtime import Stack
from readiness.runtime.confine import FOLDER
from readiness.runtime.safe_mounts import is_stores_own

__all__ = ["OwnersMounts", "Shared", "shared_folders"]

#: A command line is no longer than that (ARG_MAX is two MiB at least).
MOST_REMOVED_CHARS = 100_000


@dataclass(frozen=True, kw_only=True)
class Shared:
    """A folder that a service shares with the machine.

    Attributes:
        service: one of those that do.
        target: its place in the container.
        inside: its place as a confined program sees it.
        is_stores_own: the files of a store that may be running: they are not brought, and who looks for them is told.
    """

    service: str
    target: str
    inside: str
    is_stores_own: bool = False


def shared_folders(
    owners: Mapping[str, Mapping[str, Any]], copys: Mapping[str, Mapping[str, Any]], *, folder: str
) -> tuple[Shared, ...]:
    """The folders that the owner's services share with the machine, and the copy's have in a volume; each once.

    Args:
        owners: services of the owner's model, resolved.
        copys: services of the copy's.
        folder: the target's.
    """
    found: dict[str, Shared] = {}
    for service, model in owners.items():
        mounts = {
            str(mount.get("target")): mount
            for mount in copys.get(service, {}).get("volumes") or ()
            if mount.get("type") == "volume"
        }
        for mount in model.get("volumes") or ():
            source, target = str(mount.get("source") or ""), str(mount.get("target"))
            if mount.get("type") == "bind" and target in mounts and source.startswith("/"):
                own = is_stores_own(target, str(model.get("image") or ""))
                shared = Shared(service=service, target=target, inside=_inside(source, folder), is_stores_own=own)
                found.setdefault(source, shared)
    return tuple(found.values())


@dataclass(kw_only=True)
class OwnersMounts:
    """The folders of one program, for as long as the block lasts.

    Attributes:
        stack: the copy.
        shared: its folders.
        place: of the run's, and of this program alone; it goes with it.
        hidden: places of the program's where it finds something else, also below.
        troubles: what could not be brought, in words, so that what came of it is not held against the program.
    """

    stack: Stack
    shared: Sequence[Shared]
    place: Path
    hidden: Sequence[str]
    troubles: list[str] = field(default_factory=list)
    _brought: dict[Shared, tuple[Path, dict[str, object]]] = field(default_factory=dict)

    @property
    def bound(self) -> Mapping[str, Path]:
        """Where the program finds each."""
        return {shared.inside: folder for shared, (folder, _) in self._brought.items()}

    def __enter__(self) -> Self:
        """Bring them out."""
        for number, shared in enumerate(self.shared):
            if not any(_is_below(shared.inside, path) for path in self.hidden):
                self._attempt(shared, partial(self._bring, shared, self.place / f"shared-{number}"))
        return self

    def __exit__(self, *_: object) -> None:
        """Bring back what was changed."""
        for shared, (folder, before) in self._brought.items():
            self._attempt(shared, partial(self._bring_back, shared, folder, before))
        shutil.rmtree(self.place, ignore_errors=True)

    def _attempt(self, shared: Shared, bring: Callable[[], None]) -> None:
        try:
            bring()
        except (StackError, OSError) as error:
            self.troubles.append(f"{shared.inside}, which {shared.service} has at {shared.target}: {error}"[:300])

    def _bring(self, shared: Shared, folder: Path) -> None:
        folder.mkdir(parents=True)
        if shared.is_stores_own:
            # Read once it is older than what is in it, by whatever reads it (mount(8), relatime).
            os.utime(folder, (0, folder.stat().st_mtime))
            self._brought[shared] = (folder, {})
            return
        self.stack.copy_out(shared.service, shared.target, folder)
        self._brought[shared] = (folder, _seen(folder))

    def _bring_back(self, shared: Shared, folder: Path, before: Mapping[str, object]) -> None:
        is_read = folder.stat().st_atime != 0 or os.statvfs(folder).f_flag & os.ST_NOATIME
        after = _seen(folder)
        if shared.is_stores_own and (is_read or after):
            raise StackError("the files of a store are in a volume of the copy")
        if after == before:
            return
        gone = sorted(f"{shared.target}/{name}" for name in before if name not in after)
        while gone:
            words, chars = ["rm", "-rf", "--"], 0
            while gone and chars < MOST_REMOVED_CHARS:
                words.append(gone.pop(0))
                chars += len(words[-1])
            done = self.stack.execute(shared.service, words)
            if done.exit_code != 0:
                raise StackError(f"what was removed there stays in the copy: {done.output.strip()[-100:]}")
        self.stack.copy_in(shared.service, folder, shared.target)


def _seen(folder: Path) -> dict[str, object]:
    """Path -> what changes when a file does."""
    seen: dict[str, object] = {}
    for place, folders, names in os.walk(folder):
        for name in (*folders, *names):
            path = Path(place, name)
            with contextlib.suppress(OSError):
                status = path.lstat()
                content = () if stat.S_ISDIR(status.st_mode) else (status.st_size, status.st_mtime_ns, status.st_ino)
                seen[path.relative_to(folder).as_posix()] = (status.st_mode, *content)
    return seen


def _inside(source: str, folder: str) -> str:
    path = PurePosixPath(os.path.normpath(source))
    return str(PurePosixPath(FOLDER) / path.relative_to(folder)) if path.is_relative_to(folder) else str(path)


def _is_below(path: str, parent: str) -> bool:
    return PurePosixPath(path).is_relative_to(parent)
