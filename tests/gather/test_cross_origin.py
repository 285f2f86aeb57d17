from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from readiness.exceptions import StackError
from readiness.facts._codec import decode, encode
from readiness.facts.cors import CrossOrigin, OriginKind
from readiness.facts.development import Development
from readiness.facts.model import ServiceModel, StackModel
from readiness.gather import cross_origin as module
from readiness.gather import development as development_module
from readiness.gather import gatherer_meta
from readiness.runtime import Variant
from readiness.target import Entry, Login, Paths, Request, Target
from readiness.verdict import Inconclusive
from tests.gather.asked import Answer, FakeHttp, FakeStack, FakeVariants

ALLOWED = "https://app.shop.internal"
TOKEN = "token-of-nobody-else"


def target(**changes: Any) -> Target:
    values: dict[str, Any] = {
        "name": "shop",
        "folder": "shop",
        "service": "api",
        "entries": (
            Entry(name="proxy", service="web", port=443, https=True),
            Entry(name="direct", service="api", port=80),
        ),
        "paths": Paths(ok=Request(path="/items"), static=Request(path="/app.css")),
        "origins": (ALLOWED,),
        "login": Login(
            register=Request(method="POST", path="/register", json={"name": "{name}"}),
            request=Request(method="POST", path="/login", json={"name": "{name}"}),
            users=({"name": "alice", "password": "long-password"},),
        ),
    }
    return Target(**{**values, **changes})


def strict(entry: str, method: str, path: str, headers: Mapping[str, str]) -> Answer:
    if path == "/login":
        return 200, {}, json.dumps({"access_token": TOKEN})
    if headers.get("origin") == ALLOWED:
        return 200, {"Access-Control-Allow-Origin": ALLOWED, "Set-Cookie": "a=secret-value"}, "secret-body"
    return 200, {}, ""


def silent(entry: str, method: str, path: str, headers: Mapping[str, str]) -> Answer:
    return None, {}, ""


def gone(entry: str, method: str, path: str, headers: Mapping[str, str]) -> Answer:
    raise StackError(f"{entry} leads nowhere")


def look(serve: Callable[..., Answer], found: Target, stack: FakeStack | None = None) -> tuple[CrossOrigin, FakeHttp]:
    http = FakeHttp(serve)
    meta = gatherer_meta(module.cross_origin)
    assert meta is not None
    return meta.function(found, stack or FakeStack({"api": {}, "web": {}}), http), http


def test_where_no_path_is_known_and_the_root_is_not_there_nobody_is_accused() -> None:
    def nothing(entry: str, method: str, path: str, headers: Mapping[str, str]) -> Answer:
        return (200, {}, json.dumps({"access_token": TOKEN})) if path == "/login" else (404, {}, "")

    with pytest.raises(Inconclusive, match="no other path is known") as told:
        look(nothing, target(paths=Paths()))
    assert told.value.undeclared == "paths.ok"


def test_a_root_that_never_speaks_of_origins_tells_nothing_of_the_rest() -> None:
    def page(entry: str, method: str, path: str, headers: Mapping[str, str]) -> Answer:
        return 200, {}, "<h1>Shop</h1>"

    with pytest.raises(Inconclusive, match="no other path is known") as told:
        look(page, target(paths=Paths(), login=None))
    assert told.value.undeclared == "paths.ok"
    found, _ = look(strict, target(paths=Paths(), login=None))
    assert found.answers


def test_every_entry_is_asked_from_every_kind_of_origin_by_preflight_and_request() -> None:
    found, _ = look(strict, target())
    kinds = {
        (answer.entry, answer.kind, answer.is_preflight) for answer in found.answers if answer.url.endswith("/items")
    }
    expected = set(OriginKind) - {OriginKind.INVENTED, OriginKind.FORMER}
    assert kinds == {
        (e, kind, is_preflight) for e in ("proxy", "direct") for kind in expected for is_preflight in (0, 1)
    }
    assert {answer.kind for answer in found.answers if answer.has_cookie} == {
        OriginKind.ALLOWED,
        OriginKind.FOREIGN,
        OriginKind.NULL,
    }


