"""The script by which the owner starts the stack: section ``startup`` of ``readiness.yaml``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from readiness.target import Target

__all__ = ["STARTUP_EXAMPLE", "Startup", "startup_of"]

STARTUP_EXAMPLE = (
    "startup:\n  script: [./start.sh]  # run where it can harm nothing, beside a copy of the stack\n"
    "  limit_seconds: 180\n  env: {limit_seconds: START_LIMIT_SECONDS}"
)
#: The ledger's figure (startup.health_polling_timeout).
LIMIT_SECONDS = 180.0


@dataclass(frozen=True, kw_only=True)
class Startup:
    """The section.

    Attributes:
        script: the command, from the target's folder; empty where none is declared.
        limit_seconds: after so long it gives up.
        limit_variable: what sets that; empty without one.
    """

    script: tuple[str, ...] = ()
    limit_seconds: float = LIMIT_SECONDS
    limit_variable: str = ""


def startup_of(target: Target) -> Startup:
    """The declaration, typed."""
    raw: Mapping[str, Any] = target.extra.get("startup") or {}
    script = raw.get("script") or ()
    return Startup(
        script=(script,) if isinstance(script, str) else tuple(script),
        limit_seconds=float(raw.get("limit_seconds", LIMIT_SECONDS)),
        limit_variable=(raw.get("env") or {}).get("limit_seconds", ""),
    )
