"""Digests of what stores hold. One module of this folder is one kind of store, found by listing the folder.

A module of a kind has ``KIND`` (``postgres``, ``redis`` …) and ``open_side(where) -> Side``
(:class:`~readiness.instruments.digests.side.Side`). Kinds that are not ours are found by their entry point in the group
``readiness.digests``, named like the kind: a store that is asked through an HTTP API needs no more than the four methods
of a side, and :class:`~readiness.instruments.digests.kept.Kept` gives three of them to whoever can list what it holds.
"""

from __future__ import annotations

import importlib.metadata
import pkgutil
from importlib import import_module
from typing import Protocol, cast

from readiness.exceptions import ConfigError
from readiness.facts.digest import StoreDigest
from readiness.instruments.digests.side import Side, Where

__all__ = ["kinds", "open_side", "settled"]

GROUP = "readiness.digests"


class _Kind(Protocol):
    """What a module of a kind offers."""

    KIND: str

    @staticmethod
    def open_side(where: Where) -> Side:
        """The store, ready to be asked."""


def kinds() -> tuple[str, ...]:
    """The kinds of stores that can be digested, sorted."""
    return tuple(sorted({*_own(), *(entry.name for entry in importlib.metadata.entry_points(group=GROUP))}))


def open_side(kind: str, where: Where) -> Side:
    """A store of this kind, ready to be asked.

    Raises:
        ConfigError: there is no such kind.
    """
    if kind in (own := _own()):
        return own[kind].open_side(where)
    for entry in importlib.metadata.entry_points(group=GROUP, name=kind):
        return cast("_Kind", entry.load()).open_side(where)
    raise ConfigError(f"no digest for a store of the kind {kind!r}; there are {', '.join(kinds())}")


def settled(side: Side, *, attempts: int = 3) -> StoreDigest:
    """The digest of a store while which nothing was written to it, else the last of so many.

    A PostgreSQL that was just filled is written to by its own upkeep for a while, which changes no content.
    """
    digest = side.digest()
    for _ in range(attempts - 1):
        if digest.problem or digest.is_quiet is not False:
            break
        digest = side.digest()
    return digest


def _own() -> dict[str, _Kind]:
    modules = (import_module(f"{__name__}.{info.name}") for info in pkgutil.iter_modules(__path__))
    return {module.KIND: cast("_Kind", module) for module in modules if hasattr(module, "KIND")}
