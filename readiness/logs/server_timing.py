"""The header Server-Timing: metrics of one answer, each with a duration or without."""

from __future__ import annotations

import re

__all__ = ["has_duration", "milliseconds_in"]

#: W3C Server Timing, 4: metrics between commas, parameters behind semicolons. Names are tokens (RFC 9110, 5.6.2), values
#: are tokens or quoted strings (5.6.4), in which commas and semicolons separate nothing.
_WORD = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_QUOTED = r'"(?:[^"\\]|\\.)*"'
_PARTS = re.compile(rf"(?P<separator>[,;])|(?P<name>{_WORD})(?:\s*=\s*(?P<value>{_WORD}|{_QUOTED}))?")
_NUMBER = re.compile(r"\d{1,15}(?:\.\d{1,15})?")
#: What the metric of the whole request is usually called.
WHOLE = "total"


def has_duration(value: str) -> bool:
    """Whether any metric tells how long it took: many tell only that a cache was hit."""
    return milliseconds_in(value) is not None


def milliseconds_in(value: str) -> float | None:
    """The duration of the whole request in milliseconds, the unit that the specification gives to ``dur``.

    That of the metric ``total`` where there is one; else the longest, because no part takes longer than the whole.
    None where the value is no such header, or tells no duration.
    """
    found: dict[str, float] = {}
    metric, is_begin = "", True
    for part in _PARTS.finditer(value):
        if part["separator"]:
            is_begin = part["separator"] == ","
        elif is_begin:
            metric, is_begin = part["name"].lower(), False
        elif part["name"].lower() == "dur":
            text = (part["value"] or "").strip('"')
            if _NUMBER.fullmatch(text):
                found.setdefault(metric, float(text))
    return found.get(WHOLE, max(found.values(), default=None))
