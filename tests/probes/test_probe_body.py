from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from readiness.facts.probe_body import Says, leaks_in, mask, read_body, says, secret_values


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("ok", Says.HEALTHY),
        ("UP", Says.HEALTHY),
        ("Healthy", Says.HEALTHY),
        ("pass", Says.HEALTHY),
        (True, Says.HEALTHY),
        ("degraded", Says.DEGRADED),
        ("not_ready", Says.UNHEALTHY),
        ("NOT READY", Says.UNHEALTHY),
        ("OUT_OF_SERVICE", Says.UNHEALTHY),
        (False, Says.UNHEALTHY),
        ("loading", Says.UNHEALTHY),
        ("purple", Says.UNKNOWN),
        (7, Says.UNKNOWN),
        (None, Says.UNKNOWN),
    ],
)
def test_words(word: object, expected: Says) -> None:
    assert says(word) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("OK", Says.HEALTHY),
        ("Unhealthy\n", Says.UNHEALTHY),
        ('"healthy"', Says.HEALTHY),
        ("true", Says.HEALTHY),
        ("", Says.UNKNOWN),
        ("<html>ok</html>", Says.UNKNOWN),
        ("Welcome to nginx, everything is ok here, really", Says.UNKNOWN),
        ("[1, 2]", Says.UNKNOWN),
        ('{"healthy": false}', Says.UNHEALTHY),
        ('{"data": {"status": "down"}, "success": true}', Says.UNHEALTHY),
        ('{"status": {"code": "UP"}}', Says.HEALTHY),
        ('{"status": 200}', Says.UNKNOWN),
    ],
)
def test_overall(text: str, expected: Says) -> None:
    assert read_body(text).says is expected


SHAPES = {
    "brain": {
        "status": "unhealthy",
        "checks": {"database": {"status": "unhealthy", "error": "x"}, "redis": {"status": "healthy"}},
    },
    "spring": {
        "status": "DOWN",
        "components": {"database": {"status": "DOWN", "details": {}}, "redis": {"status": "UP"}},
    },
    "terminus": {"status": "error", "details": {"database": {"status": "down"}, "redis": {"status": "up"}}},
    "health+json": {
        "status": "fail",
        "checks": {"database:connections": [{"status": "fail"}], "redis:responseTime": [{"status": "pass"}]},
    },
    "asp.net": {
        "status": "Unhealthy",
        "entries": {"database": {"status": "Unhealthy"}, "redis": {"status": "Healthy"}},
    },
    "list": {"components": [{"name": "database", "status": "unhealthy"}, {"name": "redis", "status": "healthy"}]},
    "words": {"status": "degraded", "checks": {"database": "disconnected", "redis": "connected"}},
    "booleans": {"status": "error", "services": {"database": False, "redis": True}},
    "flat": {
        "status": "error",
        "version": "1.2",
        "database": "disconnected",
        "redis": "ok",
        "environment": "production",
    },
}


@pytest.mark.parametrize("shape", SHAPES)
def test_components_are_found_in_every_shape(shape: str) -> None:
    body = read_body(json.dumps(SHAPES[shape]))
    assert {c.name: c.says for c in body.components} == {"database": Says.UNHEALTHY, "redis": Says.HEALTHY}


@pytest.mark.parametrize(
    ("fields", "latency", "text"),
    [
        ({"response_time_ms": 1.25}, 1.25, "1.25"),
        ({"latency": "3ms"}, 3.0, "3ms"),
        ({"duration": "00:00:00.0420"}, 0.042, "00:00:00.0420"),
        ({"details": {"latency_ms": 7}}, 7.0, "7"),
        ({"latency_ms": None}, None, ""),
        ({"latency_ms": True}, None, ""),
        ({}, None, ""),
    ],
)
def test_latencies(fields: dict[str, object], latency: float | None, text: str) -> None:
    component = read_body(json.dumps({"checks": {"db": {"status": "ok", **fields}}})).component("DB")
    assert component is not None
    assert (component.latency, component.latency_text) == (latency, text)


