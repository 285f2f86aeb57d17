from __future__ import annotations

import base64
from typing import Any

from readiness.instruments.negative import generator_name, negative_cases

DOCUMENT: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "x", "version": "1"},
    "paths": {
        "/plain": {"get": {"responses": {}}},
        "/items": {
            "post": {
                "requestBody": {
                    "required": True,
                    "content": {
                        "application/json": {
                            "schema": {
                                "type": "object",
                                "required": ["name"],
                                "properties": {"name": {"type": "string", "maxLength": 5}},
                            }
                        }
                    },
                },
                "responses": {},
            }
        },
        "/items/{id}": {
            "get": {
                "parameters": [{"name": "id", "in": "path", "required": True, "schema": {"type": "integer"}}],
                "responses": {},
            }
        },
    },
}


def cases(document: dict[str, Any], **changes: Any) -> list[Any]:
    values: dict[str, Any] = {"prefix": "/api", "per_operation": 4, "most": 100, "at_most_seconds": 30.0}
    return list(negative_cases(document, **{**values, **changes}))


def test_the_same_cases_come_in_every_run_bounded_and_with_the_prefix() -> None:
    first = cases(DOCUMENT)
    assert first == cases(DOCUMENT)
    assert {case.operation for case in first} == {"POST /api/items", "GET /api/items/{id}"}
    assert all(case.request.path.startswith("/api/") and case.request.path.isascii() for case in first)
    assert len(cases(DOCUMENT, most=3)) == 3


def test_bodies_are_sent_as_bytes() -> None:
    bodies = [case.request for case in cases(DOCUMENT) if case.request.method == "POST"]
    assert bodies
    assert all(body.headers["Content-Type"] for body in bodies if body.body_base64)
    assert all(base64.b64decode(body.body_base64 or "") is not None for body in bodies)


def test_a_document_that_nobody_can_read_has_no_cases() -> None:
    assert cases({"openapi": "3.1.0", "paths": {"/x": {"get": {"parameters": 7}}}}) == []
    assert cases({}) == []


def test_no_time_means_no_more_than_the_first_operation() -> None:
    assert {case.operation for case in cases(DOCUMENT, at_most_seconds=-1.0)} == set()


def test_the_generator_is_named_with_its_seed() -> None:
    assert generator_name().startswith("schemathesis 4")
