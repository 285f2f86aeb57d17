"""Request ids in answers."""

from __future__ import annotations

import re
from collections.abc import Iterable

__all__ = ["HEADERS", "header_among", "id_of", "is_uuid", "naming"]

#: Headers that name a request, the usual ones first; the last is W3C Trace Context's.
HEADERS = (
    "X-Request-ID",
    "X-Correlation-ID",
    "Request-Id",
    "X-Trace-ID",
    "X-Amzn-Trace-Id",
    "Correlation-Id",
    "Traceparent",
)
#: RFC 9562, 4; the hyphens may be missing, as in Python's ``uuid4().hex``.
_UUID = re.compile(r"[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}", re.IGNORECASE)
#: W3C Trace Context, 3.2: version, trace id, parent id, flags.
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-(?P<trace>[0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")


def header_among(names: Iterable[str]) -> str | None:
    """The header that names the request, among an answer's; None where there is none."""
    present = {name.lower() for name in names}
    return next((header for header in HEADERS if header.lower() in present), None)


def id_of(value: str) -> str:
    """What of a header's value a log would repeat."""
    match = _TRACEPARENT.fullmatch(value.strip())
    return match["trace"] if match else value.strip()


def naming(names: Iterable[str]) -> re.Pattern[str]:
    """Finds any of these names where it stands alone: ``req-1`` is not in ``req-14``."""
    alternatives = (_alone(name) for name in dict.fromkeys(names) if name)
    return re.compile("|".join(alternatives) or r"(?!)")


def _alone(name: str) -> str:
    """The name with no letter or digit beside it; a hyphen or an underscore may join it to others, as in traces."""
    before = r"(?<![^\W_])" if name[0].isalnum() else ""
    after = r"(?![^\W_])" if name[-1].isalnum() else ""
    return f"{before}{re.escape(name)}{after}"


def is_uuid(value: str) -> bool:
    """Whether it is a UUID, with or without hyphens."""
    return _UUID.fullmatch(value) is not None
