"""Whether a cache may store a refusal."""

from __future__ import annotations

import re

__all__ = ["is_storable"]

_AGE = re.compile(r"(?:max-age|s-maxage)\s*=\s*\"?(\d{1,10})")


def is_storable(directives: str, *, expires: str | None) -> bool:
    """Whether ``Cache-Control`` or ``Expires`` lets a cache store an answer whose status is not stored by itself.

    RFC 9111, 3: it needs ``public``, a lifetime, or ``Expires``, and no ``no-store``. A lifetime of 0 is never used again
    unasked.
    """
    text = directives.lower()
    names = {part.split("=")[0].strip() for part in text.split(",")}
    if "no-store" in names:
        return False
    lifetimes = [int(age) for age in _AGE.findall(text)]
    if lifetimes:
        return any(lifetimes)
    return "public" in names or (expires is not None and expires.strip() not in {"0", "-1"} and "no-cache" not in names)
