from __future__ import annotations

import dataclasses

import pytest

from readiness.docs.completeness import undocumented, unexampled, unprotected, without_flow
from readiness.docs.inside import internals, names
from readiness.docs.limits import statements, told
from readiness.docs.recognition import is_scriptless, page_proof, variants_of, yaml_proof
from readiness.facts.http import Exchange, StatusClass
from readiness.instruments.openapi import examined


def exchange(url: str, status: int = 200, **headers: str) -> Exchange:
    pairs = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return Exchange(
        entry="proxy", purpose=StatusClass.OK, method="GET", url=url, https=True, status=status, headers=pairs
    )


@pytest.mark.parametrize(
    ("text", "requests", "seconds"),
    [
        ("100 requests per minute", 100, 60),
        ("100 requests/minute per user", 100, 60),
        ("at most 1,000 API calls per hour", 1000, 3600),
        ("limited to 5/min", 5, 60),
        ("60 calls every 10 seconds", 60, 10),
        ("10 000 requests a day", 10000, 86400),
        ("20 req/s", 20, 1),
    ],
)
def test_rates_are_read_in_the_words_that_people_use(text: str, requests: int, seconds: int) -> None:
    (found,) = statements({"info": {"description": f"Fair use: {text}."}})
    assert (found.requests, found.seconds) == (requests, seconds)


@pytest.mark.parametrize("text", ["valid for 15 minutes", "version 3 of 10", "1 to 100 items", "HTTP/2 in 2024"])
def test_other_figures_are_no_rates(text: str) -> None:
    assert statements({"info": {"description": text}}) == []


def test_rates_are_found_wherever_the_document_describes_something() -> None:
    data = {"paths": {"/x": {"get": {"responses": {"429": {"description": "More than 7 requests per second"}}}}}}
    assert [found.requests for found in statements(data)] == [7]


def test_figures_of_answers_are_read_from_every_usual_header() -> None:
    answers = (
        exchange("https://web/a", x_ratelimit_limit="100"),
        exchange("https://web/b", ratelimit_limit="50, 50;w=60"),
        exchange("https://web/c", ratelimit_policy='"burst";q=20;w=1'),
        exchange("https://web/d", x_ratelimit_limit="none"),
    )
    assert set(told(answers)) == {100, 50, 20}


def test_spellings_of_a_place() -> None:
    assert variants_of("/api/docs") == ("/api/docs", "/api/docs/", "/api/Docs", "/API/DOCS")


@pytest.mark.parametrize(
    "page",
    [
        '<div id="swagger-ui"></div>',
        '<redoc spec-url="/openapi.json"></redoc>',
        "<script src=/swagger-ui-bundle.js>",
        '<script id="api-reference"></script>',
        "<rapi-doc spec-url=x>",
    ],
)
def test_pages_are_known_by_their_viewer(page: str) -> None:
    assert page_proof(page)


def test_a_page_that_speaks_of_documents_is_none() -> None:
    assert page_proof("<h1>Docs</h1><p>See the OpenAPI docs of our swagger partner.</p>") == ""
    assert page_proof('<h2 id="api-reference">API reference</h2>') == ""


def test_yaml_needs_a_version_and_paths() -> None:
    assert yaml_proof("openapi: 3.1.0\ninfo: {}\npaths:\n  /x: {}\n") == "openapi: 3.1"
    assert yaml_proof("openapi: later\npaths:\n") == ""
    assert yaml_proof("openapi: 3.1.0\n") == ""


@pytest.mark.parametrize(
    ("policy", "is_blank"),
    [
        ("default-src 'none'", True),
        ("default-src 'self'; script-src 'none'", True),
        ("default-src 'none'; script-src 'self'", False),
        ("frame-ancestors 'none'", False),
        ("default-src 'self', script-src 'none'", True),
    ],
)
def test_a_policy_that_lets_no_script_run(policy: str, is_blank: bool) -> None:
    assert is_scriptless((policy,)) is is_blank


def test_an_operation_below_a_base_and_with_placeholders_is_documented() -> None:
    data = {"openapi": "3.1.0", "paths": {"/items/{id}": {"get": {}}}}
    answers = (
        exchange("https://web:443/api/items/7?full=1", content_type="application/json"),
        exchange("https://web:443/api/items/7/parts", content_type="application/json"),
        exchange("https://web:443/api/page", content_type="text/html"),
        exchange("https://web:443/api/gone", 404, content_type="application/json"),
    )
    assert undocumented(data, answers, {"proxy": "/api"}) == ["GET /items/7/parts"]


@pytest.mark.parametrize("base", ["", "/api"])
@pytest.mark.parametrize(
    "servers",
    [
        [{"url": "/api"}],
        [{"url": "https://shop.internal/api/"}],
        [{"url": "https://shop.internal/v2"}, {"url": "/{stage}", "variables": {"stage": {"default": "api"}}}],
        [],
    ],
)
def test_the_prefix_of_a_server_and_the_base_of_the_entry_may_be_one(base: str, servers: list[object]) -> None:
    data = {"openapi": "3.1.0", "servers": servers, "paths": {"/items": {"get": {}}}}
    where = "https://web:443/api" if base or servers else "https://web:443"
    answers = (
        exchange(f"{where}/items", content_type="application/json"),
        exchange(f"{where}/left-out", content_type="application/json"),
    )
    (left_out,) = undocumented(data, answers, {"proxy": base})
    assert left_out.endswith("/left-out")


