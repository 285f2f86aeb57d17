"""Writes ``docs.json``: what a sound service tells of its API, in production and in development, for ``docs.*``.

Run it after a change of the facts: ``python tests/checks/bases/build_docs.py``. A test compares the two.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from readiness.facts._codec import encode
from readiness.facts.development import Development
from readiness.facts.docs import ApiDocuments, ApiInfo, DocumentAnswer, DocumentKind, OpenApi
from readiness.facts.http import Exchange, Responses, StatusClass
from readiness.target import Entry, Limit, Login, Paths, Request, Role, Target

ENTRIES = (
    Entry(name="proxy", service="web", port=8443, https=True),
    Entry(name="direct", service="api", port=8000),
)
PLACES = {"/docs": DocumentKind.PAGE, "/redoc": DocumentKind.PAGE, "/openapi.json": DocumentKind.DOCUMENT}
PROOFS = {DocumentKind.PAGE: "SwaggerUIBundle", DocumentKind.DOCUMENT: 'OpenAPI 3.1.0 with 3 operations, "/items"'}
DOCUMENT = {
    "openapi": "3.1.0",
    "info": {"title": "Shop", "version": "1.0.0", "description": "A user may send 100 requests per minute."},
    "paths": {
        "/items": {
            "get": {"description": "The items.", "responses": {"200": {"description": "ok"}}},
            "post": {
                "description": "Offer an item.",
                "security": [{"bearer": []}],
                "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/NewItem"}}}},
                "responses": {"201": {"description": "ok"}},
            },
        },
        "/me": {
            "get": {
                "description": "Who is logged in.",
                "security": [{"bearer": []}],
                "responses": {"200": {"description": "ok"}},
            }
        },
    },
    "components": {
        "schemas": {"NewItem": {"type": "object", "properties": {"name": {"type": "string", "examples": ["Kettle"]}}}},
        "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "description": "From POST /auth/login."}},
    },
}
INFO = {"name": "Shop", "version": "1.0.0", "capabilities": ["items", "jobs"]}


def url(entry: Entry, path: str) -> str:
    return f"{'https' if entry.https else 'http'}://{entry.service}:{entry.port}{path}"


def documents(*, is_open: bool) -> tuple[DocumentAnswer, ...]:
    return tuple(
        DocumentAnswer(
            entry=entry.name,
            path=path,
            url=url(entry, path),
            status=200 if is_open else 404,
            kind=kind if is_open else DocumentKind.NONE,
            proof=PROOFS[kind] if is_open else "",
            is_as_user=not is_open,
        )
        for entry in ENTRIES
        for path, kind in PLACES.items()
    )


def responses() -> Responses:
    headers = (("content-type", "application/json"), ("x-ratelimit-limit", "100"))
    asked = (
        (StatusClass.OK, "/items", 200),
        (StatusClass.PRIVATE, "/me", 200),
        (StatusClass.UNAUTHORIZED, "/me", 401),
    )
    return Responses(
        exchanges=tuple(
            Exchange(
                entry=entry.name,
                purpose=purpose,
                method="GET",
                url=url(entry, path),
                https=entry.https,
                status=status,
                headers=headers,
            )
            for entry in ENTRIES
            for purpose, path, status in asked
        ),
        not_provoked={},
    )


def build() -> dict[str, Any]:
    info = tuple(
        ApiInfo(entry=entry.name, path="/api", url=url(entry, "/api"), status=200, data=INFO) for entry in ENTRIES
    )
    facts = {
        "target": Target(
            name="shop",
            folder="shop",
            service="api",
            entries=ENTRIES,
            roles={Role.APP: ("api",), Role.PROXY: ("web",)},
            paths=Paths(ok=Request(path="/items"), private=Request(path="/me", as_user="user")),
            login=Login(
                request=Request(method="POST", path="/auth/login"), users=({"name": "alice", "password": "***"},)
            ),
            limits=(Limit(path="/items", requests=100),),
            variants={"development": {"api": {"ENVIRONMENT": "development"}}},
            extra={"docs": {"pages": ["/docs", "/redoc"], "document": "/openapi.json", "info": "/api"}},
        ),
        "api_documents": ApiDocuments(answers=documents(is_open=False), info=info, services=("web", "api", "db")),
        "development": Development(
            documents=documents(is_open=True),
            openapi=OpenApi(source="GET /openapi.json via proxy, development variant", data=DOCUMENT),
        ),
        "responses": responses(),
    }
    return {name: encode(fact) for name, fact in facts.items()}


if __name__ == "__main__":
    place = Path(__file__).with_name("docs.json")
    place.write_text(json.dumps(build(), indent=1) + "\n", "utf-8")
