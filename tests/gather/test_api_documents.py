from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from readiness.exceptions import StackError
from readiness.facts._codec import decode, encode
from readiness.facts.docs import ApiDocuments, DocumentKind
from readiness.facts.http import Exchange
from readiness.gather import api_documents as module
from readiness.gather import gatherer_meta
from readiness.gather.api_documents_asking import look_as_developer, look_for_documents
from readiness.runtime import Capability
from readiness.target import Entry, Login, Request, Target
from tests.gather.asked import Answer, FakeHttp, FakeStack

PASSWORD = "database-password-long"
PAGE = '<div id="swagger-ui"></div><script>SwaggerUIBundle({})</script>'
DOCUMENT = json.dumps({"openapi": "3.1.0", "paths": {"/items": {"get": {}}}})
HTML = {"Content-Type": "text/html"}


def target(**changes: Any) -> Target:
    values: dict[str, Any] = {
        "name": "shop",
        "folder": "shop",
        "service": "api",
        "entries": (Entry(name="direct", service="api", port=80),),
        "login": Login(static={"bearer_env": "API_TOKEN"}),
    }
    return Target(**{**values, **changes})


def look(
    serve: Callable[..., Answer],
    found: Target | None = None,
    *,
    capabilities: frozenset[Capability] = frozenset(Capability),
) -> tuple[ApiDocuments, FakeHttp]:
    http = FakeHttp(serve)
    meta = gatherer_meta(module.api_documents)
    assert meta is not None
    stack = FakeStack(
        {"api": {"API_TOKEN": "a-token-of-ours", "DATABASE_PASSWORD": PASSWORD}, "db": {}}, capabilities=capabilities
    )
    return meta.function(found or target(), stack, http), http


def closed(entry: str, method: str, path: str, headers: Mapping[str, str]) -> Answer:
    return 404, {}, ""


def shown(found: ApiDocuments) -> dict[str, DocumentKind]:
    return {answer.path: answer.kind for answer in found.answers if answer.is_shown and not answer.is_as_user}


def test_closed_places_cost_one_request_each_as_a_user() -> None:
    found, http = look(closed)
    assert shown(found) == {}
    assert {"/docs", "/docs/", "/Docs", "/DOCS", "/redoc", "/openapi.json", "/OPENAPI.JSON"} <= {
        answer.path for answer in found.answers
    }
    assert all(headers.get("authorization") for *_, headers in http.asked)
    assert len(http.asked) == len(found.answers) + 3  # an unknown path for each of two, and the description


def test_what_is_shown_is_asked_again_as_nobody() -> None:
    def serve(entry: str, method: str, path: str, headers: Mapping[str, str]) -> Answer:
        is_user = "authorization" in headers
        return {
            "/docs": (200, HTML, PAGE),
            "/openapi.json": (200, {}, DOCUMENT) if is_user else (401, {}, ""),
        }.get(path, (404, {}, ""))

    found, _ = look(serve)
    assert shown(found) == {"/docs": DocumentKind.PAGE}
    asked = next(answer for answer in found.answers if answer.path == "/openapi.json")
    assert (asked.status, asked.is_as_user) == (401, False)


def test_a_path_that_answers_as_any_unknown_one_shows_nothing() -> None:
    assert shown(look(lambda *_: (200, HTML, PAGE))[0]) == {}
    assert shown(look(lambda *_: (200, {}, DOCUMENT))[0]) == {}


def test_json_that_merely_has_an_openapi_key_is_no_document() -> None:
    def serve(entry: str, method: str, path: str, headers: Mapping[str, str]) -> Answer:
        return (200, {}, '{"openapi": "see our site", "paths": []}') if path == "/openapi.json" else (404, {}, "")

    assert shown(look(serve)[0]) == {}


def test_what_lies_beside_the_base_is_asked_for_too() -> None:
    def serve(entry: str, method: str, path: str, headers: Mapping[str, str]) -> Answer:
        return (200, {}, DOCUMENT) if path == "/openapi.json" else (404, {}, "")

    http = FakeHttp(serve)
    entries = (Entry(name="direct", service="api", port=80, base="/api"),)
    answers = list(look_for_documents(http, entries, ("/docs", "/openapi.json", "/api/docs"), headers={}))
    assert [answer.url for answer in answers] == [
        "http://api:80/api/docs",
        "http://api:80/api/openapi.json",
        "http://api:80/api/api/docs",
        "http://api:80/docs",
        "http://api:80/openapi.json",
    ]


def served_below(whole: str) -> Callable[[Exchange], Exchange]:
    """A server that shows its document at one whole path, whichever entry asks."""

    def change(exchange: Exchange) -> Exchange:
        is_it = exchange.url == f"http://api:80{whole}"
        return dataclasses.replace(exchange, status=200 if is_it else 404, body=DOCUMENT if is_it else "")

    return change


@dataclasses.dataclass
class WholePaths(FakeHttp):
    """Answers by the whole path, base included."""

    change: Callable[[Exchange], Exchange] = lambda exchange: exchange

    def send(self, entry: Entry, request: Request, **more: Any) -> Exchange:
        return self.change(super().send(entry, request, **more))


@pytest.mark.parametrize("whole", ["/openapi.json", "/api/openapi.json"])
def test_a_document_is_found_below_the_base_and_beside_it(whole: str) -> None:
    http = WholePaths(closed, change=served_below(whole))
    found = target(entries=(Entry(name="direct", service="api", port=80, base="/api"),), login=None)
    meta = gatherer_meta(module.api_documents)
    assert meta is not None
    answers = meta.function(found, FakeStack({"api": {}}), http).answers
    assert [answer.url for answer in answers if answer.is_shown] == [f"http://api:80{whole}"]
    (seen,) = look_as_developer(http, found.entries, ("/openapi.json",), headers={})
    assert seen.is_shown


