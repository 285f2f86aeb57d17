"""How a user's record is created, read, changed and deleted: section ``record`` of ``readiness.yaml``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from readiness.declared.request import request_of
from readiness.target import Request, Target

__all__ = ["RECORD_EXAMPLE", "Record", "record_of"]

RECORD_EXAMPLE = (
    "record:\n  create: {method: POST, path: /notes, json: {text: x}, as: user, id: id}\n"
    "  read: {path: '/notes/{id}', as: user}\n  delete: {method: DELETE, path: '/notes/{id}', as: user}"
)


@dataclass(frozen=True, kw_only=True)
class Record:
    """A record's life. ``{id}`` in a path stands for what the answer to ``create`` holds at ``id``."""

    create: Request
    id: str
    read: Request | None = None
    list: Request | None = None
    update: Request | None = None
    delete: Request | None = None


def record_of(target: Target) -> Record | None:
    """The declaration, typed; None where nothing says how a record is created."""
    raw: dict[str, Any] = target.extra.get("record") or {}
    if "create" not in raw:
        return None
    rest = {name: request_of(raw[name]) for name in ("read", "list", "update", "delete") if name in raw}
    return Record(create=request_of(raw["create"]), id=raw["create"].get("id", "id"), **rest)
