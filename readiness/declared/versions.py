"""The oldest servers that the application is said to work with: section ``versions`` of ``readiness.yaml``."""

from __future__ import annotations

from typing import Any

from readiness.target import Target

__all__ = ["VERSIONS_EXAMPLE", "versions_of"]

VERSIONS_EXAMPLE = 'versions: {db: ">=13", cache: ">=6"}'


def versions_of(target: Target) -> dict[str, str]:
    """Service -> the oldest version of its server, as ``"13"`` or ``"6.2"``, where declared."""
    raw: dict[str, Any] = target.extra.get("versions") or {}
    return {service: str(value).removeprefix(">=").strip() for service, value in raw.items()}
