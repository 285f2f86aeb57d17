"""``Referrer-Policy`` (W3C Referrer Policy, 8.1: the last recognised token counts, unknown ones are skipped)."""

from __future__ import annotations

from dataclasses import dataclass

from readiness.headers.grade import Grade

__all__ = ["LEAKING", "POLICIES", "ReferrerGrade", "grade"]

POLICIES = frozenset(
    {
        "no-referrer",
        "no-referrer-when-downgrade",
        "same-origin",
        "origin",
        "strict-origin",
        "origin-when-cross-origin",
        "strict-origin-when-cross-origin",
        "unsafe-url",
    }
)
#: These tell another origin the full URL, or tell even a plain-http one the origin.
LEAKING = frozenset({"unsafe-url", "no-referrer-when-downgrade", "origin", "origin-when-cross-origin"})


@dataclass(frozen=True, kw_only=True)
class ReferrerGrade(Grade):
    """The grade; ``policy`` is the one in force, None where browsers fall back to their default."""

    policy: str | None = None


def grade(
    values: tuple[str, ...],
    *,
    meta: tuple[str, ...] = (),
    refused: frozenset[str] = LEAKING,
    required: bool = True,
) -> ReferrerGrade:
    """Grade the header's lines.

    Args:
        values: the lines in the order received; a list over several lines is one list.
        meta: contents of ``<meta name="referrer">``, which come after the header and win.
        refused: policies that are findings.
        required: whether a missing header is one; without it browsers use ``strict-origin-when-cross-origin``.
    """
    words = [word.strip(" \t").lower() for value in (*values, *meta) for word in value.split(",")]
    words = [word for word in words if word]
    if not words:
        return ReferrerGrade(findings=("Referrer-Policy is missing",) if required else ())
    known = [word for word in words if word in POLICIES]
    if not known:
        return ReferrerGrade(findings=(f"Referrer-Policy {', '.join(words)[:80]!r} names no known policy",))
    if known[-1] in refused:
        return ReferrerGrade(findings=(f"Referrer-Policy {known[-1]} leaks",), policy=known[-1])
    return ReferrerGrade(policy=known[-1])