def test_developers_are_shown_what_they_are_shown_when_they_are_logged_in() -> None:
    def serve(entry: str, method: str, path: str, headers: Mapping[str, str]) -> Answer:
        return (200, HTML, PAGE) if path == "/docs" and "authorization" in headers else (401, {}, "")

    (seen,) = look_as_developer(FakeHttp(serve), target().entries, ("/docs",), headers={"Authorization": "Bearer x"})
    assert (seen.kind, seen.is_as_user) == (DocumentKind.PAGE, True)
    (nobody,) = look_as_developer(FakeHttp(serve), target().entries, ("/docs",), headers={})
    assert (nobody.kind, nobody.wants_login) == (DocumentKind.NONE, True)


def test_developers_whose_login_is_not_taken_are_shown_what_everybody_is() -> None:
    def serve(entry: str, method: str, path: str, headers: Mapping[str, str]) -> Answer:
        return (401, {}, "") if "authorization" in headers else (200, HTML, PAGE) if path == "/docs" else (404, {}, "")

    (seen,) = look_as_developer(FakeHttp(serve), target().entries, ("/docs",), headers={"Authorization": "Bearer x"})
    assert (seen.kind, seen.is_as_user) == (DocumentKind.PAGE, False)


def test_a_redirect_to_a_form_for_a_password_asks_for_a_login() -> None:
    def serve(entry: str, method: str, path: str, headers: Mapping[str, str]) -> Answer:
        form = '<form><input name="password" type="password"></form>'
        return (302, {"Location": "/login"}, "") if path == "/docs" else (200, HTML, form)

    (seen,) = look_as_developer(FakeHttp(serve), target().entries, ("/docs",), headers={})
    assert (seen.kind, seen.wants_login) == (DocumentKind.NONE, True)


def test_an_answer_that_every_path_gets_is_no_description() -> None:
    def serve(entry: str, method: str, path: str, headers: Mapping[str, str]) -> Answer:
        described = {"name": "Shop", "version": "1", "capabilities": []}
        answered = described if path == "/api" else {"status": "ok", "path": path}
        return 200, {}, json.dumps(answered)

    (info,) = look(serve)[0].info
    assert not info.is_anything
    (other,) = look(serve, target(extra={"docs": {"info": "/about"}}))[0].info
    assert other.is_anything


def test_what_is_said_about_a_secret_and_mere_words_are_no_leaks() -> None:
    def serve(entry: str, method: str, path: str, headers: Mapping[str, str]) -> Answer:
        return 200, {}, json.dumps({"name": "Shop", "login": "/auth/token", "stores": ["postgres"]})

    http = FakeHttp(serve)
    stack = FakeStack({"api": {"TOKEN_URL": "/auth/token", "POSTGRES_PASSWORD": "postgres"}})
    meta = gatherer_meta(module.api_documents)
    assert meta is not None
    (info,) = meta.function(target(login=None), stack, http).info
    assert info.leaks == ()


def test_a_redirect_within_the_entry_is_followed_once_and_no_further() -> None:
    def serve(entry: str, method: str, path: str, headers: Mapping[str, str]) -> Answer:
        answers: dict[str, Answer] = {
            "/docs": (307, {"Location": "http://elsewhere.example/manual"}, ""),
            "/manual": (200, HTML, PAGE),
            "/redoc": (307, {"Location": "/docs"}, ""),
        }
        return answers.get(path, (404, {}, ""))

    assert shown(look(serve)[0]) == {"/docs": DocumentKind.PAGE}


def test_a_page_that_no_script_may_run_on_is_told_apart() -> None:
    policy = {**HTML, "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'"}

    def serve(entry: str, method: str, path: str, headers: Mapping[str, str]) -> Answer:
        return (200, policy, PAGE) if path == "/docs" else (404, {}, "")

    (page,) = [answer for answer in look(serve)[0].answers if answer.is_shown]
    assert page.is_scriptless


def test_a_secret_in_the_description_is_named_and_masked() -> None:
    def serve(entry: str, method: str, path: str, headers: Mapping[str, str]) -> Answer:
        return (200, {}, json.dumps({"name": "Shop", "url": f"postgres://shop:{PASSWORD}@db/shop"}))

    found, _ = look(serve)
    (info,) = found.info
    assert info.leaks == ("api.DATABASE_PASSWORD",)
    assert info.path == "/api"
    assert PASSWORD not in json.dumps(encode(found))
    assert decode(ApiDocuments, json.loads(json.dumps(encode(found)))) == found


def gone(*_: object) -> Answer:
    raise StackError("api leads nowhere")


@pytest.mark.parametrize("serve", [gone, lambda *_: (None, {}, "")])
def test_silence_is_recorded_not_raised(serve: Callable[..., Answer]) -> None:
    found, _ = look(serve)
    assert {answer.status for answer in (*found.answers, *found.info)} == {None}


def test_without_a_login_everything_is_asked_as_nobody() -> None:
    found, http = look(closed, target(login=None))
    assert not any("authorization" in headers for *_, headers in http.asked)
    assert not any(answer.is_as_user for answer in found.answers)


def test_declared_places_are_asked_in_every_spelling() -> None:
    declared = target(extra={"docs": {"pages": ["/help/api"], "document": "/spec.json", "info": "/about"}})
    found, _ = look(closed, declared)
    assert {"/help/api", "/help/api/", "/help/Api", "/HELP/API", "/spec.json"} <= {a.path for a in found.answers}
    assert [info.path for info in found.info] == ["/about"]


def test_somebodys_running_system_is_asked_little() -> None:
    found, _ = look(closed, capabilities=frozenset())
    assert [answer.path for answer in found.answers] == ["/docs", "/redoc", "/openapi.json"]
