"""Read an OpenAPI or Swagger document that a target serves: hostile until proven, and perhaps cut off in the middle."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

__all__ = ["DOCUMENT_PATHS", "Document", "Operation", "document_of", "read_document"]

#: Where frameworks serve it: FastAPI, its usual prefixes, NestJS and others, springdoc.
DOCUMENT_PATHS = (
    "/openapi.json",
    "/api/openapi.json",
    "/api/v1/openapi.json",
    "/swagger.json",
    "/v3/api-docs",
    "/docs/openapi.json",
)
#: Enough to find one path of each kind.
MAX_OPERATIONS = 1000
_METHODS = ("get", "head", "post", "put", "patch", "delete", "options")
_VERSION = re.compile(r"[23]\.\d")
_PATHS_MEMBER = re.compile(r'"paths"\s*:\s*\{')


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One method of one path.

    Attributes:
        path: with the document's prefix, ``{placeholders}`` left in.
        is_protected: the document says that it needs credentials.
        needs: names of required parameters outside the path; ``?`` for one that is only referred to.
        integers: names of query parameters that take a number.
    """

    method: str
    path: str
    is_protected: bool
    needs: tuple[str, ...]
    integers: tuple[str, ...]

    @property
    def is_plain(self) -> bool:
        """Whether it can be asked as it stands: no placeholder, no required parameter."""
        return "{" not in self.path and not self.needs


@dataclass(frozen=True, kw_only=True)
class Document:
    """What was found; ``is_partial`` where the answer was cut off at the bound, and ``data`` is then None."""

    version: str
    operations: tuple[Operation, ...]
    is_partial: bool
    data: dict[str, Any] | None = None

    def plain_gets(self) -> tuple[Operation, ...]:
        """GET operations that can be asked as they stand."""
        return tuple(operation for operation in self.operations if operation.method == "GET" and operation.is_plain)

    def methods_of(self, path: str) -> frozenset[str]:
        """The methods that a path is documented with."""
        return frozenset(operation.method for operation in self.operations if operation.path == path)


def read_document(body: str) -> Document | None:
    """The document, or None: JSON that merely holds an ``openapi`` key is none, it must have a version *and* paths."""
    try:
        data = json.loads(body)
        is_partial = False
    except (ValueError, RecursionError):
        data, is_partial = _cut_off(body), True
    return _read(data, is_partial=is_partial)


def document_of(data: object) -> Document | None:
    """The document in data that were read already, for example :attr:`readiness.target.Target.openapi`."""
    return _read(data, is_partial=False)


def _read(data: object, *, is_partial: bool) -> Document | None:
    if not isinstance(data, dict):
        return None
    version = data.get("openapi") or data.get("swagger")
    paths = data.get("paths")
    if not isinstance(version, str) or not _VERSION.match(version) or not isinstance(paths, dict):
        return None
    if not paths or not all(path.startswith("/") for path in paths):
        return None
    prefix, secured = _prefix(data), _is_secured(data.get("security"), otherwise=False)
    operations: list[Operation] = []
    for path, item in paths.items():
        for method in _METHODS if isinstance(item, dict) else ():
            if isinstance(item.get(method), dict) and len(operations) < MAX_OPERATIONS:
                operations.append(_operation(f"{prefix}{path}", method, item, secured=secured))
    if not operations:
        return None
    whole = None if is_partial else data
    return Document(version=version, operations=tuple(operations), is_partial=is_partial, data=whole)


def _operation(path: str, method: str, item: dict[str, Any], *, secured: bool) -> Operation:
    body = item[method]
    needs, integers = [], []
    for parameter in [*_list(item.get("parameters")), *_list(body.get("parameters"))]:
        if not isinstance(parameter, dict):
            continue
        name, place = str(parameter.get("name", "?")), parameter.get("in")
        if "$ref" in parameter or (parameter.get("required") is True and place != "path"):
            needs.append(name)
        declared = parameter.get("schema")
        schema = declared if isinstance(declared, dict) else parameter  # Swagger 2 has no schema in between
        if place == "query" and schema.get("type") == "integer":
            integers.append(name)
    return Operation(
        method=method.upper(),
        path=path,
        is_protected=_is_secured(body.get("security"), otherwise=secured),
        needs=tuple(needs),
        integers=tuple(integers),
    )


def _is_secured(requirement: Any, *, otherwise: bool) -> bool:
    """A list of alternatives; the empty list, or an empty alternative, lets everybody in (OpenAPI 3.1, 4.8.10)."""
    if not isinstance(requirement, list):
        return otherwise
    return bool(requirement) and {} not in requirement


def _prefix(data: dict[str, Any]) -> str:
    """What stands before every path: ``servers[0].url`` or Swagger's ``basePath``; another host's name is left out."""
    servers = _list(data.get("servers"))
    url = servers[0].get("url") if servers and isinstance(servers[0], dict) else data.get("basePath")
    if not isinstance(url, str) or "{" in url:
        return ""
    try:
        path = urlsplit(url).path.rstrip("/")
    except ValueError:
        return ""
    return path if path.startswith("/") else ""


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _cut_off(body: str) -> dict[str, Any] | None:
    """What can be saved of a document that ends in the middle: its version, and the paths that are whole."""
    start = _PATHS_MEMBER.search(body)
    version = re.search(r'"(?:openapi|swagger)"\s*:\s*"([^"]{1,20})"', body)
    if start is None or version is None or not body.lstrip().startswith("{"):
        return None
    decoder, paths, at = json.JSONDecoder(), {}, start.end()
    try:
        while True:
            at = _skip(body, at, " \t\r\n,")
            key, at = decoder.raw_decode(body, at)
            value, at = decoder.raw_decode(body, _skip(body, at, " \t\r\n:"))
            if not isinstance(key, str):
                break
            paths[key] = value
    except (ValueError, RecursionError, IndexError):
        pass  # the end of what was received
    return {"openapi": version[1], "paths": paths}


def _skip(text: str, at: int, characters: str) -> int:
    while at < len(text) and text[at] in characters:
        at += 1
    return at
