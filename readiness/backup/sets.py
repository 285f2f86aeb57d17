"""Which files are one set, and whether one set is less than another of the same stack."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from readiness.facts.backup import SetFile

__all__ = ["BackupSet", "name_pattern", "newer", "sets_of", "shortened"]

#: strftime's directives that names of sets have -> what they look like.
_DIRECTIVES = {
    "Y": r"\d{4}", "m": r"\d{2}", "d": r"\d{2}", "H": r"\d{2}", "M": r"\d{2}", "S": r"\d{2}", "y": r"\d{2}",
    "j": r"\d{3}", "s": r"\d{9,11}", "F": r"\d{4}-\d{2}-\d{2}", "T": r"\d{2}:\d{2}:\d{2}", "z": r"[+-]\d{4}",
    "Z": r"[A-Z]{1,5}", "b": r"[A-Z][a-z]{2}", "a": r"[A-Z][a-z]{2}", "%": "%",
}  # fmt: skip
#: A file that shrank to less than this share of a good set's is not whole: compression of the same data varies by percents.
WHOLE_SHARE = 0.5


@dataclass(frozen=True, kw_only=True)
class BackupSet:
    """The files of one run.

    Attributes:
        name: by which a restore knows it.
        files: by path.
    """

    name: str
    files: tuple[SetFile, ...]

    @property
    def size_bytes(self) -> int:
        """Of all files."""
        return sum(file.size_bytes for file in self.files)

    def part(self, file: SetFile) -> str:
        """What the file is in any set: its path without the set's name."""
        return file.path.replace(self.name, "")


def name_pattern(set_name: str) -> re.Pattern[str]:
    """What finds the name of a set, given as strftime has it, in a file's path.

    A name begins and ends at no digit: a stamp of days is not found in one of seconds.
    """
    parts = re.split(r"%[-_^#]?(.)", set_name)
    text = "".join(_DIRECTIVES.get(part, r"\w+") if i % 2 else re.escape(part) for i, part in enumerate(parts))
    return re.compile(rf"(?<!\d){text}(?!\d)")


def sets_of(files: Iterable[SetFile], set_name: str = "") -> tuple[BackupSet, ...]:
    """The sets in a listing, by name.

    Args:
        files: everything below the directory.
        set_name: pattern of their names, as strftime has it. Without one every folder, and every file beside them, is a
            set; with one only what bears such a name.
    """
    pattern = name_pattern(set_name) if set_name else None
    found: dict[str, list[SetFile]] = {}
    for file in files:
        if pattern is None:
            found.setdefault(file.set_name, []).append(file)
        elif match := pattern.search(file.path):
            found.setdefault(match[0], []).append(file)
    return tuple(BackupSet(name=name, files=tuple(found[name])) for name in sorted(found))


def shortened(new: BackupSet, good: BackupSet) -> tuple[str, ...]:
    """In what a set is less than a good one of the same stack: files that are missing, empty, or not half as long."""
    sizes = {new.part(file): file.size_bytes for file in new.files}
    short = []
    for file in good.files:
        part, size = good.part(file), file.size_bytes
        shown = part.strip("/._-") or file.path
        if part not in sizes:
            short.append(f"{shown} is missing")
        elif size and not sizes[part]:
            short.append(f"{shown} is empty")
        elif sizes[part] < size * WHOLE_SHARE:
            short.append(f"{shown} has {sizes[part]} bytes of {size}")
    return tuple(short)


def newer(before: Sequence[SetFile], after: Sequence[SetFile]) -> tuple[SetFile, ...]:
    """The files that are new, or were written again."""
    known = {file.path: file for file in before}
    return tuple(file for file in after if known.get(file.path) != file)
