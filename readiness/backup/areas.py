"""What a difference is about, and which differences only follow from another one: a lost table loses its columns as well."""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable

from readiness.facts.digest import Difference, DifferenceKind

__all__ = ["Area", "area_of", "without_consequences"]


class Area(enum.StrEnum):
    """What kind of thing differs."""

    CONTENT = "content"
    SEQUENCES = "sequences"
    SCHEMA = "schema"
    RIGHTS = "rights"
    COMMENTS = "comments"
    SETTINGS = "settings"


#: How places begin, the longer ones first.
_AREAS = {
    "rows of": Area.CONTENT,
    "migrations of": Area.CONTENT,
    "functions": Area.CONTENT,
    "comment on": Area.COMMENTS,
    "owner of": Area.RIGHTS,
    "grants on": Area.RIGHTS,
    "default grants of": Area.RIGHTS,
    "password of": Area.RIGHTS,
    "membership of": Area.RIGHTS,
    "role": Area.RIGHTS,
    "user": Area.RIGHTS,
    "setting": Area.SETTINGS,
    "this database": Area.SETTINGS,
    "database": Area.SETTINGS,
}
#: What has parts of its own.
_WHOLES = ("table ", "view ", "materialized view ", "foreign table ", "schema ", "role ")


def area_of(difference: Difference) -> Area:
    """What the difference is about."""
    if difference.kind is DifferenceKind.BEHIND or (
        difference.place.startswith("sequence ") and difference.before.startswith("next is ")
    ):
        return Area.SEQUENCES
    return next(
        (area for beginning, area in _AREAS.items() if f"{difference.place} ".startswith(f"{beginning} ")), Area.SCHEMA
    )


def without_consequences(differences: Iterable[Difference]) -> tuple[Difference, ...]:
    """The differences without those that say the same again: of parts of what is lost, or added, as a whole."""
    every = tuple(differences)
    wholes = [
        one
        for one in every
        if one.kind in {DifferenceKind.LOST, DifferenceKind.ADDED} and one.place.startswith(_WHOLES)
    ]
    return tuple(one for one in every if not any(_follows(one, whole) for whole in wholes))


def _follows(one: Difference, whole: Difference) -> bool:
    if one is whole or one.kind is not whole.kind:
        return False
    kind, _, name = whole.place.rpartition(" ") if '"' not in whole.place else _split(whole.place)
    if kind == "schema":
        of_it = (f"owner of schema {name}", f"comment on schema {name}")
        return (
            one.place in of_it
            or one.place.startswith(f"grants on schema {name} to ")
            or re.search(rf'(?<![\w".]){re.escape(name)}\.', one.place) is not None
        )
    if kind == "role":
        plain = name.strip('"').replace('""', '"')
        return one.place.endswith((f" to {plain}", f" of role {plain}", f" of role {name}", f" in {name}")) or (
            one.place.startswith((f"membership of {name} in ", f"default grants of {plain} on "))
        )
    return (
        one.place.endswith(f" on {name}")
        or one.place in {f"rows of {name}", f"owner of {whole.place}", f"comment on {whole.place}"}
        or one.place.startswith((
            f"column {name}.",
            f"index {name}.",
            f"grants on {whole.place} to ",
            f"grants on column {name}.",
            f"comment on {kind} column {name}.",
        ))
        or re.search(rf" ON (?:ONLY )?{re.escape(name)} ", one.before or one.after) is not None
    )  # fmt: skip


def _split(place: str) -> tuple[str, str, str]:
    """A place whose name may hold spaces, at the end of what it is."""
    kind = next(whole.rstrip() for whole in _WHOLES if place.startswith(whole))
    return kind, " ", place.removeprefix(f"{kind} ")
