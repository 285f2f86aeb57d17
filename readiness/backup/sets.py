"""Which files are one set, and whether one set is less than another of the same stack."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from readiness.facts.backup import SetFile

__all__ = ["ABOUT", "BackupSet", "name_pattern", "newer", "sets_of", "shortened"]

#: strftime's directives that names of sets have -> what they look like.
_DIRECTIVES = {
    "Y": r"\d{4}", "m": r"\d{2}", "d": r"\d{2}", "H": r"\d{2}", "M": r"\d{2}", "S": r"\d{2}", "y": r"\d{2}",
    "j": r"\d{3}", "s": r"\d{9,11}", "F": r"\d{4}-\d{2}-\d{2}", "T": r"\d{2}:\d{2}:\d{2}", "z": r"[+-]\d{4}",
    "Z": r"[A-Z]{1,5}", "b": r"[A-Z][a-z]{2}", "a": r"[A-Z][a-z]{2}", "%": "%",
}  # fmt: skip
_STAMP = re.compile(r"(?<!\d)(?:\d{4}-\d{2}-\d{2}|20\d{6})(?:[-_T.]?\d{2}[-:.]?\d{2}(?:[-:.]?\d{2})?)?Z?(?!\d)")
#: How files end that are for people, or tell of the others: they may be as short as they like.
ABOUT = (".txt", ".log", ".json", ".sha256", ".md5", ".sha1", ".sha512", ".yaml", ".yml", ".md")
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
        set_name: pattern of their names, as strftime has it: then only what bears such a name. Without one, a folder is a
            set, and files beside folders that have one date in their names are one; without any date each is one.
    """
    known = tuple(files)
    naming = _named(name_pattern(set_name)) if set_name else _guessed(known)
    found: dict[str, list[SetFile]] = {}
    for file in known:
        if name := naming(file):
            found.setdefault(name, []).append(file)
    return tuple(BackupSet(name=name, files=tuple(found[name])) for name in sorted(found))


def _named(pattern: re.Pattern[str]) -> Callable[[SetFile], str]:
    return lambda file: match[0] if (match := pattern.search(file.path)) else ""


def _guessed(files: tuple[SetFile, ...]) -> Callable[[SetFile], str]:
    """By folder, by the date that several files share, by the only file of a date."""
    stamps = {file.path: match[0] for file in files if "/" not in file.path and (match := _STAMP.search(file.path))}
    shared = Counter(stamps.values())
    has_any = bool(stamps) or any("/" in file.path for file in files)

    def name(file: SetFile) -> str:
        if "/" in file.path:
            return file.set_name
        stamp = stamps.get(file.path, "")
        if not stamp:
            return "" if has_any else file.path  # a log beside the sets
        return stamp if shared[stamp] > 1 else file.path

    return name


def shortened(new: BackupSet, good: BackupSet) -> tuple[str, ...]:
    """In what a set is less than a good one of the same stack: data that is missing, empty, or not half as long."""
    sizes = {new.part(file): file.size_bytes for file in new.files}
    short = []
    for file in good.files:
        if file.path.endswith(ABOUT):
            continue
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
