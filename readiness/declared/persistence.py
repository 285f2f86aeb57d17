"""What has to outlive its process: sections ``persistence``, ``idempotency`` and ``settings``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from readiness.declared.request import request_of
from readiness.target import Request, Target

__all__ = [
    "IDEMPOTENCY_EXAMPLE",
    "UNIQUE",
    "Idempotency",
    "idempotency_of",
    "persistence_of",
    "settings_of",
]

#: In a declared request, stands for a text that no other request holds.
UNIQUE = "{unique}"
IDEMPOTENCY_EXAMPLE = (
    "idempotency:\n  header: Idempotency-Key\n"
    f'  request: {{method: POST, path: /orders, json: {{note: "{UNIQUE}"}}, as: user, expect: [201]}}'
)


@dataclass(frozen=True, kw_only=True)
class Idempotency:
    """A request that is executed once per key. ``id`` is where its answer names what it made."""

    header: str
    request: Request
    id: str = "id"


def persistence_of(target: Target) -> dict[str, str]:
    """Service -> ``durable`` or ``volatile``, where the owner says."""
    return dict(target.extra.get("persistence") or {})


def settings_of(target: Target) -> dict[str, dict[str, str]]:
    """Service -> setting of its server -> the declared value."""
    raw: dict[str, dict[str, Any]] = target.extra.get("settings") or {}
    return {service: {name: _text(value) for name, value in values.items()} for service, values in raw.items()}


def idempotency_of(target: Target) -> Idempotency | None:
    """The declaration, typed; None where there is none."""
    raw: dict[str, Any] = target.extra.get("idempotency") or {}
    if "header" not in raw or "request" not in raw:
        return None
    return Idempotency(header=raw["header"], request=request_of(raw["request"]), id=raw.get("id", "id"))


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
