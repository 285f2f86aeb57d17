"""The ``resources`` section: what each service is published to use, and the machine that it runs on."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from readiness.target import Target

__all__ = ["RESOURCES_EXAMPLE", "Amount", "Published", "Resources", "bytes_of", "resources_of"]

RESOURCES_EXAMPLE = (
    "resources:\n  host: {cpus: 4, memory: 8G}\n"
    "  services: {api: {cpus: 1, memory: 512M, reserve: {cpus: 0.25, memory: 128M}}}"
)

_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]?)i?b?\s*", re.IGNORECASE)
#: As compose counts them (Compose specification, "Specifying byte values"): 1k is 1024 bytes.
_FACTORS = {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3, "t": 1024**4}


@dataclass(frozen=True, kw_only=True)
class Amount:
    """Processors and bytes; None where nothing is said."""

    cpus: float | None = None
    memory_bytes: int | None = None


@dataclass(frozen=True, kw_only=True)
class Published:
    """One service: at most ``limit``, and ``reserve`` kept for it."""

    limit: Amount = field(default_factory=Amount)
    reserve: Amount = field(default_factory=Amount)


@dataclass(frozen=True, kw_only=True)
class Resources:
    """What is published.

    Attributes:
        host: the machine in production; None where not declared.
        services: service -> its figures.
    """

    host: Amount | None = None
    services: dict[str, Published] = field(default_factory=dict)

    @property
    def limited(self) -> dict[str, Amount]:
        """Service -> published limits, of those that have any."""
        return {name: p.limit for name, p in self.services.items() if p.limit != Amount()}

    @property
    def reserved(self) -> dict[str, Amount]:
        """Service -> published reservations, of those that have any."""
        return {name: p.reserve for name, p in self.services.items() if p.reserve != Amount()}


def resources_of(target: Target) -> Resources:
    """The section, or what it says when it says nothing."""
    raw = target.extra.get("resources") or {}
    host = raw.get("host")
    return Resources(
        host=None if host is None else _amount(host),
        services={
            name: Published(limit=_amount(figures), reserve=_amount(figures.get("reserve") or {}))
            for name, figures in (raw.get("services") or {}).items()
        },
    )


def bytes_of(size: str | float) -> int:
    """A size as compose writes it (``512M``, ``1g``, bytes); the schema has checked it."""
    match = _SIZE.fullmatch(str(size))
    if match is None:
        raise ValueError(f"{size!r} is no size")
    return int(float(match[1]) * _FACTORS[match[2].lower()])


def _amount(raw: Mapping[str, Any]) -> Amount:
    cpus, memory = raw.get("cpus"), raw.get("memory")
    return Amount(cpus=None if cpus is None else float(cpus), memory_bytes=None if memory is None else bytes_of(memory))