def test_what_caches_may_keep_is_asked_too() -> None:
    found, _ = look(strict, target())
    assert {answer.url.partition(":")[2][-8:] for answer in found.kept} == {"/app.css"}
    assert {(answer.entry, answer.kind) for answer in found.kept} == {
        (entry, kind) for entry in ("proxy", "direct") for kind in (OriginKind.ALLOWED, OriginKind.FOREIGN)
    }


def test_preflights_carry_no_login_and_requests_that_of_a_user_of_their_own() -> None:
    found, http = look(strict, target())
    assert found.answers
    preflights = [headers for _, method, _, headers in http.asked if method == "OPTIONS"]
    requests = [headers for _, method, path, headers in http.asked if method == "GET" and path == "/items"]
    assert not any("authorization" in headers or "cookie" in headers for headers in preflights)
    assert {headers.get("access-control-request-headers") for headers in preflights} == {"authorization", None}
    assert {headers["authorization"] for headers in requests} == {f"Bearer {TOKEN}"}


def test_nothing_of_an_answer_is_kept_but_what_cors_reads() -> None:
    found, _ = look(strict, target())
    text = json.dumps(encode(found))
    assert "secret" not in text
    assert TOKEN not in text
    assert decode(CrossOrigin, json.loads(text)) == found


def test_an_origin_that_is_allowed_is_not_tried_as_a_stranger() -> None:
    origins = (ALLOWED, "http://app.shop.internal", "http://localhost:3000")
    found, _ = look(strict, target(origins=origins))
    assert {answer.kind for answer in found.answers if answer.origin in origins} == {OriginKind.ALLOWED}


def test_the_list_is_found_in_the_services_variables() -> None:
    stack = FakeStack({"api": {"CORS_ORIGINS": f'["{ALLOWED}"]', "PASSWORD": "secret"}, "web": {}})
    found, _ = look(strict, target(origins=()), stack)
    assert found.settings.origins == (ALLOWED,)
    assert (found.settings.variable, found.settings.form) == ("CORS_ORIGINS", "json")


def test_without_a_login_nobody_asks() -> None:
    _, http = look(strict, target(login=None))
    assert not any("authorization" in headers for *_, headers in http.asked)


def test_somebodys_running_system_is_asked_little() -> None:
    stack = FakeStack({"api": {}, "web": {}}, capabilities=frozenset())
    found, _ = look(strict, target(), stack)
    assert {answer.kind for answer in found.answers} == {OriginKind.ALLOWED, OriginKind.FOREIGN, OriginKind.NULL}


@pytest.mark.parametrize("serve", [silent, gone])
def test_silence_is_recorded_not_raised(serve: Callable[..., Answer]) -> None:
    found, _ = look(serve, target())
    assert found.answers
    assert {answer.status for answer in found.answers} == {None}
    assert all(answer.error for answer in found.answers)


def reset(found: Target, variants: FakeVariants, model: StackModel, monkeypatch: pytest.MonkeyPatch) -> CrossOrigin:
    monkeypatch.setattr(module, "HttpClient", lambda stack: FakeHttp(strict))
    meta = gatherer_meta(module.cross_origin_reset)
    assert meta is not None
    return meta.function(found, SimpleNamespace(model=lambda: model), variants)


NOTHING = StackModel(services={})


def test_the_declared_variable_is_set_to_two_invented_origins(monkeypatch: pytest.MonkeyPatch) -> None:
    variants = FakeVariants(FakeStack({"api": {}, "web": {}}))
    declared = target(extra={"cors": {"variable": "ORIGINS", "form": "json"}})
    found = reset(declared, variants, NOTHING, monkeypatch)
    (variant,) = variants.started
    assert isinstance(variant, Variant)
    first, second = json.loads(variant.environment["api"]["ORIGINS"])
    assert {answer.origin for answer in found.of(OriginKind.INVENTED)} == {first, second}
    assert {answer.origin for answer in found.of(OriginKind.FORMER)} == {ALLOWED}


