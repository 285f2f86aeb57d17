"""The ``@gatherer`` decorator: from a function over instruments to a fixture that asks the store."""

from __future__ import annotations

import inspect
import typing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from readiness.check import Impact

__all__ = ["INSTRUMENTS", "GathererMeta", "gatherer", "gatherer_meta"]

#: What a gatherer may ask for.
#: ``declared`` is the target before discovery and ``started`` the stack whether it is up or not: for the facts that the
#: others stand on. ``target`` and ``stack`` are the completed target and a stack that is up.
INSTRUMENTS = frozenset(
    {"declared", "faults", "http", "profile", "progress", "runtime", "stack", "started", "stubs", "target", "variants"}
)

#: Where the fixture function keeps what it was made from.
GATHERER_ATTRIBUTE = "__readiness_gatherer__"


@dataclass(frozen=True, kw_only=True)
class GathererMeta:
    """A declared gatherer.

    Attributes:
        name: of the fact and of its fixture.
        impact: what it does to the target.
        fact: the dataclass that it returns.
        instruments: its arguments.
        function: the gatherer itself.
        at_most_seconds: how long it may take, for the terminal.
    """

    name: str
    impact: Impact
    fact: type
    instruments: tuple[str, ...]
    function: Callable[..., Any]
    at_most_seconds: float


def gatherer(*, impact: Impact, at_most_seconds: float = 60.0) -> Callable[[Callable[..., Any]], Any]:
    """Declare a gatherer; the return annotation names its fact.

    Raises:
        TypeError: it asks for something that is not an instrument, or names no fact.
    """

    def decorate(function: Callable[..., Any]) -> Any:
        name = function.__name__
        instruments = tuple(inspect.signature(function).parameters)
        if strangers := [i for i in instruments if i not in INSTRUMENTS]:
            raise TypeError(
                f"gatherer {name} asks for {', '.join(strangers)}: a gatherer may ask for instruments only "
                f"({', '.join(sorted(INSTRUMENTS))}), never for another fact"
            )
        fact = typing.get_type_hints(function).get("return")
        if not isinstance(fact, type):
            raise TypeError(f"gatherer {name} needs a return annotation naming its fact")
        meta = GathererMeta(
            name=name,
            impact=impact,
            fact=fact,
            instruments=instruments,
            function=function,
            at_most_seconds=at_most_seconds,
        )

        def obtain(request: pytest.FixtureRequest) -> Any:
            return request.getfixturevalue("readiness_store").obtain(meta)

        obtain.__doc__ = function.__doc__
        setattr(obtain, GATHERER_ATTRIBUTE, meta)
        # Function scope: reading the store is cheap, and a session fixture would run before the items are ordered.
        return pytest.fixture(name=name)(obtain)

    return decorate


def gatherer_meta(function: object) -> GathererMeta | None:
    """The declaration behind a fixture function, or None."""
    meta = getattr(function, GATHERER_ATTRIBUTE, None)
    return meta if isinstance(meta, GathererMeta) else None