def test_a_proxy_may_take_the_documents_prefix_away() -> None:
    data = {"swagger": "2.0", "basePath": "/api", "paths": {"/items": {"get": {}}}}
    answers = (exchange("https://web:443/items", content_type="application/json"),)
    assert undocumented(data, answers, {}) == []


def test_a_login_below_a_prefix_that_is_the_base_is_still_missed() -> None:
    data = {"openapi": "3.1.0", "servers": [{"url": "/api"}], "paths": {"/me": {"get": {}}}}
    refused = dataclasses.replace(exchange("https://web:443/api/me", 401), purpose=StatusClass.UNAUTHORIZED)
    assert unprotected(data, (refused,), {"proxy": "/api"}) == ["GET /me"]


def test_a_probe_need_not_be_documented() -> None:
    data = {"openapi": "3.1.0", "paths": {"/items": {"get": {}}}}
    answers = (exchange("https://web:443/health/live", content_type="application/json"),)
    assert undocumented(data, answers, {}) == ["GET /health/live"]
    assert undocumented(data, answers, {}, probes=frozenset({"/health/live"})) == []


def test_examples_count_wherever_they_lie_and_circles_end() -> None:
    schema = {"Node": {"properties": {"child": {"$ref": "#/components/schemas/Node"}}}}
    body = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Node"}}}}
    data = {"paths": {"/n": {"post": {"requestBody": body}}}, "components": {"schemas": schema}}
    assert unexampled(data) == ["POST /n"]
    schema["Node"]["properties"]["name"] = {"enum": ["a"]}  # type: ignore[dict-item]
    assert unexampled(data) == []


def test_flows_describe_themselves() -> None:
    oauth = {"type": "oauth2", "flows": {"clientCredentials": {"tokenUrl": "/token", "scopes": {}}}}
    assert without_flow({"components": {"securitySchemes": {"o": oauth}}}) == ""
    bearer = {"components": {"securitySchemes": {"b": {"type": "http", "scheme": "bearer"}}}}
    assert "b" in without_flow(bearer)
    assert without_flow({**bearer, "info": {"description": "Log in at /login."}}) == ""


def test_inside_is_seen_and_not_repeated() -> None:
    found = internals({"a": "redis://:hunter-two@cache:6379/0", "dsn": "x"}, ("cache", "api"))
    assert found == ["a URL with a password", "the internal host cache", "a field named dsn"]


@pytest.mark.parametrize(
    "data",
    [
        {"password_policy": "strict"},
        {"authentication": {"api_key": "send it as X-API-Key"}},
    ],
)
def test_words_about_a_secret_are_none(data: object) -> None:
    assert internals(data, ()) == []


@pytest.mark.parametrize(
    "data", [{"version": "10.2.1"}, {"docs": "https://api.shop.internal/docs"}, {"endpoints": {"api": "/api/v1"}}]
)
def test_what_everybody_may_know_is_no_inside(data: object) -> None:
    assert internals(data, ("api", "db")) == []


def test_names_are_looked_for_one_level_down() -> None:
    assert names({"Service": {"Version": "1"}}) == {"service", "version"}
    assert names(["x"]) == set()


VALID = {"openapi": "3.1.0", "info": {"title": "x", "version": "1"}, "paths": {}}


def test_a_valid_document_has_no_problems() -> None:
    assert examined(VALID, source="x").problems == ()
    assert examined(VALID, source="x").not_validated == ""


@pytest.mark.parametrize("version", ["2.0", "3.0.3", "3.1.0"])
def test_an_invalid_document_says_where(version: str) -> None:
    key = "swagger" if version == "2.0" else "openapi"
    found = examined({key: version, "info": {"title": "x"}, "paths": {}}, source="x")
    assert any("version" in problem for problem in found.problems)


def test_a_reference_that_leads_nowhere_is_a_problem() -> None:
    data = {**VALID, "paths": {"/x": {"get": {"responses": {"200": {"$ref": "#/components/responses/Gone"}}}}}}
    assert examined(data, source="x").problems


@pytest.mark.parametrize("reference", ["https://evil.example/schema.json", "file:///etc/passwd", "other.yaml#/x"])
def test_a_reference_to_elsewhere_is_never_followed(reference: str) -> None:
    found = examined({**VALID, "components": {"schemas": {"X": {"$ref": reference}}}}, source="x")
    assert "not fetched" in found.not_validated
    assert found.problems == ()


def test_a_document_without_an_end_is_not_given_to_the_validator() -> None:
    deep: dict[str, object] = {}
    for _ in range(100):
        deep = {"x": deep}
    assert "deep" in examined({**VALID, "x-deep": deep}, source="x").not_validated
    assert "parts" in examined({**VALID, "x-wide": [0] * 200_001}, source="x").not_validated


def test_an_unknown_version_is_not_judged() -> None:
    assert "no validator" in examined({**VALID, "openapi": "9.9"}, source="x").not_validated
