"""Cross-origin sharing as answered to a stranger's origin (Fetch standard, CORS protocol)."""

from __future__ import annotations

from dataclasses import dataclass

from readiness.headers.grade import Grade

__all__ = ["CorsGrade", "grade"]


@dataclass(frozen=True, kw_only=True)
class CorsGrade(Grade):
    """The grade.

    Attributes:
        is_reflected: the asking origin came back, so any origin is allowed.
        allows_credentials: with cookies and logins.
    """

    is_reflected: bool = False
    allows_credentials: bool = False


def grade(allow_origin: tuple[str, ...], *, credentials: tuple[str, ...] = (), origin: str | None) -> CorsGrade:
    """Grade the answer to a request from ``origin``, which is nobody's friend.

    ``*`` without credentials is public content and good; so is no answer at all, or the name of another origin.
    """
    allowed = [value.strip(" \t") for value in allow_origin]
    allows_credentials = any(value.strip(" \t") == "true" for value in credentials)
    is_reflected = origin is not None and origin in allowed
    suffix = ", with credentials" if allows_credentials else ""
    findings = []
    if len(allowed) > 1:
        findings.append(f"Access-Control-Allow-Origin is sent {len(allowed)} times, so browsers refuse every origin")
    if "null" in allowed:
        findings.append(f"the null origin, which any sandboxed frame has, is allowed{suffix}")
    elif is_reflected:
        findings.append(f"the unknown origin {origin} is reflected{suffix}")
    elif "*" in allowed and allows_credentials:
        findings.append("every origin is allowed together with credentials, which browsers refuse and others do not")
    return CorsGrade(findings=tuple(findings), is_reflected=is_reflected, allows_credentials=allows_credentials)
