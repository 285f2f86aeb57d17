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
_LAYOUT = re.compile(r"[\s()\[\]]+")


def is_same(before: str, after: str) -> bool:
    """Whether they are equal, or differ only in casts and in parentheses.

    Texts within them count as they are.
    """
    return before == after or _skeleton(before.split(DIGEST_MARK, maxsplit=1)[0]) == _skeleton(
        after.split(DIGEST_MARK, maxsplit=1)[0]
    )


def is_undecided(before: str, after: str) -> bool:
    """Whether both are longer than what is kept, and so far the same: the rest may differ in words only."""
    return before != after and DIGEST_MARK in before and DIGEST_MARK in after and is_same(before, after)


def _skeleton(definition: str) -> tuple[str, ...]:
    parts = _TEXTS.split(definition)
    return tuple(
        part if is_text else _LAYOUT.sub("", _CASTS.sub("", part).lower())
        for part, is_text in zip(parts, (index % 2 == 1 for index in range(len(parts))), strict=True)
    )
