"""Rate limits as a document states them, and as the running service tells them. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from readiness.facts.http import Exchange

__all__ = ["Statement", "statements", "told"]

_NUMBER = r"(\d{1,3}(?:[,\u202f_ ]\d{3})+|\d{1,9})"
_WORDS = r"(?:\s+(?:api|http))?\s*(?:requests?|calls?|reqs?|messages?|times)?"
_UNIT = r"(second|sec|s|minute|min|m|hour|hr|h|day|d)"
#: "100 requests per minute", "100 requests/minute", "100/min", "60 calls every 10 seconds".
_STATEMENT = re.compile(
    rf"\b{_NUMBER}{_WORDS}\s*(?:/|per\s|a\s|an\s|each\s|every\s|in\s)\s*(?:(\d{{1,5}})\s*)?{_UNIT}s?\b", re.IGNORECASE
)
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
#: The usual names of the figure in answers, the standard's (draft-ietf-httpapi-ratelimit-headers) among them.
_HEADERS = ("x-ratelimit-limit", "ratelimit-limit", "x-rate-limit-limit")
_POLICY = re.compile(r"\bq=(\d{1,9})")
MAX_TEXT, MAX_DEPTH, MAX_TEXTS = 20_000, 12, 5000


@dataclass(frozen=True, kw_only=True)
class Statement:
    """One stated limit, in the document's own words."""

    requests: int
    seconds: int
    text: str


def statements(data: Mapping[str, Any]) -> list[Statement]:
    """Every rate that the document's texts state."""
    found = []
    for text in _texts(data):
        for match in _STATEMENT.finditer(text[:MAX_TEXT]):
            unit = _SECONDS[match[3][0].lower()]
            requests = int(re.sub(r"\D", "", match[1]))
            found.append(Statement(requests=requests, seconds=int(match[2] or 1) * unit, text=match[0].strip()))
    return list(dict.fromkeys(found))


def _texts(data: Mapping[str, Any]) -> Iterator[str]:
    """Descriptions and summaries, wherever they stand."""
    waiting: list[tuple[int, Any]] = [(0, data)]
    count = 0
    while waiting and count < MAX_TEXTS:
        depth, node = waiting.pop()
        if depth > MAX_DEPTH:
            continue
        if isinstance(node, dict):
            for key in ("description", "summary"):
                if isinstance(node.get(key), str):
                    count += 1
                    yield node[key]
            waiting += [(depth + 1, value) for value in node.values()]
        elif isinstance(node, list):
            waiting += [(depth + 1, value) for value in node]


def told(exchanges: tuple[Exchange, ...]) -> dict[int, str]:
    """Figures that answers of the running service announce -> the answer and header that do."""
    found: dict[int, str] = {}
    for exchange in exchanges:
        for name in _HEADERS:
            for value in exchange.all(name):
                number = re.match(r"\s*(\d{1,9})", value)
                if number:
                    found.setdefault(int(number[1]), f"{exchange.label}, {name}: {value[:60]}")
        for value in exchange.all("ratelimit-policy"):
            for number in _POLICY.findall(value):
                found.setdefault(int(number), f"{exchange.label}, ratelimit-policy: {value[:100]}")
    return found
