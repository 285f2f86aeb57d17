"""What a backup's report says of the stores and of the sizes of files, in whatever layout it is written."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import PurePosixPath

from readiness.facts.backup import SetFile

__all__ = ["is_named", "says_how_it_went", "wrong_sizes"]

#: Kind of store -> the words that people have for it.
_WORDS = {
    "postgres": ("postgres", "pgsql", "database", "pg_dump"),
    "redis": ("redis", "valkey", "cache", "rdb"),
    "mysql": ("mysql", "mariadb", "database"),
    "sqlite": ("sqlite", "database"),
    "files": ("files", "volume", "uploads"),
}
_UNITS = {"": 1, "b": 1, "bytes": 1, "byte": 1, "k": 1024, "kb": 1000, "kib": 1024, "m": 1024**2, "mb": 1000**2, "mib": 1024**2,
          "g": 1024**3, "gb": 1000**3, "gib": 1024**3}  # fmt: skip
_FIGURE = re.compile(r"(?<![\w.:/-])(\d+(?:[.,]\d+)?)\s?(bytes?|[KMG]i?B?|B)?(?![\w.:/-]\d|\w)", re.IGNORECASE)
_RESULT = re.compile(
    r"\b(?:ok|success\w*|complete\w*|done|succeeded|fail\w*|error\w*|result|status|finished)\b", re.IGNORECASE
)
#: du counts blocks, ls -h rounds up: a size in units may be off by one of its last figure, and by a block.
_BLOCK = 4096
#: A bare figure that is smaller is a count of something.
LARGEST_COUNT = 999


def is_named(text: str, *, service: str, kind: str = "", path: str = "") -> bool:
    """Whether the report names a store: its service, its kind, or the folder."""
    words = [service, *_WORDS.get(kind, (kind,)), PurePosixPath(path).name if path else ""]
    return any(word and word.lower() in text.lower() for word in words)


def says_how_it_went(text: str) -> bool:
    """Whether the report says how the run ended."""
    return _RESULT.search(text) is not None


def wrong_sizes(text: str, files: Iterable[SetFile]) -> tuple[tuple[str, ...], int]:
    """Files of which the report says another size than they have, in words, and the number of those it says right."""
    wrong, right = [], 0
    lines = text.splitlines()
    for file in files:
        name = PurePosixPath(file.path).name
        told = [line for line in lines if re.search(rf"(?<![\w.-]){re.escape(name)}(?![\w-])", line)]
        figures = [figure for line in told for figure in _FIGURE.finditer(line.replace(name, " "))]
        if any(_fits(figure, file.size_bytes) for figure in figures):
            right += 1
        elif sized := [figure[0].strip() for figure in figures if figure[2] or _number(figure) > LARGEST_COUNT]:
            wrong.append(f"{name} is said to have {', '.join(sized[:3])} and has {file.size_bytes} bytes")
    return tuple(wrong), right


def _number(figure: re.Match[str]) -> float:
    return float(figure[1].replace(",", "."))


def _fits(figure: re.Match[str], size: int) -> bool:
    number, unit = figure[1].replace(",", "."), (figure[2] or "").lower()
    one = _UNITS.get(unit, 1)
    if one == 1:
        return float(number) == size
    # As many figures behind the point as are shown.
    last = one / 10 ** len(number.partition(".")[2])
    return bool(abs(float(number) * one - size) <= last + _BLOCK)