def test_the_variable_is_found_by_its_name_where_there_is_one_such(monkeypatch: pytest.MonkeyPatch) -> None:
    model = StackModel(services={"api": ServiceModel(name="api", environment=("ALLOWED_ORIGINS", "PORT"))})
    variants = FakeVariants(FakeStack({"api": {}, "web": {}}))
    assert reset(target(), variants, model, monkeypatch).settings.variable == "ALLOWED_ORIGINS"


def test_another_list_of_origins_is_not_set_in_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    model = StackModel(services={"api": ServiceModel(name="api", environment=("CSRF_TRUSTED_ORIGINS", "ORIGIN"))})
    variants = FakeVariants()
    with pytest.raises(Inconclusive, match="which variable"):
        reset(target(), variants, model, monkeypatch)
    assert variants.started == []


def test_without_a_variable_no_stack_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    variants = FakeVariants()
    with pytest.raises(Inconclusive, match="which variable") as caught:
        reset(target(), variants, NOTHING, monkeypatch)
    assert "CORS_ORIGINS" in caught.value.supply
    assert variants.started == []


def developed(
    found: Target, variants: FakeVariants, monkeypatch: pytest.MonkeyPatch, serve: Any = strict
) -> Development:
    monkeypatch.setattr(development_module, "HttpClient", lambda stack: FakeHttp(serve))
    meta = gatherer_meta(development_module.development)
    assert meta is not None
    return meta.function(found, variants)


DOCUMENT = {"openapi": "3.1.0", "info": {"title": "x", "version": "1"}, "paths": {"/items": {"get": {"responses": {}}}}}
VARIANT = {"development": {"api": {"ENVIRONMENT": "development"}}}


def documented(entry: str, method: str, path: str, headers: Mapping[str, str]) -> Answer:
    if path == "/openapi.json":
        return 200, {"Content-Type": "application/json"}, json.dumps(DOCUMENT)
    return strict(entry, method, path, headers)


def test_development_is_asked_for_pages_of_developers_and_for_documents(monkeypatch: pytest.MonkeyPatch) -> None:
    variants = FakeVariants(FakeStack({"api": {}, "web": {}}))
    found = developed(target(variants=VARIANT), variants, monkeypatch, documented)
    assert variants.started[0].environment == VARIANT["development"]
    assert {answer.kind for answer in found.cross_origin} == {OriginKind.LOCAL, OriginKind.FOREIGN}
    assert {answer.path for answer in found.documents if answer.is_shown} == {"/openapi.json"}
    assert found.openapi is not None
    assert found.openapi.data == DOCUMENT
    assert found.openapi.source.endswith("development variant")
    assert decode(Development, json.loads(json.dumps(encode(found)))) == found


def test_development_is_asked_from_the_ports_that_its_own_setting_names(monkeypatch: pytest.MonkeyPatch) -> None:
    variants = FakeVariants(FakeStack({"api": {"CORS_ORIGINS": f"{ALLOWED},http://localhost:6006"}, "web": {}}))
    found = developed(target(variants=VARIANT), variants, monkeypatch)
    asked = {answer.origin for answer in found.cross_origin}
    assert "http://localhost:6006" in asked
    assert ALLOWED not in asked


def test_without_a_variant_the_declared_document_is_examined(monkeypatch: pytest.MonkeyPatch) -> None:
    found = developed(target(openapi=DOCUMENT), FakeVariants(), monkeypatch)
    assert "variants.development" in found.reason
    assert found.openapi is not None
    assert found.openapi.source == "the openapi document of readiness.yaml"


def test_a_variant_that_does_not_come_up_is_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    variants = FakeVariants(error=Inconclusive("variant devlook does not come up: api: import error"))
    found = developed(target(variants=VARIANT), variants, monkeypatch)
    assert "import error" in found.reason
    assert found.openapi is None
    assert found.documents == ()


def test_a_variant_that_stays_silent_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    variants = FakeVariants(FakeStack({"api": {}, "web": {}}))
    found = developed(target(variants=VARIANT), variants, monkeypatch, silent)
    assert {answer.status for answer in (*found.cross_origin, *found.documents)} == {None}
