"""Headers and error pages that tell which software, in which version, answers (OWASP Secure Headers, headers to remove)."""

from __future__ import annotations

import re

from readiness.headers.grade import Grade

__all__ = ["grade", "grade_page"]

#: Only ever sent to name a product; their mere presence tells.
TELLTALE = (
    "x-powered-by",
    "x-aspnet-version",
    "x-aspnetmvc-version",
    "x-generator",
    "x-powered-cms",
    "x-php-version",
    "x-runtime-version",
)
#: ``nginx/1.27.0``, ``Apache/2.4``, ``squid 6.1``: a name, then a figure.
_VERSION = re.compile(r"[A-Za-z][A-Za-z0-9_.+-]*(?:/| +v?)[0-9]+(?:\.[0-9A-Za-z]+)*")
#: ``Via: 1.1 name (comment)``: protocol version, pseudonym, comment (RFC 9110, 7.6.3). The first figure is the protocol's.
_VIA_PROTOCOL = re.compile(r"^\s*(?:[A-Za-z]+/)?[0-9](?:\.[0-9])?\s+")
#: Footers of servers' built-in error pages.
_PAGE = re.compile(
    r"\b(?:nginx|openresty|Apache|lighttpd|Microsoft-IIS|Apache Tomcat|Jetty|gunicorn|Werkzeug|Caddy|Varnish)/[0-9][0-9A-Za-z.]*"
)


def grade(headers: tuple[tuple[str, str], ...]) -> Grade:
    """Grade all headers of one answer; a product name without a version in ``Server`` or ``Via`` is no finding."""
    findings = []
    for name, value in headers:
        lower, shown = name.lower(), value[:80]
        if lower == "server" and _VERSION.search(value):
            findings.append(f"Server names a version: {shown!r}")
        elif lower in TELLTALE and value.strip():
            findings.append(f"{name} names the software: {shown!r}")
        elif lower == "via" and any(_VERSION.search(_VIA_PROTOCOL.sub("", hop)) for hop in value.split(",")):
            findings.append(f"Via names a version: {shown!r}")
    return Grade(findings=tuple(findings))


def grade_page(html: str) -> Grade:
    """Grade an HTML error page: the server's own one says which version wrote it."""
    found = _PAGE.search(html[: 64 * 1024])
    return Grade(findings=(f"the error page names a version: {found[0][:80]!r}",)) if found else Grade()
