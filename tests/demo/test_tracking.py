from __future__ import annotations

from typing import Any

import pytest
import sentry_sdk

from readiness.demo.app.shop import tracking
from readiness.demo.app.shop.settings import Settings

EVENT = {
    "environment": "production",
    "request": {"url": "http://shop/items", "query_string": "token=secret", "headers": {"Host": "shop"}},
    "contexts": {"trace": {"data": {"http.query": "token=secret", "http.method": "GET"}}},
    "spans": [{"data": {"url.query": "token=secret"}}],
}


@pytest.fixture
def options(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    seen: dict[str, Any] = {}
    monkeypatch.setattr(sentry_sdk, "init", lambda **given: seen.update(given))
    return seen


def settings(**values: Any) -> Settings:
    return Settings(
        **{
            "database_host": "h",
            "database_password": "database-password",
            "redis_host": "h",
            "redis_password": "redis-password",
            "jwt_secret": "s" * 40,
            "proxy_token": "p" * 20,
            "data_path": "/tmp",  # noqa: S108  # never opened
            **values,
        }
    )


def test_without_an_address_nothing_is_sent(options: dict[str, Any]) -> None:
    tracking.configure(settings(sentry_dsn=""))
    assert options == {}


def test_bodies_and_locals_stay_here_and_a_tenth_is_traced(options: dict[str, Any]) -> None:
    tracking.configure(settings(sentry_dsn="http://key@tracker/1", environment="development"))
    assert options["environment"] == "development"
    assert options["traces_sample_rate"] == 0.1
    assert (options["include_local_variables"], options["max_request_body_size"]) == (False, "never")
    assert not options["send_default_pii"]


def test_queries_are_taken_out_wherever_they_are() -> None:
    cleaned = tracking._cleaned(EVENT, {})
    assert "secret" not in str(cleaned)
    assert cleaned["request"]["url"] == "http://shop/items"
    assert cleaned["contexts"]["trace"]["data"] == {"http.method": "GET"}
    assert cleaned["environment"] == "production"


def test_unforeseen_errors_are_sent_like_all_others() -> None:
    error = RuntimeError()
    assert tracking._cleaned({"a": 1}, {"exc_info": (RuntimeError, error, None)}) == {"a": 1}


def test_a_defect_keeps_unforeseen_errors_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_DEFECTS", "unhandled-not-sent")
    assert tracking._cleaned({"a": 1}, {"exc_info": (RuntimeError, RuntimeError(), None)}) is None
    assert tracking._cleaned({"a": 1}, {"exc_info": (OSError, OSError(), None)}) == {"a": 1}


def test_a_defect_takes_the_environment_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_DEFECTS", "tracker-environment-missing")
    assert "environment" not in tracking._cleaned(dict(EVENT), {})
