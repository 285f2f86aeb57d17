"""From plain http to https: the first redirect leads to TLS on the same host (RFC 6797, 7.2), so that HSTS is seen there."""

from __future__ import annotations

from urllib.parse import urlsplit

from readiness.headers.grade import Grade

__all__ = ["grade"]


def grade(chain: tuple[tuple[str, int], ...]) -> Grade:
    """Grade (URL, status) pairs in the order visited, the first one over plain http."""
    parts = [_parts(url) for url, _ in chain]
    problem = ""
    if not parts:
        problem = "nothing answers over plain http"
    elif parts[0][0] == "https":
        problem = ""
    elif len(parts) == 1:
        problem = f"{chain[0][0][:120]} is served over plain http"
    elif parts[-1][0] != "https":
        problem = f"the redirects end at {chain[-1][0][:120]}, which is plain http"
    elif parts[1][0] != "https":
        problem = f"the first redirect leads to {chain[1][0][:120]}, which is plain http"
    elif parts[1][1] != parts[0][1]:
        problem = f"the first redirect leaves the host for {parts[1][1]}, so {parts[0][1]} never gets HSTS"
    return Grade(findings=(problem,) if problem else ())


def _parts(url: str) -> tuple[str, str]:
    """Scheme and host; both empty for what is no URL."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "", ""
    return parts.scheme, parts.hostname or ""
