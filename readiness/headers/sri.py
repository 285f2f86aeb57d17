"""Scripts of a page and their integrity (W3C Subresource Integrity, 3.3 and 3.5; mixed content: HTTPS only)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html.parser import HTMLParser
from urllib.parse import urlsplit

from readiness.headers.grade import Grade

__all__ = ["Script", "SriGrade", "grade", "scripts"]

_INTEGRITY = re.compile(r"sha(256|384|512)-[A-Za-z0-9+/_-]+={0,2}(\?\S*)?")


@dataclass(frozen=True, kw_only=True)
class Script:
    """One ``<script src>``: where from, and its ``integrity`` attribute."""

    src: str
    integrity: str | None = None


@dataclass(frozen=True, kw_only=True)
class SriGrade(Grade):
    """The grade; ``foreign`` are the scripts of other sites."""

    foreign: tuple[Script, ...] = ()


class _Scripts(HTMLParser):
    """Collects scripts that have a source."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[Script] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep script elements; of doubled attributes the first counts, as in the HTML standard."""
        values: dict[str, str | None] = {}
        for name, value in attrs:
            values.setdefault(name, value)
        if tag == "script" and values.get("src"):
            self.found.append(Script(src=(values["src"] or "").strip(), integrity=values.get("integrity")))


def scripts(html: str) -> tuple[Script, ...]:
    """Scripts with a source, in the order of the page, at most those of the first 1 MiB."""
    parser = _Scripts()
    try:
        parser.feed(html[: 1024 * 1024])
        parser.close()
    except (AssertionError, ValueError):
        # Broken markup stops the standard parser; what came before still counts.
        return tuple(parser.found)
    return tuple(parser.found)


def grade(html: str, *, site: str) -> SriGrade:
    """Grade a page of ``site`` (a host name): scripts of other sites come over TLS and carry a valid integrity."""
    findings, foreign = [], []
    for script in scripts(html):
        try:
            parts = urlsplit(script.src)
            host = (parts.hostname or "").lower()
        except ValueError:
            continue  # browsers load nothing from an address that does not parse
        if not host:
            continue
        if parts.scheme != "https" and (parts.scheme == "http" or not _is_same_site(host, site)):
            findings.append(f"script {script.src[:120]} may be loaded over plain http")
        if _is_same_site(host, site):
            continue
        foreign.append(script)
        if not any(_INTEGRITY.fullmatch(word) for word in (script.integrity or "").split()):
            findings.append(f"script {script.src[:120]} of another site has no integrity")
    return SriGrade(findings=tuple(findings), foreign=tuple(foreign))


def _is_same_site(host: str, site: str) -> bool:
    """Whether one is the other or below it; without a public suffix list, sisters count as strangers."""
    site = site.lower()
    return host == site or host.endswith(f".{site}") or site.endswith(f".{host}")
