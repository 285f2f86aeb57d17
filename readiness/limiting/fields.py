"""What answers say of the limit: the ``X-RateLimit-*`` family, and the IETF's structured fields.

The latter as in draft-ietf-httpapi-ratelimit-headers-10 (``RateLimit-Policy: "default";q=100;w=60`` and
``RateLimit: "default";r=50;t=30``) and, where a service is older, as in its predecessors (``limit=100, remaining=50``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import http_sf

from readiness.facts.limiter import Answer

__all__ = ["Stated", "StructuredField", "stated_by", "structured"]

#: Prefixes of one family each, the usual one first.
FAMILIES = ("x-ratelimit-", "x-rate-limit-", "ratelimit-")
_NUMBER = re.compile(r"-?\d{1,15}")


@dataclass(frozen=True, kw_only=True)
class Stated:
    """One answer's three figures; None for one that is missing or no integer.

    Attributes:
        prefix: of the family that the answer uses; empty where it uses none.
    """

    prefix: str
    limit: int | None = None
    remaining: int | None = None
    reset: int | None = None

    @property
    def missing(self) -> tuple[str, ...]:
        """The names of headers that are missing or no integer."""
        values = {"limit": self.limit, "remaining": self.remaining, "reset": self.reset}
        return tuple(f"{self.prefix}{name}" for name, value in values.items() if value is None)

    def reset_seconds(self, now: float) -> float | None:
        """Until the reset: the header holds Unix seconds, or seconds from now as the IETF's drafts have it."""
        if self.reset is None:
            return None
        # No window is as long as the time since 1970.
        return self.reset - now if self.reset > 1_000_000_000 else float(self.reset)  # noqa: PLR2004


def stated_by(answer: Answer) -> Stated:
    """What an answer says in a family of plain headers."""
    for prefix in FAMILIES:
        values = {name: answer.first(f"{prefix}{name}") for name in ("limit", "remaining", "reset")}
        if any(value is not None for value in values.values()):
            return Stated(prefix=prefix, **{name: _integer(value) for name, value in values.items()})
    return Stated(prefix="")


def _integer(value: str | None) -> int | None:
    # "100, 100;w=60" is how early drafts wrote a limit with its policies.
    first = (value or "").split(",")[0].split(";")[0].strip()
    return int(first) if _NUMBER.fullmatch(first) else None


@dataclass(frozen=True, kw_only=True)
class StructuredField:
    """One structured field of an answer: its figures by parameter, or what is wrong with it."""

    name: str
    value: str
    figures: tuple[dict[str, int], ...] = ()
    problem: str = ""


def structured(answer: Answer) -> Iterator[StructuredField]:
    """``RateLimit`` and ``RateLimit-Policy``, where the answer has them."""
    for name in ("ratelimit", "ratelimit-policy"):
        value = answer.first(name)
        if value is not None:
            yield _parsed(name, value)


def _parsed(name: str, value: str) -> StructuredField:
    problem = ""
    for kind in ("list", "dictionary"):
        try:
            data: Any = http_sf.parse(value.encode("latin-1"), tltype=kind)
        except ValueError as error:
            problem = problem or str(error)[:200]
            continue
        return StructuredField(name=name, value=value, figures=tuple(_figures(data)))
    return StructuredField(name=name, value=value, problem=problem or "it cannot be parsed")


def _figures(data: Any) -> Iterator[dict[str, int]]:
    if isinstance(data, dict):
        yield {key: item[0] for key, item in data.items() if isinstance(item, tuple) and type(item[0]) is int}
        return
    for item in data if isinstance(data, list) else []:
        if not isinstance(item, tuple) or len(item) != 2 or not isinstance(item[1], dict):  # noqa: PLR2004  # value, parameters
            continue
        value, parameters = item
        found = {key: number for key, number in parameters.items() if type(number) is int}
        if type(value) is int:
            found["q"] = value  # "100;w=60", an earlier draft's policy
        yield found
