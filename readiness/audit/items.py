"""Checks as pytest items: which there are, which count, in which order, and the gatherers behind them."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from readiness.check import CheckMeta, Impact, meta_of
from readiness.facts._codec import encode
from readiness.gather._declare import GathererMeta, gatherer_meta

if TYPE_CHECKING:
    from readiness.audit.judging import Judge
    from readiness.audit.run import Run

__all__ = ["check_meta", "gatherers_of", "impact_of", "select", "write_scope"]


def check_meta(item: pytest.Item) -> CheckMeta | None:
    """The check behind an item, or None for an ordinary test."""
    return meta_of(item.obj) if isinstance(item, pytest.Function) else None


def gatherers_of(item: pytest.Item) -> tuple[GathererMeta, ...]:
    """The gatherers whose facts the item asks for, as its fixtures resolve them."""
    definitions = item._fixtureinfo.name2fixturedefs if isinstance(item, pytest.Function) else {}  # noqa: SLF001  # pytest resolves overrides here and offers no public view
    metas = (gatherer_meta(found[-1].func) for found in definitions.values() if found)
    return tuple(meta for meta in metas if meta is not None)


def impact_of(item: pytest.Item) -> Impact:
    """The strongest impact of the facts it asks for."""
    return max((m.impact for m in gatherers_of(item)), key=lambda impact: impact.rank, default=Impact.OBSERVES)


def select(items: list[pytest.Item], run: Run) -> list[pytest.Item]:
    """Refuse duplicate ids, drop what the profile leaves out, and order the rest; mark each with its impact.

    Observing checks come first, for early results; checks of one fact stand together.

    Returns:
        The items that were dropped.

    Raises:
        pytest.UsageError: two checks bear one id.
    """
    seen: dict[str, str] = {}
    kept: list[pytest.Item] = []
    dropped: list[pytest.Item] = []
    for item in items:
        meta = check_meta(item)
        if meta is not None:
            if meta.id in seen:
                raise pytest.UsageError(
                    f"two checks are called {meta.id}: {seen[meta.id]} and {item.nodeid}; rename one"
                )
            seen[meta.id] = item.nodeid
            item.add_marker(impact_of(item).value)
            item.add_marker(meta.category.value)
            # Reports show ids, so ``-k`` takes them.
            item.extra_keyword_matches.add(meta.id)
        is_dropped = meta is not None and run.profile.reason_excluded(meta.id) is not None
        (dropped if is_dropped else kept).append(item)
    items[:] = sorted(kept, key=_order)
    return dropped


def _order(item: pytest.Item) -> tuple[int, str, str]:
    facts = sorted(m.name for m in gatherers_of(item))
    meta = check_meta(item)
    return (impact_of(item).rank, ",".join(facts), meta.id if meta else "")


def write_scope(items: list[pytest.Item], run: Run, judge: Judge) -> None:
    """Keep what is in scope, so that the card shows what did not run; every worker writes the same."""
    absent = [
        encode(judge.of_absence(meta, impact_of(item), "did not run"))
        for item in items
        if (meta := check_meta(item)) is not None
    ]
    with contextlib.suppress(FileExistsError), (Path(run.folder) / "scope.json").open("x", encoding="utf-8") as file:
        json.dump(absent, file)
