from __future__ import annotations

import json
import time
from typing import Any

import pytest

from readiness.facts.http import Exchange, StatusClass
from readiness.failures import leaks
from readiness.failures.entries import entries_of, is_error, told_by
from readiness.failures.leaks import MAX_CHARS, Inside, leaks_of
from readiness.failures.shape import body_ids, common_places, shape_of, value_at

INSIDE = Inside.of(
    {
        "api": {
            "DATABASE_URL": "postgres://shop:hunter22@db/shop",
            "DATA_PATH": "/srv/shop-data",
            "MODEL": "gpt-4o-mini",
            "PUBLIC_URL": "https://shop.example.com",
            "JWT_SECRET": "a-very-secret-key",
        },
        "db": {},
    },
    {"JWT_SECRET of api": "a-very-secret-key"},
)


def kinds(body: str, *, sent: str = "", headers: tuple[tuple[str, str], ...] = ()) -> dict[str, bool]:
    found = leaks_of("here", body, headers, sent=sent, inside=INSIDE)
    return {leak.kind: leak.is_code for leak in found}


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ('Traceback (most recent call last):\n  File "x"', "a Python traceback"),
        ('{"m": "File \\"/app/shop/a.py\\", line 3"}', "a path of the source"),
        ("at com.shop.Cart.add(Cart.java:42)", "a Java stack trace"),
        ("at add (/srv/cart.js:10:5)", "a Node.js stack trace"),
        ("goroutine 7 [running]:", "a Go stack trace"),
        ("in /usr/lib/node_modules/express", "a path of the source"),
        ("sqlalchemy.exc.OperationalError", "the name of an exception class"),
        ("KeyError: 'name'", "the name of an exception class"),
        ("SELECT id\nFROM users", "SQL"),
        ('relation "users" does not exist', "SQL"),
        ("PostgreSQL 16.2 on x86_64", "a version of the software"),
        ("https://errors.pydantic.dev/2.5/v/missing", "a framework's debug page"),
    ],
)
def test_what_shows_how_a_program_is_made(text: str, kind: str) -> None:
    assert kinds(text).get(kind) is True


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Connect call failed ('10.0.0.5', 5432)", "an internal address"),
        ("cannot reach 172.18.0.3:6379", "an internal address"),
        ('connection to server at "db" failed', "an internal host"),
        ("getaddrinfo ENOTFOUND cache", "an internal host"),
        ("no answer of db:5432", "the internal address of db"),
        ("cannot write /srv/shop-data/x", "the value of DATA_PATH of api"),
        ("key a-very-secret-key is wrong", "the value of JWT_SECRET of api"),
    ],
)
def test_what_shows_where_a_program_runs(text: str, kind: str) -> None:
    assert kinds(text).get(kind) is False


@pytest.mark.parametrize(
    "text",
    [
        '{"error": {"code": "not_found", "message": "Please select an item from the list", "request_id": "5f0c"}}',
        '{"detail": "Value error, must be at most 10"}',
        "The model gpt-4o-mini is not available",
        "see https://shop.example.com/help",
        "You may call 10.5 times a minute; version 2 is out",
        "Error: not found",
    ],
)
def test_ordinary_words_are_no_leaks(text: str) -> None:
    assert kinds(text) == {}


@pytest.mark.parametrize(
    "page",
    [
        '<!doctype html><link rel="stylesheet" href="/static/css/main.css"><script src="/static/js/app.js"></script>',
        '<script src="/_next/static/chunks/main-app.js" async></script>',
        '<script>self.__next_f.push([1,"static/chunks/app/layout-1a.js"])</script>',
        "<script src=https://cdn.example.com/lib/htmx.min.js></script>",
        '<a href="/shop/index.php">home</a>',
        '{"html": "<script src=\\"/static/js/app.js\\"></script>"}',
        "see https://shop.example.com/help/errors.php",
        '<script>import("/assets/js/app.js")',
    ],
)
def test_what_a_page_loads_is_no_leak(page: str) -> None:
    assert kinds(page) == {}


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("<pre>Error: x\n at add (/srv/cart.js:10:5)</pre>", "a Node.js stack trace"),
        ("at async Promise.all (file:///srv/cart.mjs:10:5)", "a Node.js stack trace"),
        ("at node:internal/process/task_queues:95:5", "a Node.js stack trace"),
        ("Cannot find module '/app/dist/routes.js'", "a path of the source"),
        ('<script src="/a.js"></script><p>/app/shop/views.py</p>', "a path of the source"),
        ('<script>{"err": "at add (/srv/cart.js:10:5)"}</script>', "a Node.js stack trace"),
    ],
)
def test_a_path_beside_links_is_still_a_leak(text: str, kind: str) -> None:
    assert kinds(text).get(kind) is True


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("API_KEY_HEADER", "X-API-Key"),
        ("API_KEY_NAME", "X-API-Key"),
        ("APP_URL", "https://shop.example.com"),
        ("VIRTUAL_HOST", "shop.example.com"),
        ("STATIC_URL", "/static/"),
        ("LOGIN_URL", "/accounts/login/"),
        ("LOGIN_REDIRECT_PATH", "/accounts/profile"),
        ("SMTP_USER", "support@example.com"),
        ("ALLOWED_FILE_EXTENSIONS", ".pdf,.docx"),
        ("MODEL_PATH", "mistral/mistral-7b"),
    ],
)
def test_what_callers_are_told_anyway_is_not_inside(name: str, value: str) -> None:
    assert Inside.of({"api": {name: value}}, {}).values == {}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATA_DIR", "/srv/shop-data"),
        ("API_URL", "http://backend:8000"),
        ("APP_URL", "https://shop.acme.internal"),
        ("APP_URL", "http://10.1.2.3:8000"),
        ("TRACKER_URL", "https://key@tracker.example.com/1"),
        ("ELASTICSEARCH_URL", "https://search-1.example.com"),
        ("DATABASE_HOST", "db-1.eu.example.com"),
        ("DB_USER", "shop_owner"),
        ("BROKEN_URL", "http://[::1"),
    ],
)
def test_where_and_as_whom_the_service_runs_is_inside(name: str, value: str) -> None:
    assert list(Inside.of({"api": {name: value}}, {}).values) == [f"{name} of api"]


