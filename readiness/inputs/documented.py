"""What the API's document says of bodies: which operations take one, an example that fits, and the largest sizes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from readiness.discovery.openapi import document_of

__all__ = ["BodyOperation", "Sized", "body_operations", "distinct_items", "example_of", "prefix_of", "sized"]

#: References that lead to references are followed this far: a document may refer to itself.
MAX_DEPTH = 12
MAX_OPERATIONS = 200
#: Lists and texts longer than this are not tried: the request would be a body of megabytes.
MAX_SIZE = 100_000
_WITH_BODY = ("post", "put", "patch")


@dataclass(frozen=True, kw_only=True)
class BodyOperation:
    """An operation that takes a JSON body.

    Attributes:
        path: with the document's prefix.
        schema: of the body, references resolved one by one by :func:`example_of`.
        content_types: that the document lists for the body.
        is_required: the document says that there must be a body.
        is_protected: it needs credentials.
    """

    method: str
    path: str
    schema: Mapping[str, Any]
    content_types: tuple[str, ...]
    is_required: bool
    is_protected: bool
    document: Mapping[str, Any] = field(repr=False, compare=False)

    @property
    def name(self) -> str:
        """``"POST /items"``."""
        return f"{self.method} {self.path}"


@dataclass(frozen=True, kw_only=True)
class Sized:
    """A list or text in a body: where it is, and how large the document lets it be.

    Attributes:
        schema: of the list or text itself.
        at_least: 0 where the document says nothing.
        is_unique: no item may be in the list twice.
    """

    operation: BodyOperation
    at: str
    at_most: int | None
    schema: Mapping[str, Any] = field(repr=False, compare=False)
    at_least: int = 0
    is_unique: bool = False


def body_operations(openapi: object) -> tuple[BodyOperation, ...]:
    """Every operation without a placeholder in its path that takes a JSON body."""
    document = document_of(openapi)
    if document is None or document.data is None:
        return ()
    data = document.data
    found: list[BodyOperation] = []
    known = {(operation.method, operation.path): operation for operation in document.operations}
    prefix_less = {path: item for path, item in data["paths"].items() if isinstance(item, dict)}
    for (method, path), operation in known.items():
        item = next(
            (item for bare, item in prefix_less.items() if path.endswith(bare) and method.lower() in item), None
        )
        if item is None or method.lower() not in _WITH_BODY or not operation.is_plain:
            continue
        body = _resolved(data, item[method.lower()].get("requestBody"))
        content = _mapping(body.get("content"))
        schema = next(
            (entry.get("schema") for kind, entry in content.items() if _is_json(kind) and isinstance(entry, dict)), None
        )
        if isinstance(schema, dict) and len(found) < MAX_OPERATIONS:
            found.append(
                BodyOperation(
                    method=method,
                    path=path,
                    schema=schema,
                    content_types=tuple(str(kind) for kind in content),
                    is_required=body.get("required") is True,
                    is_protected=operation.is_protected,
                    document=data,
                )
            )
    return tuple(found)


def prefix_of(openapi: object) -> str:
    """What stands before every path of the document."""
    document = document_of(openapi)
    for operation in document.operations if document is not None else ():
        for bare in document.data["paths"] if document is not None and document.data is not None else ():
            if operation.path.endswith(bare):
                return operation.path.removesuffix(bare)
    return ""


def example_of(operation: BodyOperation) -> Any:
    """A body that fits the schema as far as can be told without trying, or None."""
    return _example(operation.document, operation.schema, MAX_DEPTH)


def sized(operation: BodyOperation, kind: str) -> Iterator[Sized]:
    """Every list (``array``) or plain text (``string``) in the first level of a body."""
    schema = _resolved(operation.document, operation.schema)
    figure = "maxItems" if kind == "array" else "maxLength"
    for name, raw in _mapping(schema.get("properties")).items():
        member = _resolved(operation.document, raw)
        # A pattern or a format leaves no freedom to make a text longer.
        is_free = not member.keys() & {"pattern", "format", "enum", "const"}
        if member.get("type") == kind and is_free:
            yield Sized(
                operation=operation,
                at=name,
                at_most=_count(member.get(figure)) or None,
                schema=member,
                at_least=_count(member.get("minItems" if kind == "array" else "minLength")),
                is_unique=member.get("uniqueItems") is True,
            )


def distinct_items(found: Sized, count: int) -> list[Any] | None:
    """So many different items for a list; None where the document leaves no freedom to make them up."""
    schema = _resolved(found.operation.document, found.schema.get("items"))
    if schema.keys() & {"pattern", "format", "enum", "const", "anyOf", "oneOf", "allOf", "multipleOf"}:
        return None
    match schema.get("type"):
        case "string":
            digits = max(len(str(count)), _count(schema.get("minLength")) - 1)
            most = schema.get("maxLength")
            is_too_long = isinstance(most, int) and digits + 1 > most
            return None if is_too_long else [f"a{number:0{digits}}" for number in range(count)]
        case "integer" | "number":
            least, most = schema.get("minimum", 1), schema.get("maximum")
            first = int(least) + 1 if isinstance(least, (int, float)) else 1
            is_too_much = isinstance(most, (int, float)) and first + count - 1 > most
            return None if is_too_much else list(range(first, first + count))
        case _:
            return None


def _count(value: object) -> int:
    """A figure of the document, where it is one that can be used."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= MAX_SIZE else 0


