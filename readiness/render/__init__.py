"""Renderings of a scorecard. One file in this folder is one format, found by listing the folder.

A format module has ``NAME`` (what ``--readiness-format`` takes), ``SUFFIX`` (of the file) and
``render(card) -> str``. JSON is the contract: every format is made from the :class:`~readiness.scorecard.Scorecard`
alone, so any of them can be made again later from ``scorecard.json``. Every string of a card may come from a hostile
target: each format escapes it in its own way and shows control characters instead of sending them.
"""

from __future__ import annotations

import contextlib
import os
import pkgutil
import tempfile
from collections.abc import Iterable
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from readiness.exceptions import ConfigError
from readiness.scorecard import Scorecard

__all__ = ["Format", "formats", "render", "write"]

#: Files are called ``scorecard`` plus the suffix of the format.
STEM = "scorecard"


class Format(Protocol):
    """What a format module offers."""

    NAME: str
    SUFFIX: str

    @staticmethod
    def render(card: Scorecard) -> str:
        """The whole file."""


def formats() -> tuple[str, ...]:
    """The names of all formats, sorted."""
    return tuple(sorted(_modules()))


def render(name: str, card: Scorecard) -> str:
    """The card in one format.

    Raises:
        ConfigError: there is no such format.
    """
    return _format(name).render(card)


def write(card: Scorecard, folder: Path, names: Iterable[str]) -> list[Path]:
    """Write the card in these formats into ``folder``, which is made where it is missing.

    Each file appears whole or not at all: a reader never sees half of one, and a failed run leaves the old one.

    Returns:
        The files written, in the order of ``names``.

    Raises:
        ConfigError: there is no such format; raised before anything is written.
        OSError: the folder cannot be written to.
    """
    chosen = [_format(name) for name in dict.fromkeys(names)]
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for module in chosen:
        path = folder / f"{STEM}{module.SUFFIX}"
        _replace(path, module.render(card))
        written.append(path)
    return written


@cache
def _modules() -> dict[str, Format]:
    found = [
        import_module(f"{__name__}.{m.name}") for m in pkgutil.iter_modules(__path__) if not m.name.startswith("_")
    ]
    return {module.NAME: cast("Format", module) for module in found}


def _format(name: str) -> Format:
    try:
        return _modules()[name]
    except KeyError:
        raise ConfigError(f"unknown format {name!r}", hint=f"one of {', '.join(formats())}") from None


def _replace(path: Path, text: str) -> None:
    # Lone surrogates are what is left of a target's broken UTF-8; they have no encoding, so they are spelled out.
    content = text.encode("utf-8", "backslashreplace")
    descriptor, draft = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        Path(draft).chmod(0o644)
        Path(draft).replace(path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            Path(draft).unlink()
        raise
