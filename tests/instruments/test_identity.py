from __future__ import annotations

import base64
import hmac
import json
from typing import Any

import httpx
import pytest

from readiness.facts.http import Exchange, StatusClass
from readiness.instruments.client import HttpClient
from readiness.instruments.identity import MASK, Identity, log_in, masked
from readiness.runtime import Capability, Endpoint
from readiness.target import Entry, Login, Request
from readiness.verdict import Inconclusive

ENTRY = Entry(name="direct", service="api", port=8000)
USERS = ({"name": "alice", "password": "alice-password"}, {"name": "bob", "password": "bob-password"})
REQUEST = Request(method="POST", path="/login", json={"user": "{name}", "deep": [{"pass": "{password}"}]})


class FakeStack:
    capabilities = frozenset(Capability)

    def endpoint(self, service: str, port: int) -> Endpoint:
        return Endpoint(host="127.0.0.1", port=1)


def identity_of(
    login: Login, handler: Any = None, environment: dict[str, str] | None = None, **options: Any
) -> tuple[Identity, list[httpx.Request]]:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        response = handler(request)
        assert isinstance(response, httpx.Response)
        # A transport's answer is a stream that nobody has read yet.
        return httpx.Response(response.status_code, headers=response.headers, stream=httpx.ByteStream(response.content))

    with HttpClient(FakeStack()) as client:
        client._client.close()
        client._client = httpx.Client(transport=httpx.MockTransport(answer))
        return log_in(client, ENTRY, login, environment=environment or {}, **options), seen


def test_bearer_token_is_found_at_its_dotted_place() -> None:
    login = Login(request=REQUEST, users=USERS, token="data.token")
    identity, seen = identity_of(login, lambda _: httpx.Response(200, json={"data": {"token": "secret-token"}}))
    assert identity.headers == {"Authorization": "Bearer secret-token"}
    assert json.loads(seen[0].content) == {"user": "alice", "deep": [{"pass": "alice-password"}]}


def test_user_is_registered_first_and_a_refusal_there_is_ignored() -> None:
    login = Login(request=REQUEST, register=Request(method="POST", path="/register/{name}"), users=USERS)

    def handler(request: httpx.Request) -> httpx.Response:
        return (
            httpx.Response(409)
            if "register" in request.url.path
            else httpx.Response(200, json={"access_token": "t0ken1"})
        )

    identity, seen = identity_of(login, handler, user=USERS[1])
    assert [request.url.path for request in seen] == ["/register/bob", "/login"]
    assert identity.name == "bob"
    assert [exchange.status for exchange in identity.exchanges] == [409, 200]


def test_session_cookies_identify_where_there_is_no_token() -> None:
    login = Login(request=REQUEST, users=USERS)
    cookies = [("set-cookie", "sid=abcdef123; HttpOnly"), ("set-cookie", "lang=en")]
    identity, _ = identity_of(login, lambda _: httpx.Response(204, headers=cookies))
    assert identity.headers == {"Cookie": "sid=abcdef123; lang=en"}
    assert "abcdef123" not in repr(identity)


def test_a_refresh_token_is_found_in_the_answer_and_cookies_are_kept_with_their_lifetime() -> None:
    login = Login(request=REQUEST, users=USERS, refresh_token="data.refresh")
    body = {"access_token": "access-1", "data": {"refresh": "refresh-1"}}
    cookies = [("set-cookie", "sid=abcdef123; max-age=60; HttpOnly"), ("set-cookie", "lang=en; Max-Age=-1")]
    identity, _ = identity_of(login, lambda _: httpx.Response(200, json=body, headers=cookies))
    assert (identity.token, identity.refresh_token) == ("access-1", "refresh-1")
    assert identity.cookies == "sid=abcdef123; lang=en"
    assert identity.cookie_seconds == {"sid": 60}
    assert {"access-1", "refresh-1", "abcdef123"} <= identity.secrets
    assert "refresh-1" not in repr(identity)
    assert "abcdef123" not in repr(identity)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (httpx.Response(401), "was not accepted.*401"),
        (httpx.Response(200, json={"token": "elsewhere"}), "neither access_token nor a cookie"),
        (httpx.Response(200, text="not JSON"), "neither access_token nor a cookie"),
        (httpx.Response(200, json=["list"]), "neither access_token nor a cookie"),
    ],
)
def test_login_that_leads_nowhere_says_what_came_back(answer: httpx.Response, reason: str) -> None:
    with pytest.raises(Inconclusive, match=reason):
        identity_of(Login(request=REQUEST, users=USERS), lambda _: answer)


