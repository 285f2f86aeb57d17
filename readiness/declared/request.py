"""Requests inside a family's section."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from readiness.target import Request

__all__ = ["request_of"]


def request_of(raw: str | Mapping[str, Any]) -> Request:
    """A request as ``readiness.yaml`` writes it: a path, or its parts. The schema has checked it."""
    if isinstance(raw, str):
        return Request(path=raw)
    expect, body = raw.get("expect"), raw.get("body")
    return Request(
        method=raw.get("method", "GET"),
        path=raw["path"],
        headers={name: str(value) for name, value in (raw.get("headers") or {}).items()},
        json=raw.get("json"),
        form=None if raw.get("form") is None else {name: str(value) for name, value in raw["form"].items()},
        body=body.get("text") if isinstance(body, Mapping) else body,
        body_base64=body.get("base64") if isinstance(body, Mapping) else None,
        expect=() if expect is None else tuple(expect) if isinstance(expect, list) else (int(expect),),
        as_user=raw.get("as", "anonymous"),
        service=raw.get("service"),
        port=raw.get("port"),
    )
