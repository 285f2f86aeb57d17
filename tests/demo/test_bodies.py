"""What the demo takes in as a body, and what its errors look like, sound and with each defect."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.demo.test_service import ask, variables

__all__ = ["variables"]

JSON = {"Content-Type": "application/json"}


def post(path: str, content: bytes | str, **headers: str) -> tuple[str, str, dict[str, Any]]:
    return "POST", path, {"content": content, "headers": {**JSON, **headers}}


def test_only_json_is_read(variables: pytest.MonkeyPatch) -> None:
    answers = ask(
        post("/auth/register", "x", **{"Content-Type": "text/plain"}),
        ("POST", "/auth/register", {"content": b"{}"}),
        post("/auth/register", "{}", **{"Content-Type": "application/json; charset=utf-8"}),
        ("GET", "/health", {"headers": {"Content-Type": "text/plain"}}),
    )
    assert [answer.status_code for answer in answers] == [415, 415, 422, 200]
    assert answers[0].json()["error"]["code"] == "unsupported_media_type"


def test_the_body_limit_is_a_setting_and_holds_for_streams(variables: pytest.MonkeyPatch) -> None:
    async def stream() -> Any:
        for _ in range(10):
            yield b" " * 1000

    variables.setenv("MAX_BODY_BYTES", "5000")
    streamed: Any = ("POST", "/auth/register", {"content": stream(), "headers": JSON})
    answers = ask(post("/auth/register", " " * 5001), streamed, post("/auth/register", " " * 4000))
    assert [answer.status_code for answer in answers] == [413, 413, 422]


@pytest.mark.parametrize("text", ["a\x00b", "\ud800"])
def test_text_that_cannot_be_stored_is_refused(variables: pytest.MonkeyPatch, text: str) -> None:
    (answer,) = ask(post("/embed", json.dumps({"text": text})))
    assert answer.status_code == 422


def test_texts_are_bounded_in_characters_and_batches_in_texts(variables: pytest.MonkeyPatch) -> None:
    answers = ask(
        post("/embed", json.dumps({"text": "é" * 2000})),
        post("/embed", json.dumps({"text": "é" * 2001})),
        post("/embed/batch", json.dumps({"texts": ["a"] * 32})),
        post("/embed/batch", json.dumps({"texts": ["a"] * 33})),
        post("/embed/batch", json.dumps({"texts": []})),
    )
    # 503: the model of a service that was never started is not loaded, but the input was fine.
    assert [answer.status_code for answer in answers] == [503, 422, 503, 422, 422]


@pytest.mark.parametrize(
    ("defect", "request_", "status"),
    [
        ("content-type-unchecked", post("/auth/register", "{}", **{"Content-Type": "text/plain"}), 422),
        ("input-counts-bytes", post("/embed", json.dumps({"text": "é" * 2000})), 422),
        ("nul-in-text", post("/embed", json.dumps({"text": "a\x00b"})), 503),
        ("outage-apology", ("GET", "/items"), 200),
        ("plain-500", ("GET", "/boom"), 500),
    ],
)
def test_a_defect_changes_the_answer(variables: pytest.MonkeyPatch, defect: str, request_: Any, status: int) -> None:
    variables.setenv("SHOP_DEFECTS", defect)
    (answer,) = ask(request_)
    assert answer.status_code == status


@pytest.mark.parametrize(
    ("defect", "path", "told"),
    [
        ("trace-in-500", "/boom", "Traceback"),
        ("sql-in-503", "/items", "SELECT"),
        ("host-in-503", "/items", "127.0.0.1"),
        ("other-format-for-404", "/nope", '"detail"'),
    ],
)
def test_a_defect_tells_what_the_sound_service_does_not(
    variables: pytest.MonkeyPatch, defect: str, path: str, told: str
) -> None:
    (sound,) = ask(("GET", path))
    variables.setenv("SHOP_DEFECTS", defect)
    (broken,) = ask(("GET", path))
    assert told not in sound.text
    assert told in broken.text


def test_the_id_in_the_body_is_missing_or_another_with_a_defect(variables: pytest.MonkeyPatch) -> None:
    variables.setenv("SHOP_DEFECTS", "id-missing-in-error-body")
    (missing,) = ask(("GET", "/nope"))
    variables.setenv("SHOP_DEFECTS", "other-id-in-error-body")
    (other,) = ask(("GET", "/nope"))
    assert "request_id" not in missing.json()["error"]
    assert other.json()["error"]["request_id"] != other.headers["x-request-id"]
