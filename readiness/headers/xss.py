"""``X-XSS-Protection``: switched a filter of former browsers (Internet Explorer, old Chrome and Safari).

No standard defines it. Absent or ``0`` is right for today's browsers (OWASP, HTTP headers cheat sheet); ``1; mode=block``
is the old advice; ``1`` alone let pages be rewritten by the filter, which attackers used.
"""

from __future__ import annotations

import re

from readiness.headers.grade import Grade

__all__ = ["grade"]


def grade(values: tuple[str, ...]) -> Grade:
    """Grade the header's lines: none, or one of ``0`` and ``1; mode=block``."""
    if not values:
        return Grade()
    if len(values) > 1:
        return Grade(findings=(f"X-XSS-Protection is sent {len(values)} times: {' | '.join(values)[:120]!r}",))
    parts = [re.sub(r"\s*=\s*", "=", part.strip().lower()) for part in values[0].split(";")]
    parts = [part for part in parts if part]
    if parts == ["0"] or (parts[:1] == ["1"] and "mode=block" in parts[1:]):
        return Grade()
    return Grade(findings=(f"X-XSS-Protection {values[0][:80]!r} filters without blocking",))
