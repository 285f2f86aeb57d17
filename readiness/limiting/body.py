"""Reading the body of a refusal."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["members", "parsed"]


def parsed(text: str) -> Any:
    """The body as JSON, or None."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def members(data: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Names, in lower case, and values: of the nested objects first, so that the outer ones win."""
    for value in data.values():
        if isinstance(value, Mapping):
            yield from ((str(name).lower(), inner) for name, inner in value.items())
    yield from ((str(name).lower(), value) for name, value in data.items() if not isinstance(value, Mapping))