@pytest.mark.parametrize("unit", ["at " * 60 + "/" * 320 + " ", "<script>", "src=", "https://", "/a", "SELECT "])
def test_a_hostile_body_takes_no_time(unit: str) -> None:
    body = (unit * MAX_CHARS)[:MAX_CHARS]
    began = time.process_time()
    for pattern in (*(pattern for _, pattern in (*leaks._CODE, *leaks._SOURCES, *leaks._PLACES)), leaks._LINKS):
        list(pattern.finditer(body))
    assert time.process_time() - began < 2.0


def test_an_echo_of_the_request_is_no_leak() -> None:
    assert kinds("no such item: SELECT x FROM y", sent="/items?name=SELECT x FROM y") == {}


def test_headers_are_searched_too_and_secrets_leave_no_trace_in_the_excerpt() -> None:
    assert "an internal address" in kinds("", headers=(("X-Upstream", "10.0.0.5:8000"),))
    (leak, *_) = leaks_of("here", "SELECT a-very-secret-key FROM x", (), sent="", inside=INSIDE)
    assert "a-very-secret-key" not in leak.excerpt


def answer(status: int, body: Any, kind: str = "application/json") -> Exchange:
    text = body if isinstance(body, str) else json.dumps(body)
    headers = (("content-type", kind),)
    return Exchange(
        entry="a", purpose=StatusClass.OK, method="GET", url="http://a/", status=status, headers=headers, body=text
    )


def test_a_shape_has_two_levels_and_problems_have_words() -> None:
    assert shape_of(answer(404, {"a": {"b": {"c": 1}}})).places == {"a", "a.b"}
    assert shape_of(answer(404, {"a": 1}, "application/problem+json; charset=utf-8")).problem == ""
    assert "text/html" in shape_of(answer(404, "<p>", "text/html")).problem
    assert shape_of(answer(404, "[")).problem
    assert shape_of(answer(404, [])).problem


def places_of(*answers: Exchange) -> frozenset[str]:
    return common_places([shape_of(each) for each in answers])


def test_the_majority_of_statuses_decides_not_the_number_of_answers() -> None:
    assert places_of(answer(401, {"detail": "a"}), answer(404, {"detail": "b"}), *[answer(500, {"x": 1})] * 5) == {
        "detail"
    }
    assert common_places([]) == frozenset()


def test_what_all_errors_have_is_the_format_and_what_most_have_is_a_detail() -> None:
    bare, detailed = {"code": "a", "message": "b"}, {"code": "a", "message": "b", "details": {"x": 1}}
    errors = [answer(404, bare), answer(415, detailed), answer(422, detailed)]
    assert places_of(*errors) == {"code", "message"}


def test_a_text_is_not_the_object_of_the_same_name() -> None:
    whole = {"error": {"code": "a"}}
    assert places_of(answer(401, whole), answer(404, {"error": "b"}), answer(500, whole)) == {"error", "error.code"}


def test_ids_are_found_at_their_place_or_under_usual_names() -> None:
    body = answer(500, {"traceId": "t1", "error": {"requestId": "r1", "code": "x"}})
    assert body_ids(body) == (("traceId", "t1"), ("error.requestId", "r1"))
    assert body_ids(body, "error.code") == (("error.code", "x"),)
    assert body_ids(body, "error.nothing") == ()
    assert body_ids(body, "error") == ()
    assert body_ids(answer(500, {"request_id": None})) == ()
    assert value_at(body, "error.code") == "x"
    assert value_at(answer(500, "no json"), "a") is None


LOG = """2026-01-01 INFO GET /boom id=abc
2026-01-01 ERROR GET /boom id=abc failed
Traceback (most recent call last):
  File "a.py", line 1
ValueError: x
2026-01-01 INFO GET /ok id=def"""


def test_an_entry_is_a_line_with_what_follows_it() -> None:
    first, second = entries_of(LOG, "abc")
    assert second.endswith("ValueError: x")
    assert (is_error(first), is_error(second)) == (False, True)
    told = told_by(second, request_id="abc", method="GET", path="/boom?x=1")
    assert (told.request_id, told.method, told.path, told.trace, told.user) == (True, True, True, True, False)
    assert not told_by(
        first,
        request_id="",
        method="POST",
        path="/nope",
    ).path


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"level": "error"}, True),
        ({"level": "info"}, False),
        ({"level": 50}, True),
        ({"level": 30}, False),
        ({"severity": "CRITICAL"}, True),
        ({"message": "x"}, False),
        ({"level": "info", "exception": [{"frames": []}]}, True),
    ],
)
def test_a_json_entry_says_by_its_level_or_trace_that_it_is_an_error(data: dict[str, Any], expected: bool) -> None:
    assert is_error(json.dumps(data)) is expected


def test_a_user_is_told_by_a_field_of_the_entry_or_of_an_object_in_it() -> None:
    def told(data: dict[str, Any]) -> bool:
        return told_by(json.dumps(data), request_id="", method="GET", path="/").user

    assert told({"user_id": 7})
    assert told({"context": {"user": "alice"}})
    assert not told({"user": "anonymous"})
    assert not told({"message": "user"})
