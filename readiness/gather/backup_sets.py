"""Which of the files in a directory of backups one run of the command has written."""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence
from dataclasses import dataclass

from readiness.facts.backup import SetFile

__all__ = ["NewSet", "new_set"]

#: They are about the backup and are none.
_BESIDE = ("*.log", "*.txt", "*.md5", "*.sha1", "*.sha256", "*.sha512", "*.json", "*.html", "*.lock", "*.prom")


@dataclass(frozen=True, kw_only=True)
class NewSet:
    """What is new in the directory.

    Attributes:
        name: of the set, as a restore is told it; empty where nothing is new.
        names: of everything new, by its first part.
        files: of the set.
    """

    name: str = ""
    names: tuple[str, ...] = ()
    files: tuple[SetFile, ...] = ()


def new_set(before: Sequence[SetFile], after: Sequence[SetFile], *, report: str = "") -> NewSet:
    """The set that was written in between: a new folder, else the new files together, named after the largest of them."""
    known = {file.path: (file.size_bytes, file.modified) for file in before}
    new = [file for file in after if known.get(file.path) != (file.size_bytes, file.modified)]
    new = [file for file in new if not file.set_name.startswith(".")]
    names = tuple(dict.fromkeys(file.set_name for file in new))
    if not names:
        return NewSet()
    folders = [file for file in new if "/" in file.path]
    if folders:
        sizes: dict[str, int] = {}
        for file in folders:
            sizes[file.set_name] = sizes.get(file.set_name, 0) + file.size_bytes
        # Of several, the one that was not there before, then the larger one.
        old = {file.set_name for file in before}
        name = max(sizes, key=lambda each: (each not in old, sizes[each]))
        return NewSet(name=name, names=names, files=tuple(f for f in after if f.path.startswith(f"{name}/")))
    beside = (*_BESIDE, report) if report else _BESIDE
    main = [file for file in new if not any(fnmatch.fnmatch(file.path, pattern) for pattern in beside)]
    largest = max(main or new, key=lambda file: file.size_bytes)
    return NewSet(name=largest.path, names=names, files=tuple(new))
