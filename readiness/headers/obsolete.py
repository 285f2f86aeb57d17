"""Headers that today's browsers ignore or that do harm (OWASP Secure Headers; Chrome and Firefox release notes)."""

from __future__ import annotations

from readiness.headers.grade import Grade

__all__ = ["grade"]

#: header -> what took its place.
REPLACED = {
    "public-key-pins": "removed from browsers in 2018; it can lock users out",
    "public-key-pins-report-only": "removed from browsers in 2018",
    "expect-ct": "removed from browsers in 2022",
    "feature-policy": "replaced by Permissions-Policy",
    "x-content-security-policy": "replaced by Content-Security-Policy",
    "x-webkit-csp": "replaced by Content-Security-Policy",
    "p3p": "never read by today's browsers",
}


def grade(headers: tuple[tuple[str, str], ...]) -> Grade:
    """Name each obsolete header once; obsolete is advice, never a finding."""
    names = dict.fromkeys(name.lower() for name, _ in headers)
    return Grade(advice=tuple(f"{name}: {REPLACED[name]}" for name in names if name in REPLACED))
