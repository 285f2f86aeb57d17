"""Whether two definitions that PostgreSQL prints mean the same.

A definition that was dumped and read again is printed in other words where an expression holds casts: a check on a
``varchar`` becomes ``= ANY ((ARRAY['a'::character varying])::text[])`` at first, and after a restore
``= ANY (ARRAY[('a'::character varying)::text])``. pg_dump promises the meaning, not the words.
"""

from __future__ import annotations

import re

__all__ = ["DIGEST_MARK", "MAX_DEFINITION_CHARS", "is_same", "is_undecided"]

#: Definitions are kept so far; what follows is kept as a digest behind the mark.
MAX_DEFINITION_CHARS = 20_000
DIGEST_MARK = " … digest "
_TEXTS = re.compile(r"('(?:[^']|'')*')")
_CASTS = re.compile(
    r"::(?:character varying|double precision|bit varying|time(?:stamp)? with(?:out)? time zone|\"[^\"]+\"|\w+)"
    r"(?:\.(?:\"[^\"]+\"|\w+))?(?:\(\d+(?:,\s*\d+)?\))?(?:\[\])*"
)
_LAYOUT = re.compile(r"[\s()]+")
#: How the places begin whose definitions hold expressions; everything else is told in words that stay.
_EXPRESSIONS = (
    "column ", "constraint ", "domain ", "index ", "materialized view ", "policy ", "rule ", "statistics ", "table ",
    "trigger ", "view ",
)  # fmt: skip
#: Functions in standard SQL are kept as parsed, others as they were written.
_PARSED = "BEGIN ATOMIC"


def is_same(place: str, before: str, after: str) -> bool:
    """Whether two definitions of a thing are equal, or differ only in casts and in parentheses of their expressions.

    Texts within them count as they are. A change of nothing but casts and parentheses goes unseen.
    """
    if before == after:
        return True
    old, new = before.split(DIGEST_MARK, maxsplit=1)[0], after.split(DIGEST_MARK, maxsplit=1)[0]
    if not place.startswith(_EXPRESSIONS) and not (_PARSED in old and _PARSED in new):
        return False
    return _skeleton(old) == _skeleton(new)


def is_undecided(place: str, before: str, after: str) -> bool:
    """Whether both are longer than what is kept, and so far the same: the rest may differ in words only."""
    return before != after and DIGEST_MARK in before and DIGEST_MARK in after and is_same(place, before, after)


def _skeleton(definition: str) -> tuple[str, ...]:
    parts = _TEXTS.split(definition)
    return tuple(
        part if is_text else _LAYOUT.sub("", _CASTS.sub("", part))
        for part, is_text in zip(parts, (index % 2 == 1 for index in range(len(parts))), strict=True)
    )
