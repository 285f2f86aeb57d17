from __future__ import annotations

import pytest
import yaml

from readiness.auth.answers import Answer, answer_of
from readiness.auth.operations import Standing, is_admin_admitted, is_admitted, is_raised, public_lines, standing_of
from readiness.declared.access import Access, access_of, is_named
from readiness.facts.auth import OperationTrial
from readiness.target import Request, Target


def trial(user: int | None = None, location: str = "") -> OperationTrial:
    return OperationTrial(operation="GET /x", request="GET /x via proxy", user=user, location=location)


@pytest.mark.parametrize(
    ("status", "asked", "expected"),
    [
        (401, trial(), Standing.REFUSED),
        (403, trial(), Standing.REFUSED),
        (200, trial(), Standing.LET_IN),
        (204, trial(), Standing.LET_IN),
        (302, trial(location="https://id.example/signin?next=x"), Standing.REFUSED),
        (307, trial(location="/x/"), Standing.UNTOLD),
        (404, trial(user=200), Standing.REFUSED),
        (404, trial(user=404), Standing.UNTOLD),
        (422, trial(user=200), Standing.UNTOLD),
        (500, trial(), Standing.BROKEN),
        (500, trial(user=500), Standing.UNTOLD),
        (503, trial(), Standing.UNTOLD),
        (429, trial(), Standing.UNTOLD),
        (0, trial(), Standing.UNTOLD),
    ],
)
def test_an_answer_to_nobody_is_told_apart_by_what_a_user_gets(
    status: int, asked: OperationTrial, expected: Standing
) -> None:
    assert standing_of(asked, status) is expected


@pytest.mark.parametrize(
    ("status", "admin", "expected"),
    [
        (200, None, True),
        (401, 200, False),
        (403, 403, False),
        (404, 404, None),
        (404, 200, False),
        (302, 200, False),
        (302, 302, None),
        (400, 400, None),
        (419, 419, None),
        (422, None, None),
        (429, 200, None),
        (500, 200, None),
        (None, 200, None),
    ],
)
def test_only_a_success_is_an_admission(status: int | None, admin: int | None, expected: bool | None) -> None:
    assert is_admitted(status, admin=admin) is expected


@pytest.mark.parametrize(
    ("operation", "user", "admin", "by_cookie", "expected"),
    [
        ("GET /x", 403, 200, False, True),
        ("GET /x", 403, 403, False, False),
        ("GET /x", 403, 403, True, False),
        ("POST /x", 403, 403, True, None),  # perhaps only the form token is missing
        ("POST /x", 403, 401, True, False),
        ("POST /x", 403, 403, False, False),
        ("GET /x", 403, 404, False, True),
        ("POST /x", 403, 422, False, True),
        ("GET /x", 404, 404, False, None),
        ("GET /x", 403, 302, False, None),
        ("POST /x", 419, 419, True, None),
        ("GET /x", 403, None, False, None),
        ("GET /x", 403, 500, False, None),
    ],
)
def test_the_administrator_is_admitted_past_the_guard(
    operation: str, user: int, admin: int | None, by_cookie: bool, expected: bool | None
) -> None:
    asked = OperationTrial(operation=operation, request=operation, is_admin=True, user=user, admin=admin)
    assert is_admin_admitted(asked, by_cookie=by_cookie) is expected


@pytest.mark.parametrize(
    ("status", "user", "admin", "expected"),
    [
        (200, 403, 200, True),
        (403, 403, 200, False),
        (404, 404, 200, False),
        (404, 404, 404, None),
        (404, 403, 404, True),  # as the administrator, and not as a user
    ],
)
def test_a_raised_user_is_told_from_a_plain_one(status: int, user: int, admin: int, expected: bool | None) -> None:
    asked = OperationTrial(operation="GET /x", request="GET /x", is_admin=True, user=user, admin=admin)
    assert is_raised(status, asked) is expected
    assert is_raised(404, None) is None


def test_the_section_that_makes_operations_public_can_be_copied() -> None:
    section = yaml.safe_load(public_lines(("GET /open", "GET /x: {y}", *["POST /more"] * 20)))
    assert section["access"]["public"] == ["GET /open", "GET /x: {y}", *["POST /more"] * 8]


@pytest.mark.parametrize(
    ("status", "nobody", "expected"),
    [
        (200, None, Answer.ACCEPTED),
        (401, None, Answer.REFUSED),
        (302, None, Answer.UNTOLD),
        (302, 302, Answer.REFUSED),
        (404, None, Answer.UNTOLD),
        (500, None, Answer.BROKEN),
        (429, 429, Answer.UNTOLD),
        (None, None, Answer.UNTOLD),
    ],
)
def test_a_refusal_is_also_what_nobody_is_answered(status: int | None, nobody: int | None, expected: Answer) -> None:
    assert answer_of(status, nobody=nobody) is expected


@pytest.mark.parametrize(
    ("pattern", "method", "path", "expected"),
    [
        ("GET /items", "GET", "/items", True),
        ("GET /items", "POST", "/items", False),
        ("/items", "POST", "/items", True),
        ("/items", "GET", "/items/7", False),
        ("GET /health*", "GET", "/healthz", True),
        ("POST /auth/*", "POST", "/auth/login", True),
        ("GET /items/{item_id}", "GET", "/items/{item_id}", True),
        ("GET /a.b", "GET", "/aXb", False),
        ("/*", "DELETE", "/anything/at/all", True),
    ],
)
def test_patterns_name_operations(pattern: str, method: str, path: str, expected: bool) -> None:
    assert is_named([pattern], method, path) is expected


def test_the_section_is_read() -> None:
    section = {"public": ["/a"], "admin": ["GET /b"], "requests": ["/c", {"path": "/d", "as": "user"}]}
    access = access_of(Target(name="x", folder=".", extra={"access": section}))
    assert access.is_public("GET", "/a")
    assert access.is_admin("GET", "/b")
    assert not access.is_admin("POST", "/b")
    assert access.requests == (Request(path="/c"), Request(path="/d", as_user="user"))
    assert access_of(Target(name="x", folder=".")) == Access()
