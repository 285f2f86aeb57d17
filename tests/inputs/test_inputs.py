from __future__ import annotations

import json
from typing import Any

import pytest

from readiness.facts.http import Exchange, StatusClass
from readiness.inputs.bad_bodies import bad_bodies, place
from readiness.inputs.documented import body_operations, distinct_items, example_of, prefix_of, sized
from readiness.inputs.said import Said, said_by

DOCUMENT: dict[str, Any] = {
    "openapi": "3.1.0",
    "servers": [{"url": "/api"}],
    "paths": {
        "/embed": {
            "post": {
                "requestBody": {
                    "required": True,
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Embed"}}},
                }
            }
        },
        "/items/{id}": {"put": {"requestBody": {"content": {"application/json": {"schema": {}}}}}},
        "/form": {"post": {"requestBody": {"content": {"multipart/form-data": {"schema": {}}}}}},
    },
    "components": {
        "schemas": {
            "Embed": {
                "type": "object",
                "required": ["texts", "kind", "loop"],
                "properties": {
                    "texts": {"type": "array", "maxItems": 32, "items": {"type": "string"}},
                    "kind": {"enum": ["fast", "good"]},
                    "note": {"type": "string", "maxLength": 100},
                    "mail": {"type": "string", "format": "email", "maxLength": 50},
                    "free": {"type": "string"},
                    "loop": {"$ref": "#/components/schemas/Loop"},
                },
            },
            "Loop": {"$ref": "#/components/schemas/Loop"},
        }
    },
}


def test_operations_with_json_bodies_are_found_with_their_prefix() -> None:
    (operation,) = body_operations(DOCUMENT)
    assert (operation.name, operation.is_required) == ("POST /api/embed", True)
    assert prefix_of(DOCUMENT) == "/api"
    assert body_operations(None) == ()
    assert prefix_of(None) == ""


def test_an_example_fits_and_a_schema_that_refers_to_itself_ends() -> None:
    (operation,) = body_operations(DOCUMENT)
    assert example_of(operation) == {"texts": ["a"], "kind": "fast", "loop": {}}


def test_sizes_are_those_of_free_members() -> None:
    (operation,) = body_operations(DOCUMENT)
    assert [(each.at, each.at_most) for each in sized(operation, "array")] == [("texts", 32)]
    assert [(each.at, each.at_most) for each in sized(operation, "string")] == [("note", 100), ("free", None)]


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        ({"type": "string"}, ["a0", "a1", "a2"]),
        ({"type": "string", "minLength": 4, "maxLength": 4}, ["a000", "a001", "a002"]),
        ({"type": "string", "maxLength": 1}, None),
        ({"type": "string", "format": "uuid"}, None),
        ({"type": "integer", "minimum": 5}, [6, 7, 8]),
        ({"type": "integer", "minimum": 0, "maximum": 2}, None),
        ({"type": "object"}, None),
        ({"$ref": "#/components/schemas/Name"}, ["a0", "a1", "a2"]),
    ],
)
def test_items_that_differ_are_made_up_where_the_document_leaves_freedom(
    items: dict[str, Any], expected: list[Any] | None
) -> None:
    schema = {"type": "object", "properties": {"all": {"type": "array", "items": items}}}
    body = {"requestBody": {"content": {"application/json": {"schema": schema}}}}
    components = {"schemas": {"Name": {"type": "string"}}}
    (operation,) = body_operations({"openapi": "3.1.0", "paths": {"/x": {"post": body}}, "components": components})
    (found,) = sized(operation, "array")
    assert distinct_items(found, 3) == expected


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": "integer", "minimum": 3}, 3),
        ({"type": "number", "exclusiveMinimum": 3}, 4),
        ({"type": "boolean"}, True),
        ({"type": ["string", "null"], "minLength": 2}, "aa"),
        ({"anyOf": [{"type": "string", "format": "date"}, {"type": "null"}]}, "2020-01-01"),
        ({"allOf": [{"required": ["a"], "properties": {"a": {"const": 1}}}]}, {"a": 1}),
        ({"type": "strange"}, None),
        ({"$ref": "https://elsewhere.example/x.json"}, {}),
    ],
)
def test_examples_of_every_type(schema: dict[str, Any], expected: Any) -> None:
    body = {"requestBody": {"content": {"application/json": {"schema": schema}}}}
    (operation,) = body_operations({"openapi": "3.1.0", "paths": {"/x": {"post": body}}})
    assert example_of(operation) == expected


def test_bad_bodies_begin_with_what_nobody_can_accept_and_spoil_every_member() -> None:
    bodies = list(bad_bodies({"name": "x", "price": 1}))
    assert bodies[0].is_broken
    with pytest.raises(ValueError, match="Expecting"):
        json.loads(bodies[0].content)
    whats = [body.what for body in bodies]
    assert {"name is missing", "price is NaN", "name is half of a surrogate pair"} <= set(whats)
    assert len(whats) == len(set(whats))
    assert len(list(bad_bodies([1]))) == 8


def test_a_text_in_place_of_a_text_is_no_bad_body() -> None:
    whats = {body.what for body in bad_bodies({"name": "x", "price": 1})}
    assert "name is a text" not in whats
    assert {"price is a text", "name is a text with a NUL character"} <= whats


def test_a_value_is_placed_without_changing_the_original() -> None:
    body = {"a": {"b": 1, "c": 2}}
    assert place(body, "a.b", 5) == {"a": {"b": 5, "c": 2}}
    assert body == {"a": {"b": 1, "c": 2}}
    with pytest.raises(KeyError):
        place(body, "a.x", 1)
    with pytest.raises(KeyError):
        place(body, "a.b.c", 1)


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (None, Said.SILENT),
        (200, Said.ACCEPTED),
        (302, Said.REDIRECTED),
        (404, Said.REFUSED),
        (429, Said.LIMITED),
        (503, Said.FAILED),
    ],
)
def test_what_a_status_says(status: int | None, said: Said) -> None:
    answer = Exchange(entry="a", purpose=StatusClass.OK, method="GET", url="http://a/", status=status)
    assert said_by(answer) is said
    assert said.is_telling is (said not in {Said.SILENT, Said.LIMITED})
