"""The service without its stores: what it answers when nothing is there, and what it says about itself."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog

from readiness.demo.app.shop import settings as shop_settings
from readiness.demo.app.shop.auth import Tokens
from readiness.demo.app.shop.main import create_app
from readiness.demo.app.shop.resources import Resources

DEMO = Path(__file__).parents[2] / "readiness" / "demo"
SECURITY_HEADERS = {
    "content-security-policy",
    "x-content-type-options",
    "x-frame-options",
    "referrer-policy",
    "permissions-policy",
    "x-xss-protection",
    "cross-origin-opener-policy",
    "cross-origin-resource-policy",
    "strict-transport-security",
}


@pytest.fixture
def variables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """What the service needs, with stores that nobody serves."""
    values = {
        "DATABASE_HOST": "127.0.0.1",
        "DATABASE_PORT": "1",
        "DATABASE_PASSWORD": "database-password",
        "REDIS_HOST": "127.0.0.1",
        "REDIS_PORT": "1",
        "REDIS_PASSWORD": "redis-password",
        "JWT_SECRET": "s" * 40,
        "PROXY_TOKEN": "p" * 20,
        "DATA_PATH": str(tmp_path),
        "ERROR_ROUTE": "on",
    }
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


async def _ask(*requests: Any) -> list[httpx.Response]:
    resources = Resources.of(shop_settings.load())
    transport = httpx.ASGITransport(create_app(resources), raise_app_exceptions=False)
    try:
        async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
            return [await client.request(method, path, **more) for method, path, more in requests]
    finally:
        with contextlib.suppress(Exception):
            await resources.close()


def ask(*requests: Any) -> list[httpx.Response]:
    with structlog.testing.capture_logs():
        return asyncio.run(_ask(*((*r, {}) if len(r) == 2 else r for r in requests)))


EVERY_STATUS = [
    ("GET", "/"),
    ("GET", "/me"),
    ("GET", "/nope"),
    ("DELETE", "/items"),
    ("POST", "/auth/register", {"json": {"name": ""}}),
    ("POST", "/auth/register", {"content": b"x" * 100_000}),
    ("GET", "/boom"),
    ("GET", "/items"),
    ("GET", "/static/app.css"),
    ("GET", "/old"),
    ("GET", "/health/ready"),
    ("OPTIONS", "/items", {"headers": {"Origin": "https://x.example", "Access-Control-Request-Method": "GET"}}),
]


def test_every_kind_of_answer_carries_every_security_header_once(variables: pytest.MonkeyPatch) -> None:
    answers = ask(*EVERY_STATUS)
    assert [a.status_code for a in answers] == [200, 401, 404, 405, 422, 413, 500, 503, 200, 301, 503, 400]
    for answer in answers:
        names = [name.lower() for name, _ in answer.headers.multi_items()]
        assert [name for name in SECURITY_HEADERS if names.count(name) != 1] == [], answer.request.url


def test_an_export_needs_a_login_and_is_refused_as_a_whole_without_a_database(variables: pytest.MonkeyPatch) -> None:
    token = Tokens("s" * 40).issue(1)
    answers = ask(("GET", "/items/export"), ("GET", "/items/export", {"headers": {"Authorization": f"Bearer {token}"}}))
    assert [a.status_code for a in answers] == [401, 503]


def test_the_limit_answers_429_with_security_headers_and_when_to_retry(variables: pytest.MonkeyPatch) -> None:
    variables.setenv("RATE_LIMIT_PER_MINUTE", "2")
    answers = ask(*[("GET", "/nope")] * 3)
    assert [a.status_code for a in answers] == [404, 404, 429]
    assert answers[0].headers["x-ratelimit-remaining"] == "1"
    assert int(answers[2].headers["retry-after"]) == 30
    assert set(answers[2].headers) >= SECURITY_HEADERS


def test_errors_have_one_shape_and_name_the_request(variables: pytest.MonkeyPatch) -> None:
    for answer in ask(("GET", "/boom"), ("GET", "/nope"), ("GET", "/me"), ("GET", "/items")):
        error = answer.json()["error"]
        assert set(error) == {"code", "message", "request_id"}
        assert error["request_id"] == answer.headers["x-request-id"]
        assert "Traceback" not in answer.text


def test_the_nonce_is_new_each_time_and_is_the_page_s_own(variables: pytest.MonkeyPatch) -> None:
    first, second = ask(("GET", "/"), ("GET", "/"))
    nonces = [re.search(r"'nonce-([^']+)'", a.headers["content-security-policy"])[1] for a in (first, second)]
    assert nonces[0] != nonces[1]
    assert f'nonce="{nonces[0]}"' in first.text


def test_the_flag_governs_the_security_headers(variables: pytest.MonkeyPatch) -> None:
    variables.setenv("SECURITY_HEADERS_ENABLED", "false")
    for answer in ask(*EVERY_STATUS):
        assert SECURITY_HEADERS & set(answer.headers) == set()


def test_hsts_is_for_production_alone(variables: pytest.MonkeyPatch) -> None:
    variables.setenv("ENVIRONMENT", "development")
    (answer,) = ask(("GET", "/health"))
    assert SECURITY_HEADERS - set(answer.headers) == {"strict-transport-security"}


def test_a_defect_of_errors_leaves_the_other_answers_alone(variables: pytest.MonkeyPatch) -> None:
    variables.setenv("SHOP_DEFECTS", "errors-without-headers")
    good, bad = ask(("GET", "/health"), ("GET", "/nope"))
    assert set(good.headers) >= SECURITY_HEADERS
    assert SECURITY_HEADERS & set(bad.headers) == set()


def test_liveness_and_the_shallow_health_need_nobody(variables: pytest.MonkeyPatch) -> None:
    answers = ask(("GET", "/health/live"), ("GET", "/health"), ("GET", "/healthz"))
    assert [a.status_code for a in answers] == [200, 200, 200]


def test_readiness_names_every_lost_dependency_and_no_address(variables: pytest.MonkeyPatch) -> None:
    (answer,) = ask(("GET", "/health/ready"))
    checks = answer.json()["checks"]
    assert {name: check["error"] for name, check in checks.items()} == {
        "database": "connection refused",
        "redis": "connection refused",
    }
    assert "127.0.0.1" not in answer.text


def test_only_the_proxy_says_who_the_client_is(variables: pytest.MonkeyPatch) -> None:
    variables.setenv("RATE_LIMIT_PER_MINUTE", "1")
    stranger = [("GET", "/nope", {"headers": {"X-Forwarded-For": f"10.0.0.{n}"}}) for n in (1, 2)]
    assert [a.status_code for a in ask(*stranger)] == [404, 429]
    proxy = [
        ("GET", "/nope", {"headers": {"X-Forwarded-For": f"10.0.0.{n}", "X-Proxy-Token": "p" * 20}}) for n in (1, 2)
    ]
    assert [a.status_code for a in ask(*proxy)] == [404, 404]


def test_the_documents_are_closed_in_production(variables: pytest.MonkeyPatch) -> None:
    assert [a.status_code for a in ask(("GET", "/docs"), ("GET", "/openapi.json"))] == [404, 404]


def test_missing_settings_are_named_and_no_value_is_shown() -> None:
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(DEMO / "app"), "JWT_SECRET": "too-short-secret"}
    done = subprocess.run(
        [sys.executable, "-P", "-m", "shop"], env=environment, capture_output=True, text=True, check=False, timeout=30
    )
    assert done.returncode == 78
    named = set(re.findall(r"configuration: ([A-Z_]+):", done.stderr))
    wanted = {
        "DATABASE_HOST",
        "DATABASE_PASSWORD",
        "REDIS_HOST",
        "REDIS_PASSWORD",
        "JWT_SECRET",
        "PROXY_TOKEN",
        "DATA_PATH",
    }
    assert named == wanted
    assert "too-short-secret" not in done.stderr


def test_log_lines_are_json() -> None:
    code = "from shop import logs; import structlog; logs.configure(level='info', service='api'); structlog.get_logger('x').info('hello', n=1)"
    done = subprocess.run(
        [sys.executable, "-P", "-c", code],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(DEMO / "app")},
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    line = json.loads(done.stdout)
    assert (line["service"], line["event"], line["level"], line["n"]) == ("api", "hello", "info", 1)