def test_login_without_users_says_what_to_declare() -> None:
    with pytest.raises(Inconclusive) as reason:
        identity_of(Login(request=REQUEST), lambda _: httpx.Response(200))
    assert reason.value.undeclared == "login.users"


@pytest.mark.parametrize(
    ("static", "headers"),
    [
        ({"bearer_env": "KEY"}, {"Authorization": "Bearer from-env"}),
        ({"api_key": {"header": "X-Key", "env": "KEY"}}, {"X-Key": "from-env"}),
        ({"api_key": {"value": "written"}}, {"X-Api-Key": "written"}),
        (
            {"basic": {"name": "ann", "env": "KEY"}},
            {"Authorization": "Basic " + base64.b64encode(b"ann:from-env").decode()},
        ),
        (
            {"basic": {"name": "ann", "password": "pw"}},
            {"Authorization": "Basic " + base64.b64encode(b"ann:pw").decode()},
        ),
        (
            {"basic": {"user_env": "WHO", "password_env": "KEY"}},
            {"Authorization": "Basic " + base64.b64encode(b"ann:from-env").decode()},
        ),
        ({"cookie": {"name": "sid", "env": "KEY"}}, {"Cookie": "sid=from-env"}),
        ({"cookie": "sid=abc"}, {"Cookie": "sid=abc"}),
    ],
)
def test_static_kinds_need_no_request(static: dict[str, Any], headers: dict[str, str]) -> None:
    identity, seen = identity_of(Login(static=static), environment={"KEY": "from-env", "WHO": "ann"})
    assert identity.headers == headers
    assert seen == []


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
def test_token_is_signed_with_the_configured_key_and_algorithm(algorithm: str) -> None:
    login = Login(static={"jwt": {"secret_env": "KEY", "algorithm": algorithm, "claims": {"sub": "alice"}}})
    identity, _ = identity_of(login, environment={"KEY": "signing-key"})
    assert identity.headers == {"Authorization": f"Bearer {identity.token}"}
    head, claims, signature = identity.token.split(".")
    expected = hmac.new(b"signing-key", f"{head}.{claims}".encode(), f"sha{algorithm[2:]}").digest()
    assert base64.urlsafe_b64decode(signature + "=" * (-len(signature) % 4)) == expected
    assert json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))["alg"] == algorithm
    decoded = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
    assert decoded["sub"] == "alice"
    assert decoded["exp"] > decoded["iat"]


@pytest.mark.parametrize("algorithm", ["RS256", "XX9"])
def test_a_secret_that_cannot_sign_is_inconclusive(algorithm: str) -> None:
    login = Login(static={"jwt": {"secret_env": "KEY", "algorithm": algorithm}})
    with pytest.raises(Inconclusive, match=f"cannot sign with {algorithm}"):
        identity_of(login, environment={"KEY": "signing-key"})


@pytest.mark.parametrize(
    "static", [{"bearer_env": "GONE"}, {"jwt": {"secret_env": "GONE"}}, {"api_key": {}}, {"unknown": 1}]
)
def test_missing_static_secret_is_inconclusive(static: dict[str, Any]) -> None:
    with pytest.raises(Inconclusive):
        identity_of(Login(static=static))


def test_masking_leaves_names_and_attributes() -> None:
    exchange = Exchange(
        entry="direct",
        purpose=StatusClass.PRIVATE,
        method="GET",
        url="http://api:8000/me?key=long-secret",
        request_headers=(
            ("AUTHORIZATION", "Bearer x"),
            ("cookie", "sid=x"),
            ("X-Key", "long-secret"),
            ("accept", "*/*"),
        ),
        headers=(
            ("Set-Cookie", "sid=abc; HttpOnly"),
            ("set-cookie", "gone=; Max-Age=0"),
            ("x-echo", "a long-secret b"),
        ),
        body="long-secret and short",
    )
    clean = masked(exchange, frozenset({"long-secret", "short"}))
    assert clean.request_headers == (("AUTHORIZATION", MASK), ("cookie", MASK), ("X-Key", MASK), ("accept", "*/*"))
    assert clean.headers == (
        ("Set-Cookie", "sid=***; HttpOnly"),
        ("set-cookie", "gone=; Max-Age=0"),
        ("x-echo", "a *** b"),
    )
    assert clean.url.endswith("key=***")
    assert clean.body == "*** and short"
    assert masked(exchange, hide_body=True).body == MASK
