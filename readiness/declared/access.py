"""Who may call what: section ``access`` of ``readiness.yaml``."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from readiness.declared.request import request_of
from readiness.target import Request, Target

__all__ = ["ACCESS_EXAMPLE", "LOGIN_EXAMPLE", "PRIVATE_EXAMPLE", "Access", "access_of", "is_named"]

ACCESS_EXAMPLE = (
    "access:\n  public: [GET /health*, POST /auth/*]   # everything else needs a login\n  admin: [GET /admin/*]"
)

LOGIN_EXAMPLE = (
    "login:\n  request: {method: POST, path: /auth/login, json: {name: '{name}', password: '{password}'}}\n"
    "  token: access_token\n  users: [{name: alice, password: …}]"
)
PRIVATE_EXAMPLE = "paths:\n  private: {path: /me, as: user}   # a path that needs a login"


@dataclass(frozen=True, kw_only=True)
class Access:
    """The section.

    Attributes:
        is_declared: there is one; without it the document's own security requirements are believed.
        public, admin: patterns of operations.
        requests: what to send to operations whose parameters cannot be made up.
    """

    is_declared: bool = False
    public: tuple[str, ...] = ()
    admin: tuple[str, ...] = ()
    requests: tuple[Request, ...] = ()

    def is_public(self, method: str, path: str) -> bool:
        """Whether everybody may call the operation."""
        return is_named(self.public, method, path)

    def is_admin(self, method: str, path: str) -> bool:
        """Whether the administrator alone may call it."""
        return is_named(self.admin, method, path)


def access_of(target: Target) -> Access:
    """The declaration, typed."""
    raw: dict[str, Any] | None = target.extra.get("access")
    if raw is None:
        return Access()
    return Access(
        is_declared=True,
        public=tuple(raw.get("public") or ()),
        admin=tuple(raw.get("admin") or ()),
        requests=tuple(request_of(request) for request in raw.get("requests") or ()),
    )


def is_named(patterns: Iterable[str], method: str, path: str) -> bool:
    """Whether one of the patterns, ``GET /items/*`` or a path alone, names the operation; ``*`` is any text."""
    for pattern in patterns:
        verb, _, place = pattern.rpartition(" ")
        expression = ".*".join(re.escape(part) for part in place.split("*"))
        if verb in {"", method} and re.fullmatch(expression, path):
            return True
    return False
