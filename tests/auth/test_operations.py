from __future__ import annotations

import pytest

from readiness.auth.answers import Answer, answer_of
from readiness.auth.operations import Standing, is_admitted, standing_of
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
    ("status", "expected"),
    [(200, True), (404, True), (422, True), (401, False), (403, False), (429, None), (500, None), (None, None)],
)
def test_admitted_is_whoever_is_not_refused(status: int | None, expected: bool | None) -> None:
    assert is_admitted(status) is expected


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
