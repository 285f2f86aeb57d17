"""``Permissions-Policy`` (W3C Permissions Policy, 5.2: a structured field dictionary, RFC 9651).

A field that does not parse is ignored as a whole (RFC 9651, 4.2). ``feature=()`` denies it to every origin; a feature
that is not named keeps its default, which for the powerful ones is ``self``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import http_sf

from readiness.headers.grade import Grade, combined

__all__ = ["PermissionsGrade", "grade"]


@dataclass(frozen=True, kw_only=True)
class PermissionsGrade(Grade):
    """The grade; ``features`` is feature -> allow list as words, ``("*",)`` for everybody."""

    features: dict[str, tuple[str, ...]] = field(default_factory=dict)


def grade(
    values: tuple[str, ...], *, denied: tuple[str, ...] = ("geolocation", "microphone", "camera")
) -> PermissionsGrade:
    """Grade the header's lines: each feature of ``denied`` must be there with an empty allow list."""
    if not values:
        return PermissionsGrade(findings=("Permissions-Policy is missing",))
    text = combined(values)
    try:
        # latin-1 is how the header was read; http_sf refuses what is not ASCII, as RFC 9651 asks.
        parsed: Any = http_sf.parse(text.encode("latin-1", "replace"), tltype="dictionary")
    except (http_sf.StructuredFieldError, UnicodeError) as error:
        shown = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        return PermissionsGrade(findings=(f"Permissions-Policy {text[:120]!r} is ignored: {shown[:120]}",))
    features: dict[str, tuple[str, ...]] = {}
    findings = []
    for name, member in parsed.items():
        origins = _allow_list(member)
        if origins is None:
            findings.append(f"Permissions-Policy gives {str(name)[:60]} no allow list")
        else:
            features[str(name)] = origins
    for feature in denied:
        if feature not in parsed:
            findings.append(f"Permissions-Policy does not name {feature}")
        elif features.get(feature):
            findings.append(f"Permissions-Policy allows {feature} to {' '.join(features[feature])[:80]}")
    return PermissionsGrade(findings=tuple(findings), features=features)


def _allow_list(member: Any) -> tuple[str, ...] | None:
    """A dictionary member's origins; None for what is neither a list nor a single origin, like a bare ``camera``.

    A member is ``(value, parameters)``, its value an inner list of such pairs or one bare item.
    """
    value = member[0]
    if isinstance(value, list):
        return tuple(str(item[0]) for item in value)
    return (str(value),) if isinstance(value, http_sf.Token | str) else None
