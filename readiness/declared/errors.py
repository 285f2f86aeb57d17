"""The one shape of error answers, and which requests need which dependency: section ``errors`` of ``readiness.yaml``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from readiness.declared.request import request_of
from readiness.target import Request, Target

__all__ = ["LOGGED", "NEEDS_EXAMPLE", "Errors", "errors_of"]

NEEDS_EXAMPLE = "errors:\n  needs: {db: /items}  # service -> a request that cannot be answered without it"
#: What the log entry of an unhandled error tells where the owner names nothing else.
LOGGED = ("request_id", "method", "path", "trace")


@dataclass(frozen=True, kw_only=True)
class Errors:
    """The section.

    Attributes:
        code, message, request_id: dotted places in the JSON body of every error; empty where not declared.
        needs: service -> a request that cannot be answered without it.
        logged: what the log entry of an unhandled error tells.
    """

    code: str = ""
    message: str = ""
    request_id: str = ""
    needs: dict[str, Request] = field(default_factory=dict)
    logged: tuple[str, ...] = LOGGED

    @property
    def places(self) -> tuple[str, ...]:
        """The declared places that every error has; that of the request id is judged by a check of its own."""
        return tuple(place for place in (self.code, self.message) if place)


def errors_of(target: Target) -> Errors:
    """The declaration, typed."""
    raw: Mapping[str, Any] = target.extra.get("errors") or {}
    return Errors(
        code=raw.get("code", ""),
        message=raw.get("message", ""),
        request_id=raw.get("request_id", ""),
        needs={service: request_of(request) for service, request in (raw.get("needs") or {}).items()},
        logged=tuple(raw.get("logged") or LOGGED),
    )
