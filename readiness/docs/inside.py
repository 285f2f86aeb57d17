"""What a description tells of the inside that is nobody else's business. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

__all__ = ["internals", "names", "texts_of"]

_WITH_PASSWORD = re.compile(r"[a-z][a-z0-9+.-]*://[^\s/@:\"']*:[^\s/@\"']+@", re.IGNORECASE)
_STORE_URL = re.compile(
    r"\b(?:postgres(?:ql)?(?:\+\w+)?|mysql(?:\+\w+)?|rediss?|mongodb(?:\+srv)?|amqps?)://[^\s\"']+", re.IGNORECASE
)
_PRIVATE = re.compile(
    r"(?<![\d.])(?:10\.\d{1,3}|127\.\d{1,3}|192\.168|172\.(?:1[6-9]|2\d|3[01]))\.\d{1,3}\.\d{1,3}(?![\d.])"
)
#: At the end of the name: a ``password_policy`` is no password.
_SECRET_KEY = re.compile(r"(?:password|passwd|secret|private_?key|api_?key|dsn)$", re.IGNORECASE)
MAX_DEPTH = 6


def internals(data: Any, services: Iterable[str]) -> list[str]:
    """What of the inside the description holds, in words; nothing secret is repeated."""
    text = json.dumps(data)
    found = []
    if _WITH_PASSWORD.search(text):
        found.append("a URL with a password")
    elif match := _STORE_URL.search(text):
        found.append(f"the URL of a store ({match[0].split(':')[0]})")
    if match := _PRIVATE.search(text):
        found.append(f"an internal address ({match[0]})")
    found += [f"the internal host {service}" for service in services if _host(service).search(text)]
    found += [f"a field named {key}" for key in _secret_keys(data, MAX_DEPTH)]
    return list(dict.fromkeys(found))


def _host(service: str) -> re.Pattern[str]:
    name = re.escape(service)
    return re.compile(rf"(?:://|@|\b){name}:\d{{2,5}}\b|://{name}(?=[/\"'])")


def _secret_keys(data: Any, depth: int) -> list[str]:
    """Names of members that hold a text under a name as secrets have it."""
    if depth == 0:
        return []
    if isinstance(data, list):
        return [key for item in data for key in _secret_keys(item, depth - 1)]
    if not isinstance(data, dict):
        return []
    # What has spaces is a sentence about it: "send it as X-API-Key".
    here = [
        str(key)
        for key, value in data.items()
        if _SECRET_KEY.search(str(key)) and isinstance(value, str) and value and not re.search(r"\s", value)
    ]
    return here + [key for value in data.values() for key in _secret_keys(value, depth - 1)]


def names(data: Any) -> set[str]:
    """The names of all members down to the second level, in small letters."""
    if not isinstance(data, dict):
        return set()
    inner = [value for value in data.values() if isinstance(value, dict)]
    return {str(key).lower() for part in (data, *inner) for key in part}


def texts_of(data: Any) -> str:
    """The description as evidence shows it."""
    return json.dumps(data, ensure_ascii=False)[:400]
