"""What an OpenAPI document leaves out. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

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


def undocumented(
    data: Mapping[str, Any],
    exchanges: tuple[Exchange, ...],
    bases: Mapping[str, str],
    *,
    probes: frozenset[str] = frozenset(),
) -> list[str]:
    """Operations that answered with data and are not in the document.

    Frameworks leave ``probes`` (their paths) out on purpose: they are for the platform, not for clients.
    """
    found = []
    known, prefixes = _known(data), _prefixes(data)
    for exchange in exchanges:
        is_success = exchange.status is not None and _FIRST_SUCCESS <= exchange.status < _FIRST_NO_SUCCESS
        kind = exchange.first("content-type") or ""
        is_spoken_of = is_success and exchange.purpose in _SPOKEN_OF and "json" in kind
        path = _path(exchange, bases)
        if is_spoken_of and path not in probes and not _documented(exchange, known, prefixes, bases):
            found.append(f"{exchange.method} {path}")
    return list(dict.fromkeys(found))


def unprotected(data: Mapping[str, Any], exchanges: tuple[Exchange, ...], bases: Mapping[str, str]) -> list[str]:
    """Documented operations that answered 401 to somebody who was not logged in, and do not say that they need a login."""
    found = []
    known, prefixes = _known(data), _prefixes(data)
    for exchange in exchanges:
        if exchange.status != UNAUTHORIZED or exchange.purpose is not StatusClass.UNAUTHORIZED:
            continue
        matching = _documented(exchange, known, prefixes, bases)
        if matching and not any(operation.is_protected for operation in matching):
            found.append(f"{exchange.method} {_path(exchange, bases)}")
    return list(dict.fromkeys(found))


def _known(data: Mapping[str, Any]) -> tuple[Operation, ...]:
    """The operations by the paths as the document writes them, without the prefix of any server."""
    document = document_of({key: value for key, value in data.items() if key not in {"servers", "basePath"}})
    return document.operations if document else ()


def _prefixes(data: Mapping[str, Any]) -> tuple[str, ...]:
    """What may stand before the document's paths: of every server, of Swagger's ``basePath``, and nothing.

    Nothing too, because the document may name the public address, whose proxy takes the prefix away.
    """
    servers = data.get("servers")
    found = [""]
    for server in servers if isinstance(servers, list) else [{"url": data.get("basePath")}]:
        url = server.get("url") if isinstance(server, dict) else None
        if isinstance(url, str):
            found.append(_url_path(url, server.get("variables")))
    return tuple(dict.fromkeys(found))


def _url_path(url: str, variables: object) -> str:
    """The path of a server's URL, its ``{variables}`` at their defaults (OpenAPI 3.1, 4.8.6)."""
    for name, variable in variables.items() if isinstance(variables, dict) else ():
        default = variable.get("default") if isinstance(variable, dict) else None
        url = url.replace(f"{{{name}}}", str(default or ""))
    try:
        path = urlsplit(url).path.rstrip("/")
    except ValueError:
        return ""
    return path if path.startswith("/") else ""


def _documented(
    exchange: Exchange, known: tuple[Operation, ...], prefixes: tuple[str, ...], bases: Mapping[str, str]
) -> list[Operation]:
    """The operations that an exchange may be, whichever of base and prefix its path begins with.

    The entry's base and the document's prefix are often one and the same, so each is taken away where it is there.
    """
    whole, below = _whole_path(exchange), _path(exchange, bases)
    paths = {
        path.removeprefix(prefix) or "/" if path.startswith(f"{prefix}/") else path
        for path in (whole, below)
        for prefix in prefixes
    }
    return [o for o in known if o.method == exchange.method and any(_matches(o.path, path) for path in paths)]


def _matches(pattern: str, path: str) -> bool:
    """Whether a path is one of a documented kind."""
    return re.fullmatch(_PLACEHOLDER.sub("[^/]+", re.escape(pattern)), path) is not None


def _path(exchange: Exchange, bases: Mapping[str, str]) -> str:
    """The path below the entry's base, without its query."""
    whole, base = _whole_path(exchange), bases.get(exchange.entry, "")
    return whole.removeprefix(base) if whole.startswith(f"{base}/") else whole


def _whole_path(exchange: Exchange) -> str:
    return "/" + exchange.url.split("://", 1)[-1].partition("/")[2].split("?")[0]
