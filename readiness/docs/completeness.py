"""What an OpenAPI document leaves out. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from readiness.discovery.openapi import Operation, document_of
from readiness.facts.http import Exchange, StatusClass

__all__ = ["undescribed", "undocumented", "unexampled", "unprotected", "without_flow"]

_METHODS = ("get", "post", "put", "patch", "delete")
_PLACEHOLDER = re.compile(r"\\\{[^/{}]+\\\}")
_LOGIN_WORDS = re.compile(r"log ?in|authenticat|bearer|token|api.?key|oauth", re.IGNORECASE)
#: How deep an example may lie in a schema: items of a member of a body, and what they refer to.
MAX_DEPTH = 8
#: What a document can speak of: data, asked for by a user or by anybody.
_SPOKEN_OF = frozenset({StatusClass.OK, StatusClass.PRIVATE})
_FIRST_SUCCESS, _FIRST_NO_SUCCESS, UNAUTHORIZED = 200, 300, 401


def operations(data: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """``"GET /items"`` and the operation, each."""
    paths = data.get("paths")
    for path, item in paths.items() if isinstance(paths, dict) else ():
        for method in _METHODS if isinstance(item, dict) else ():
            if isinstance(item.get(method), dict):
                yield f"{method.upper()} {path}", item[method]


def undescribed(data: Mapping[str, Any]) -> list[str]:
    """Operations without a description; a summary alone is the function's name in many frameworks."""
    return [name for name, operation in operations(data) if not str(operation.get("description") or "").strip()]


def unexampled(data: Mapping[str, Any]) -> list[str]:
    """Operations that take a JSON body of which no example is shown anywhere."""
    return [
        name for name, operation in operations(data) if _has_json_body(operation) and not _has_example(operation, data)
    ]


def _has_json_body(operation: Mapping[str, Any]) -> bool:
    return any("json" in kind for kind in _contents(operation))


def _contents(operation: Mapping[str, Any]) -> Mapping[str, Any]:
    body = operation.get("requestBody")
    content = body.get("content") if isinstance(body, dict) else None
    return content if isinstance(content, dict) else {}


def _has_example(operation: Mapping[str, Any], data: Mapping[str, Any]) -> bool:
    return any(_shows(media, data, MAX_DEPTH) for media in _contents(operation).values())


def _shows(node: Any, data: Mapping[str, Any], depth: int) -> bool:
    """Whether an example, a default or a closed list of values is anywhere in a schema."""
    if not isinstance(node, dict) or depth == 0:
        return False
    if any(key in node for key in ("example", "examples", "const", "enum")):
        return True
    if isinstance(node.get("$ref"), str):
        return _shows(_resolved(node["$ref"], data), data, depth - 1)
    inner: list[Any] = [node.get("schema"), node.get("items")]
    for key in ("allOf", "anyOf", "oneOf"):
        inner += node[key] if isinstance(node.get(key), list) else []
    properties = node.get("properties")
    inner += properties.values() if isinstance(properties, dict) else []
    return any(_shows(item, data, depth - 1) for item in inner)


def _resolved(reference: str, data: Mapping[str, Any]) -> Any:
    node: Any = data
    for step in reference.removeprefix("#/").split("/"):
        node = node.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(node, dict) else None
    return node


def without_flow(data: Mapping[str, Any]) -> str:
    """What is missing of how to log in, or nothing: schemes, and words on where their credentials come from."""
    schemes = _schemes(data)
    if not schemes:
        return "no security scheme is described"
    described = [
        s
        for s in schemes.values()
        if isinstance(s, dict) and (s.get("description") or s.get("flows") or s.get("openIdConnectUrl"))
    ]
    info = data.get("info")
    text = str(info.get("description") or "") if isinstance(info, dict) else ""
    if not described and not _LOGIN_WORDS.search(text):
        return f"nothing says where the credentials of {', '.join(map(str, schemes))} come from"
    return ""


def _schemes(data: Mapping[str, Any]) -> Mapping[str, Any]:
    components = data.get("components")
    schemes = components.get("securitySchemes") if isinstance(components, dict) else data.get("securityDefinitions")
    return schemes if isinstance(schemes, dict) else {}


def undocumented(data: Mapping[str, Any], exchanges: tuple[Exchange, ...], bases: Mapping[str, str]) -> list[str]:
    """Operations that answered with data and are not in the document."""
    found = []
    known = _known(data)
    for exchange in exchanges:
        is_success = exchange.status is not None and _FIRST_SUCCESS <= exchange.status < _FIRST_NO_SUCCESS
        kind = exchange.first("content-type") or ""
        if is_success and exchange.purpose in _SPOKEN_OF and "json" in kind:
            path = _path(exchange, bases)
            if not any(o.method == exchange.method and _matches(o.path, path) for o in known):
                found.append(f"{exchange.method} {path}")
    return list(dict.fromkeys(found))


def unprotected(data: Mapping[str, Any], exchanges: tuple[Exchange, ...], bases: Mapping[str, str]) -> list[str]:
    """Documented operations that answered 401 to somebody who was not logged in, and do not say that they need a login."""
    found = []
    known = _known(data)
    for exchange in exchanges:
        if exchange.status != UNAUTHORIZED or exchange.purpose is not StatusClass.UNAUTHORIZED:
            continue
        path = _path(exchange, bases)
        matching = [o for o in known if o.method == exchange.method and _matches(o.path, path)]
        if matching and not any(operation.is_protected for operation in matching):
            found.append(f"{exchange.method} {path}")
    return list(dict.fromkeys(found))


def _known(data: Mapping[str, Any]) -> tuple[Operation, ...]:
    document = document_of(data)
    return document.operations if document else ()


def _matches(pattern: str, path: str) -> bool:
    """Whether a path is one of a documented kind."""
    return re.fullmatch(_PLACEHOLDER.sub("[^/]+", re.escape(pattern)), path) is not None


def _path(exchange: Exchange, bases: Mapping[str, str]) -> str:
    """The path below the entry's base, without its query."""
    whole = "/" + exchange.url.split("://", 1)[-1].partition("/")[2].split("?")[0]
    return whole.removeprefix(bases.get(exchange.entry, "")) or "/"
