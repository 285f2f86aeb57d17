"""Defects that are switched on together, so that proving all of them takes a few audits instead of one each.

Two defects may share an audit where neither hides the other: different parts of the demo, different checks. Each defect
is in two packs that share no other defect. Had a defect no effect, another one would have to make its checks fail in
both packs, and that one would be seen in its own other pack, where nobody expects it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from readiness.demo.defects import Defect

__all__ = ["Pack", "pack", "pairs_of"]

Pack = tuple[Defect, ...]


def pack(defects: Sequence[Defect], *, apart: Collection[frozenset[str]] = ()) -> list[Pack]:
    """The defects in as few packs as first-fit finds, those with the most enemies first.

    Args:
        defects: what to pack.
        apart: pairs of names that must not meet again.
    """

    def are_enemies(one: Defect, other: Defect) -> bool:
        return (
            bool(set(one.detected_by) & set(other.detected_by))
            or _overlap(one.part, other.part)
            or frozenset({one.name, other.name}) in apart
        )

    enemies = {d.name: sum(are_enemies(d, other) for other in defects if other is not d) for d in defects}
    packs: list[list[Defect]] = []
    for defect in sorted(defects, key=lambda d: (-enemies[d.name], d.name)):
        fitting = [found for found in packs if not any(are_enemies(defect, other) for other in found)]
        if fitting:
            # The emptiest: packs of even size keep an audit readable when it fails.
            min(fitting, key=len).append(defect)
        else:
            packs.append([defect])
    return [tuple(sorted(found, key=lambda d: d.name)) for found in packs]


def _overlap(one: str, other: str) -> bool:
    """Whether two parts are one, or one is inside the other; a defect without a part touches nothing of others."""
    return bool(one and other) and (f"{one}/".startswith(f"{other}/") or f"{other}/".startswith(f"{one}/"))


def pairs_of(packs: Collection[Pack]) -> set[frozenset[str]]:
    """The pairs that met."""
    return {frozenset({a.name, b.name}) for found in packs for a in found for b in found if a is not b}