def _example(document: Mapping[str, Any], raw: object, depth: int) -> Any:  # noqa: C901, PLR0911, PLR0912  # a table of types
    schema = _resolved(document, raw)
    if depth <= 0:
        return None
    for key in ("example", "default", "const"):
        if key in schema:
            return schema[key]
    for key in ("examples", "enum"):
        if isinstance(schema.get(key), list) and schema[key]:
            return schema[key][0]
    for key in ("anyOf", "oneOf"):
        if isinstance(schema.get(key), list) and schema[key]:
            return _example(document, schema[key][0], depth - 1)
    if isinstance(schema.get("allOf"), list):
        merged: dict[str, Any] = {}
        for part in schema["allOf"]:
            value = _example(document, part, depth - 1)
            merged |= value if isinstance(value, dict) else {}
        return merged
    kind = schema.get("type")
    match kind[0] if isinstance(kind, list) and kind else kind:
        case "string":
            return _text(schema)
        case "integer" | "number":
            least = schema.get("minimum", schema.get("exclusiveMinimum", 0))
            return int(least) + (1 if "exclusiveMinimum" in schema else 0) if isinstance(least, (int, float)) else 1
        case "boolean":
            return True
        case "array":
            least = schema.get("minItems", 1)
            count = min(max(1, least if isinstance(least, int) else 1), 20)
            return [_example(document, schema.get("items"), depth - 1) for _ in range(count)]
        case "object" | None:
            wanted = schema.get("required")
            names = [name for name in wanted if isinstance(name, str)] if isinstance(wanted, list) else []
            members = _mapping(schema.get("properties"))
            return {name: _example(document, members.get(name), depth - 1) for name in names}
        case _:
            return None


def _text(schema: Mapping[str, Any]) -> str:
    least = schema.get("minLength", 1)
    text = "a" * min(max(1, least if isinstance(least, int) else 1), 1000)
    shapes = {
        "email": "readiness@example.com",
        "uuid": "00000000-0000-4000-8000-000000000000",
        "date": "2020-01-01",
        "date-time": "2020-01-01T00:00:00Z",
        "uri": "https://example.com/",
    }
    return shapes.get(str(schema.get("format")), text)


def _resolved(document: Mapping[str, Any], raw: object) -> dict[str, Any]:
    schema, depth = raw, MAX_DEPTH
    while isinstance(schema, dict) and isinstance(schema.get("$ref"), str) and depth > 0:
        place: Any = document
        if not schema["$ref"].startswith("#/"):
            return {}
        for key in schema["$ref"][2:].split("/"):
            name = key.replace("~1", "/").replace("~0", "~")
            place = place.get(name) if isinstance(place, dict) else None
        schema, depth = place, depth - 1
    return schema if isinstance(schema, dict) else {}


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _is_json(kind: object) -> bool:
    plain = str(kind).split(";")[0].strip().lower()
    return plain == "application/json" or plain.endswith("+json")
