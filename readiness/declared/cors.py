"""The ``cors`` section: what the service says about itself to pages of other origins."""

from __future__ import annotations

from dataclasses import dataclass

from readiness.target import Target

__all__ = ["Cors", "cors_of"]


@dataclass(frozen=True, kw_only=True)
class Cors:
    """How cross-origin requests are answered.

    Attributes:
        credentials: whether pages of allowed origins may ask with cookies or logins; None where not declared.
        variable: of the service, which holds the allowed origins; empty where not declared.
        service: whose variable that is; empty is the service under audit.
        form: how the variable writes a list: ``comma``, ``space`` or ``json``.
    """

    credentials: bool | None = None
    variable: str = ""
    service: str = ""
    form: str = "comma"


def cors_of(target: Target) -> Cors:
    """The section, or what it says when it says nothing."""
    raw = target.extra.get("cors") or {}
    return Cors(
        credentials=raw.get("credentials"),
        variable=raw.get("variable", ""),
        service=raw.get("service", ""),
        form=raw.get("form", "comma"),
    )
