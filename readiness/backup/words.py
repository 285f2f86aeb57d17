"""Differences as people read them."""

from __future__ import annotations

from collections.abc import Sequence

from readiness.facts.digest import Difference, DifferenceKind

__all__ = ["told"]

MAX_NAMED = 5


def told(difference: Difference) -> str:
    """One line: what differs and how, with some of the keys."""
    place, before, after = difference.place, difference.before, difference.after
    match difference.kind:
        case DifferenceKind.LOST:
            return f"{place} is lost{f' ({before})' if before else ''}"
        case DifferenceKind.ADDED:
            return f"{place} was not there before{f' ({after})' if after else ''}"
        case DifferenceKind.CHANGED:
            return f"{place} was {before or 'empty'} and is {after or 'empty'}"
        case DifferenceKind.BEHIND:
            return f"{place} is behind: {before} before, {after} now"
        case DifferenceKind.ROWS:
            return _rows(difference)


def _rows(difference: Difference) -> str:
    parts = []
    if difference.before != difference.after:
        parts.append(f"{difference.after} instead of {difference.before}")
    if difference.columns:
        parts.append(f"other values in {', '.join(difference.columns)}{_named(' of ', difference.changed)}")
    if difference.lost:
        parts.append(f"lost{_named(' ', difference.lost)}")
    if difference.added:
        parts.append(f"added{_named(' ', difference.added)}")
    more = ", and more" if difference.is_partial else ""
    return f"{difference.place}: {'; '.join(parts) or 'other rows'}{more}"


def _named(before: str, keys: Sequence[str]) -> str:
    if not keys:
        return ""
    rest = len(keys) - MAX_NAMED
    return f"{before}{', '.join(keys[:MAX_NAMED])}{f' and {rest} others' if rest > 0 else ''}"
