"""Read the address that a container's health check asks, out of curl, wget, Python, Node and shell one-liners."""

from __future__ import annotations

import re
from dataclasses import dataclass

from readiness.facts.model import HealthCheck

__all__ = ["HealthAddress", "address_of"]

#: A check is a line; a whole script in one is not worth reading further.
MAX_CHARS = 4096
_PORT = r"(?::(?:\$\{?\w+:-)?(?P<port>\d{1,5})\}?|:\$\{?\w+\}?)?"
_PATH = r"(?P<path>/[^\s'\"`|;&)>\\]*)?"
_HERE = {"localhost", "0.0.0.0", "[::1]", "$hostname", "${hostname}", "$(hostname)"}  # noqa: S104  # compared, not bound
_URL = re.compile(
    rf"(?P<scheme>https?)://(?P<host>\[::1\]|\$\(hostname\)|[^\s:/'\"`|;&)]+){_PORT}{_PATH}", re.IGNORECASE
)
_BARE = re.compile(rf"(?<![\w./:])(?P<host>localhost|127\.0\.0\.1|0\.0\.0\.0|\[::1\]){_PORT}{_PATH}")
_DEVICE = re.compile(r"/dev/tcp/(?P<host>[^/\s]+)/(?P<port>\d{1,5})")
_ARGUMENTS = re.compile(r"(?:localhost|127\.0\.0\.1)['\"]?\s*,?\s*(?:port\s*[:=]\s*)?(?P<port>\d{2,5})\b")
_PORT_FIELD = re.compile(r"\bport['\"]?\s*[:=]\s*(?P<port>\d{2,5})\b")
_REQUEST_LINE = re.compile(r"\b(?:GET|HEAD)['\"]?,?\s+['\"]?(?P<path>/[^\s'\"\\]*)")
_PATH_FIELD = re.compile(r"\bpath['\"]?\s*:\s*['\"](?P<path>/[^'\"]*)")


@dataclass(frozen=True, kw_only=True)
class HealthAddress:
    """What a health check asks inside its own container; None for what it does not say."""

    port: int | None = None
    path: str | None = None
    is_https: bool = False


def address_of(check: HealthCheck, *, service: str) -> HealthAddress | None:
    """The address, or None where the check asks none of this container (``exit 0``, ``pg_isready``, another host)."""
    text = " ".join(check.test)[:MAX_CHARS]
    for match in _URL.finditer(text):
        host = match["host"].lower()
        if host in _HERE or host == service.lower() or host.startswith("127."):
            is_https = match["scheme"].lower() == "https"
            port = _number(match["port"]) or (None if "$" in match[0] else 443 if is_https else 80)
            return HealthAddress(port=port, path=_path(match["path"]), is_https=is_https)
    if _URL.search(text):
        return None
    request = _REQUEST_LINE.search(text) or _PATH_FIELD.search(text)
    asked = _path(request["path"]) if request else None
    for pattern in (_DEVICE, _BARE, _ARGUMENTS, _PORT_FIELD):
        if found := pattern.search(text):
            own = _path(found["path"]) if "path" in found.groupdict() else None
            port = _number(found["port"])
            if port is None and own is None:
                continue
            return HealthAddress(port=port, path=own or asked)
    return HealthAddress(path=asked) if asked else None


def _number(text: str | None) -> int | None:
    number = int(text) if text else 0
    return number if 0 < number < 65536 else None  # noqa: PLR2004  # the range of TCP ports


def _path(text: str | None) -> str | None:
    """A path without shell variables, which nobody here can fill in; the root asks a page, not a probe."""
    return text if text and "$" not in text and "{" not in text else None
