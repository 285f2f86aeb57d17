"""``X-Content-Type-Options`` (Fetch standard, "determine nosniff")."""

from __future__ import annotations

from dataclasses import dataclass

from readiness.headers.grade import Grade

__all__ = ["NosniffGrade", "grade"]


@dataclass(frozen=True, kw_only=True)
class NosniffGrade(Grade):
    """The grade; ``is_in_force`` says whether a browser obeys it despite findings (Fetch reads the first of a list)."""

    is_in_force: bool = False


def grade(values: tuple[str, ...]) -> NosniffGrade:
    """Grade the header's lines: exactly one, exactly ``nosniff`` in any case."""
    words = [word.strip(" \t") for value in values for word in value.split(",")]
    is_in_force = bool(words) and words[0].lower() == "nosniff"
    if not values:
        return NosniffGrade(findings=("X-Content-Type-Options is missing",))
    if len(words) > 1:
        message = f"X-Content-Type-Options is sent {len(words)} times: {', '.join(words)[:80]!r}"
        return NosniffGrade(findings=(message,), is_in_force=is_in_force)
    if not is_in_force:
        return NosniffGrade(findings=(f"X-Content-Type-Options is {words[0][:80]!r}, not 'nosniff'",))
    return NosniffGrade(is_in_force=True)
