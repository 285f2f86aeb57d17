"""Whether a shared cache may keep an answer and give it to somebody else (RFC 9111, 3, 3.5, 4.2.2 and 5.2.2)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from readiness.headers.grade import Grade

__all__ = ["CacheGrade", "grade", "parse"]


@dataclass(frozen=True, kw_only=True)
class CacheGrade(Grade):
    """The grade; ``directives`` is lower-case name -> value, None without one."""

    directives: dict[str, str | None] = field(default_factory=dict)


def parse(values: tuple[str, ...]) -> dict[str, str | None]:
    """Directives of ``Cache-Control``; of two with one name the first counts (RFC 9111, 4.2.1 lets either, or stale)."""
    directives: dict[str, str | None] = {}
    for value in values:
        for part in re.findall(r'(?:[^,"]|"(?:[^"\\]|\\.)*"|")+', value):
            name, has_value, text = part.strip().partition("=")
            if name.strip():
                directives.setdefault(name.strip().lower(), text.strip().strip('"') if has_value else None)
    return directives


def grade(
    values: tuple[str, ...],
    *,
    vary: tuple[str, ...] = (),
    expires: tuple[str, ...] = (),
    has_authorization: bool,
) -> CacheGrade:
    """Grade an answer that only one user may see.

    Args:
        values: lines of ``Cache-Control``.
        vary: lines of ``Vary``; keyed by what identifies the user, a kept answer reaches nobody else.
        expires: lines of ``Expires``; in their presence the answer may be kept as with ``max-age``.
        has_authorization: the request carried ``Authorization``: a shared cache then keeps the answer only where
            ``public``, ``s-maxage`` or ``must-revalidate`` says so (3.5). With a cookie nothing protects it.
    """
    directives = parse(values)
    shown = f"Cache-Control {', '.join(values)[:120]!r}"
    problem = _said(directives, shown)
    if problem is None:
        keys = {word.strip().lower() for value in vary for word in value.split(",")}
        if keys & {"authorization", "cookie", "*"}:
            problem = ""
        elif has_authorization:
            problem = _authorized(directives, shown)
        else:
            problem = _unauthorized(directives, shown, has_expires=bool(expires))
    advice = () if directives else ("Cache-Control: no-store would also keep it out of the browser's own cache",)
    return CacheGrade(findings=(problem,) if problem else (), advice=advice, directives=directives)


def _said(directives: dict[str, str | None], shown: str) -> str | None:
    """What the directives decide alone: a finding, an empty string for *not kept*, or None where they leave it open."""
    # private="field" and no-cache="field" only speak of those fields (5.2.2.4, 5.2.2.7).
    if "no-store" in directives or directives.get("private", "field") is None:
        return ""
    if "public" in directives:
        return f"{shown} lets every shared cache keep the answer"
    if _positive(directives.get("s-maxage")):
        return f"{shown} lets shared caches keep the answer for s-maxage"
    is_asked_again = directives.get("no-cache", "field") is None
    return "" if is_asked_again or _positive(directives.get("max-age")) is False else None


def _authorized(directives: dict[str, str | None], shown: str) -> str:
    if "must-revalidate" in directives:
        return f"{shown}: must-revalidate lets shared caches keep an authorized answer"
    return ""


def _unauthorized(directives: dict[str, str | None], shown: str, *, has_expires: bool) -> str:
    if directives or has_expires:
        return f"{shown} lets shared caches keep an answer that a cookie identifies"
    return "Cache-Control is missing, so shared caches may keep an answer that a cookie identifies"


def _positive(seconds: str | None) -> bool | None:
    """Whether a freshness lifetime is above zero; None where it is absent or no number."""
    return seconds.strip("0") != "" if seconds and seconds.isascii() and seconds.isdigit() else None
