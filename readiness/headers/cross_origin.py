"""Isolation from other origins: COOP and COEP (HTML standard, structured field items) and CORP (Fetch standard).

A field that does not parse as one item, or whose token is unknown, is ignored and leaves ``unsafe-none``; tokens compare
with case. The header may be missing: that is no finding here, the caller decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import http_sf

from readiness.headers.grade import Grade, combined

__all__ = ["CrossOriginGrade", "embedder", "opener", "resource"]

OPENER = frozenset({"unsafe-none", "same-origin-allow-popups", "same-origin", "noopener-allow-popups"})
EMBEDDER = frozenset({"unsafe-none", "require-corp", "credentialless"})
RESOURCE = frozenset({"same-origin", "same-site", "cross-origin"})


@dataclass(frozen=True, kw_only=True)
class CrossOriginGrade(Grade):
    """The grade; ``value`` is the token in force, None where the header is missing or ignored."""

    value: str | None = None

    @property
    def isolates(self) -> bool:
        """Whether the value shuts anybody out."""
        return self.value not in {None, "unsafe-none", "cross-origin"}


def opener(values: tuple[str, ...]) -> CrossOriginGrade:
    """Grade ``Cross-Origin-Opener-Policy``."""
    return _item("Cross-Origin-Opener-Policy", values, OPENER)


def embedder(values: tuple[str, ...]) -> CrossOriginGrade:
    """Grade ``Cross-Origin-Embedder-Policy``."""
    return _item("Cross-Origin-Embedder-Policy", values, EMBEDDER)


def resource(values: tuple[str, ...]) -> CrossOriginGrade:
    """Grade ``Cross-Origin-Resource-Policy``, which is compared as plain text (Fetch, 3.7)."""
    if not values:
        return CrossOriginGrade()
    text = combined(values)
    if text in RESOURCE:
        return CrossOriginGrade(value=text)
    return CrossOriginGrade(findings=(f"Cross-Origin-Resource-Policy {text[:80]!r} is ignored: not a known value",))


def _item(name: str, values: tuple[str, ...], known: frozenset[str]) -> CrossOriginGrade:
    if not values:
        return CrossOriginGrade()
    text = combined(values)
    try:
        parsed: Any = http_sf.parse(text.encode("latin-1", "replace"), tltype="item")
    except (http_sf.StructuredFieldError, UnicodeError):
        return CrossOriginGrade(findings=(f"{name} {text[:80]!r} is ignored: it is not one structured item",))
    value = parsed[0] if isinstance(parsed, tuple) else parsed
    if not isinstance(value, http_sf.Token) or str(value) not in known:
        return CrossOriginGrade(findings=(f"{name} {text[:80]!r} is ignored: not a known value",))
    return CrossOriginGrade(value=str(value))