@pytest.mark.parametrize(
    ("stamp", "moment", "is_naive"),
    [
        (1_800_000_000, 1_800_000_000.0, False),
        (1_800_000_000_500, 1_800_000_000.5, False),
        ("1800000000", 1_800_000_000.0, False),
        ("2027-01-15T08:00:00Z", 1_800_000_000.0, False),
        ("2027-01-15T09:00:00+01:00", 1_800_000_000.0, False),
        ("2027-01-15T08:00:00", 1_800_000_000.0, True),
        ("yesterday", None, False),
    ],
)
def test_moments(stamp: object, moment: float | None, is_naive: bool) -> None:
    body = read_body(json.dumps({"status": "ok", "timestamp": stamp}))
    assert (body.timestamp, body.is_naive) == (moment, is_naive)


def test_metrics_alerts_and_uptime() -> None:
    body = read_body(
        '{"status":"ok","uptime_seconds":5,"system_metrics":{"cpu_percent":3.5,"host":"a"},"alerts":["disk",{"a":1}]}'
    )
    assert body.uptime_seconds == 5.0
    assert body.metrics == {"cpu_percent": 3.5}
    assert body.alerts == ("disk", '{"a": 1}')
    assert read_body("{}").alerts is None
    assert read_body('{"alerts": []}').alerts == ()


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(
                    ["status", "checks", "components", "name", "timestamp", "alerts", "system_metrics", "data"]
                )
                | st.text(),
                inner,
            )
        ),
    )
)
def test_whatever_json_it_is_it_is_read(data: object) -> None:
    read_body(json.dumps(data))


@given(st.text())
def test_whatever_text_it_is_it_is_read(text: str) -> None:
    read_body(text)


def test_depth_and_length_are_bounded() -> None:
    assert read_body("[" * 100_000).says is Says.UNKNOWN
    many = {"checks": {f"c{n}": {"status": "ok"} for n in range(5000)}}
    assert len(read_body(json.dumps(many)).components) <= 100


SECRETS = {"DATABASE_PASSWORD of api": "correct-horse"}


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ('{"error": "login correct-horse refused"}', "the value of DATABASE_PASSWORD of api"),
        ('{"error": "postgresql+asyncpg://shop:unknown@db/shop"}', "a login inside a postgresql+asyncpg URL"),
        ('{"error": "redis://cache:6379/0 refused"}', "a redis connection URL"),
        ("Traceback (most recent call last):", "a Python traceback"),
        ('{"error": "File \\"/app/main.py\\", line 12"}', "a Python traceback"),
        ("at com.acme.Db.connect(Db.java:12)", "a Java stack trace"),
        ("at Object.<anonymous> (/app/server.js:3:14)", "a Node.js stack trace"),
        ("goroutine 1 [running]:", "a Go stack trace"),
    ],
)
def test_what_must_not_be_shown_is_found(body: str, kind: str) -> None:
    leaks = leaks_in(body, SECRETS)
    assert kind in {leak.kind for leak in leaks}
    assert all("correct-horse" not in leak.excerpt and ":unknown@" not in leak.excerpt for leak in leaks)


@pytest.mark.parametrize(
    "body",
    [
        '{"status": "unhealthy", "error": "connection refused"}',
        '{"error": "Connect call failed (\'172.18.0.2\', 5432)"}',
        '{"docs": "https://example.com/health", "error": "timeout"}',
        '{"error": "cannot reach https://user:***@example.com"}',
        '{"error": "no answer at 10:15:30@utc"}',
    ],
)
def test_a_plain_fault_is_no_leak(body: str) -> None:
    assert leaks_in(body, SECRETS) == ()


def test_masking() -> None:
    assert mask("a correct-horse b redis://u:p@h", SECRETS) == "a *** b redis://u:***@h"


def test_secrets_are_known_by_their_names_and_urls() -> None:
    environment = {
        "POSTGRES_PASSWORD": "postgres",
        "JWT_SECRET": "0123456789abcdef!",
        "SECRET_FILE": "/run/secrets/x",
        "ACCESS_TOKEN_EXPIRE_MINUTES": "300000",
        "API_KEY_HEADER": "X-Api-Key-Name",
        "DATABASE_URL": "postgres://shop:hunter2hunter2@db/shop",
        "PIN_TOKEN": "1234567",
        "SHORT_SECRET": "abc",
        "GREETING": "hello world",
    }
    assert secret_values(environment, ordinary=frozenset({"postgres"})) == {
        "JWT_SECRET": "0123456789abcdef!",
        "DATABASE_URL": "hunter2hunter2",
    }
