"""What the service refuses: section ``validation`` of ``readiness.yaml``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from readiness.declared.request import request_of
from readiness.target import Request, Target

__all__ = ["EXAMPLE", "SizeRule", "Validation", "validation_of"]

#: What an owner adds to ``readiness.yaml``, with the figures of common services.
EXAMPLE = (
    "validation:\n"
    "  max_body_bytes: 10485760\n"
    "  content_types: [application/json]\n"
    "  request: {method: POST, path: /embed, json: {text: hello}, as: user}"
)


@dataclass(frozen=True, kw_only=True)
class SizeRule:
    """How large one member of a JSON body may be.

    Attributes:
        request: accepted as it stands; ``at`` is the dotted place of the list or text in its JSON body.
        at_most: items or characters; None where the owner does not say.
    """

    request: Request
    at: str
    at_most: int | None = None


@dataclass(frozen=True, kw_only=True)
class Validation:
    """The section; everything in it may be missing, and what can be learnt from the API's document then is.

    Attributes:
        request: accepted as it stands, with a JSON body: what the trials of bodies and content types are made of.
        env: figure -> variable of the service under audit that sets it.
    """

    request: Request | None = None
    max_body_bytes: int | None = None
    content_types: tuple[str, ...] = ()
    batch: SizeRule | None = None
    input: SizeRule | None = None
    env: dict[str, str] = field(default_factory=dict)


def validation_of(target: Target) -> Validation:
    """The declaration, typed."""
    raw: Mapping[str, Any] = target.extra.get("validation") or {}
    return Validation(
        request=request_of(raw["request"]) if "request" in raw else None,
        max_body_bytes=raw.get("max_body_bytes"),
        content_types=tuple(raw.get("content_types") or ()),
        batch=_rule(raw.get("batch"), "items"),
        input=_rule(raw.get("input"), "characters"),
        env=dict(raw.get("env") or {}),
    )


def _rule(raw: object, figure: str) -> SizeRule | None:
    if not isinstance(raw, Mapping):
        return None
    return SizeRule(request=request_of(raw["request"]), at=str(raw["at"]), at_most=raw.get(figure))
