from __future__ import annotations

import base64
import contextlib
import dataclasses
import functools
import http.server
import itertools
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from readiness.exceptions import GatherError, StackError
from readiness.facts._codec import decode, encode
from readiness.facts.auth import AuthTrials, Guesses, Isolation, Tokens, TrialKind
from readiness.facts.http import Exchange, StatusClass
from readiness.gather import auth_operations, auth_passwords, auth_stores, auth_tokens, gatherer_meta, redis_search
from readiness.gather import auth_trials as module
from readiness.gather.auth_asking import Asker, user_named
from readiness.gather.auth_guesses import try_guesses
from readiness.gather.auth_keys import default_keys
from readiness.gather.auth_operations import try_operations
from readiness.gather.auth_passwords import try_passwords
from readiness.gather.auth_records import try_records
from readiness.gather.auth_stores import store_lifetimes
from readiness.gather.auth_tokens import try_tokens
from readiness.gather.auth_trials import unlimited
from readiness.instruments.client import HttpClient
from readiness.instruments.identity import Identity
from readiness.runtime import Capability, Endpoint
from readiness.target import Compose, Entry, Limit, Login, Paths, ProcessSpec, Request, Role, Target
from readiness.verdict import Inconclusive

KEY = "the-services-own-signing-key-of-forty-ch"
REGISTER = Request(method="POST", path="/register", json={"name": "{name}", "password": "{password}"})
LOGIN = Request(method="POST", path="/login", json={"name": "{name}", "password": "{password}"})
REFRESH = Request(method="POST", path="/refresh", json={"token": "{refresh_token}"})
DOCUMENT: dict[str, Any] = {
    "openapi": "3.1.0",
    "paths": {
        "/me": {"get": {}},
        "/notes": {"post": {}, "get": {}},
        "/notes/{id}": {
            "get": {"parameters": [{"name": "id", "in": "path", "required": True, "schema": {"type": "integer"}}]}
        },
        "/open": {"get": {}},
        "/admin/users": {"get": {}},
        "/login": {"post": {}},
    },
}


@dataclass
class Shop:
    """A small service that refuses what it should, except where told otherwise."""

    verifies: bool = True
    isolates: bool = True
    believes_roles: bool = False
    accepts_prefix: bool = False
    swaps_refresh: bool = False
    refuse_next: int = 0
    most_guesses: int | None = None
    locked_status: int = 429
    failed: int = 0
    passwords: dict[str, str] = field(default_factory=dict)
    admins: set[str] = field(default_factory=set)
    notes: list[tuple[str, str]] = field(default_factory=list)
    refreshes: dict[str, str] = field(default_factory=dict)
    served: int = 0

    def token(self, name: str) -> str:
        now = int(time.time())
        return jwt.encode({"iss": "shop", "sub": name, "iat": now, "exp": now + 900}, KEY, algorithm="HS256")

    def who(self, authorization: str) -> str | None:
        scheme, _, text = authorization.partition(" ")
        if scheme != "Bearer":
            return None
        if self.swaps_refresh and text in self.refreshes:
            return self.refreshes[text]
        try:
            options: Any = {"verify_signature": self.verifies, "verify_exp": True, "verify_iss": True}
            return str(jwt.decode(text, KEY, algorithms=["HS256"], issuer="shop", options=options)["sub"])
        except (jwt.InvalidTokenError, ValueError):
            return None

    def answer(self, method: str, path: str, authorization: str, body: bytes) -> tuple[int, str]:  # noqa: C901, PLR0911, PLR0912  # one flat table
        self.served += 1
        if self.refuse_next > 0:
            self.refuse_next -= 1
            return 429, ""
        said = json.loads(body) if body else {}
        match method, path:
            case "POST", "/register":
                if said["name"] in self.passwords:
                    return 409, ""
                self.passwords[said["name"]] = said["password"]
                if self.believes_roles and said.get("is_admin"):
                    self.admins.add(said["name"])
                return 201, "{}"
            case "POST", "/login":
                right = self.passwords.get(said["name"])
                given = said["password"]
                if self.most_guesses is not None and self.failed >= self.most_guesses:
                    return self.locked_status, ""
                is_right = given == right or (self.accepts_prefix and right is not None and given[:8] == right[:8])
                if not is_right:
                    self.failed += 1
                    return 401, ""
                refresh = f"refresh-token-of-{said['name']}-{self.served}"
                self.refreshes[refresh] = said["name"]
                return 200, json.dumps({"access_token": self.token(said["name"]), "refresh": refresh})
            case "POST", "/refresh":
                name = self.refreshes.get(said.get("token", ""))
                return (200, json.dumps({"access_token": self.token(name)})) if name else (401, "")
            case "GET", "/open":
                return 200, "{}"
        name = self.who(authorization)
        if name is None:
            return 401, ""
        match method, path.split("/")[1:]:
            case "GET", ["me"]:
                return 200, "{}"
            case "GET", ["admin", "users"]:
                return (200, "[]") if name in self.admins else (403, "")
            case "POST", ["notes"]:
                self.notes.append((name, "note"))
                return 201, json.dumps({"data": {"id": len(self.notes) - 1}})
            case "GET", ["notes"]:
                mine = [{"id": i} for i, (owner, _) in enumerate(self.notes) if owner == name or not self.isolates]
                return 200, json.dumps(mine)
            case "GET" | "PUT" | "DELETE", ["notes", place] if place.isdecimal() and int(place) < len(self.notes):
                owner, text = self.notes[int(place)]
                if text and (owner == name or not self.isolates):
                    if method != "GET":
                        self.notes[int(place)] = (owner, said.get("text", "note") if method == "PUT" else "")
                    return 200, json.dumps({"id": int(place), "text": text})
        return 404, ""


@contextlib.contextmanager
def serving(shop: Shop) -> Iterator[int]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def handle_one_request(self) -> None:
            self.raw_requestline = self.rfile.readline(65537)
            if not self.raw_requestline or not self.parse_request():
                self.close_connection = True
                return
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            status, text = shop.answer(self.command, self.path, self.headers.get("authorization", ""), body)
            self.send_response(status)
            for name, value in {"Content-Length": str(len(text)), "Retry-After": "7"}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(text.encode())
            self.close_connection = True

        def log_message(self, *arguments: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


@dataclass
class FakeStack:
    port: int
    runtime: str = "compose"
    capabilities: frozenset[Capability] = frozenset(Capability)
    services: tuple[str, ...] = ("api",)
    log: str = "started"
    is_gone: bool = False

    def endpoint(self, service: str, port: int) -> Endpoint:
        if self.is_gone:
            raise StackError(f"{service} is not running")
        return Endpoint(host="127.0.0.1", port=self.port)

    def environment(self, service: str) -> Mapping[str, str]:
        return {"JWT_SECRET": KEY}

    def logs(self, service: str, *, since: object = None, tail: int = 1000) -> str:
        return self.log


def never_sleep(seconds: float) -> None:
    raise AssertionError(f"slept {seconds} s")


def shop_target(**changes: Any) -> Target:
    login = Login(
        register=REGISTER,
        request=LOGIN,
        users=({"name": "alice", "password": "alice-long-password"},),
        admin={"name": "root", "password": "root-long-password"},
        key={"env": "JWT_SECRET"},
        refresh=REFRESH,
        refresh_token="refresh",
    )
    login = Login(**{**vars(login), **changes.pop("login", {})})
    values: dict[str, Any] = {
        "name": "shop",
        "folder": "/nowhere",
        "service": "api",
        "entries": (Entry(name="direct", service="api", port=8000),),
        "paths": Paths(private=Request(path="/me", as_user="user")),
        "login": login,
        "openapi": DOCUMENT,
        "extra": {
            "access": {"public": ["POST /login"], "admin": ["/admin/*"]},
            "record": {
                "create": {"method": "POST", "path": "/notes", "json": {}, "as": "user", "id": "data.id"},
                "read": {"path": "/notes/{id}", "as": "user"},
                "list": {"path": "/notes", "as": "user"},
                "delete": {"method": "DELETE", "path": "/notes/{id}", "as": "user"},
            },
        },
    }
    return Target(**{**values, **changes})


def tried(
    attempt: Callable[[Asker], Any],
    shop: Shop | None = None,
    target: Target | None = None,
    *,
    sleep: Callable[[float], None] = never_sleep,
    **stack: Any,
) -> Any:
    shop = shop or Shop()
    shop.passwords.setdefault("root", "root-long-password")
    shop.admins.add("root")
    with serving(shop) as port:
        fake: Any = FakeStack(port, **stack)
        with HttpClient(fake, timeout_seconds=5) as client:
            return attempt(Asker(target or shop_target(), fake, client, sleep=sleep))


def statuses(tokens: Tokens, kind: TrialKind) -> set[int | None]:
    return {trial.status for trial in tokens.trials if trial.kind is kind}


def test_a_sound_service_refuses_every_token_but_its_own() -> None:
    tokens: Tokens = tried(try_tokens)
    assert (tokens.with_token, tokens.without_token, tokens.after) == (200, 401, 200)
    assert (tokens.is_jwt, tokens.algorithm, tokens.claims) == (True, "HS256", ("exp", "iat", "iss", "sub"))
    kinds = {trial.kind for trial in tokens.trials}
    assert kinds == set(TrialKind) - {TrialKind.PASSWORD, TrialKind.RECORD}
    for kind in kinds - {TrialKind.MALFORMED}:
        assert statuses(tokens, kind) == {401}, kind
    # The huge one is beyond what this server reads of a line.
    assert statuses(tokens, TrialKind.MALFORMED) <= {401, 431}
    assert (tokens.refreshed, tokens.refreshed_works) == (200, 200)
    assert [(life.token, life.seconds) for life in tokens.lifetimes] == [("access", 900.0)]
    assert tokens.not_tried == {}


def test_a_service_that_verifies_nothing_accepts_what_was_changed() -> None:
    tokens = tried(try_tokens, Shop(verifies=False))
    assert statuses(tokens, TrialKind.TAMPERED) == {200}
    assert 200 in statuses(tokens, TrialKind.DEFAULT_KEY)
    assert statuses(tokens, TrialKind.EXPIRED) == {401}


def test_a_refresh_token_that_opens_the_api_is_seen() -> None:
    tokens = tried(try_tokens, Shop(swaps_refresh=True))
    assert {t.name: t.status for t in tokens.trials if t.kind is TrialKind.REFRESH} == {
        "a refresh token, used as an access token": 200,
        "an access token, used as a refresh token": 401,
    }


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ({}, "login.key is not declared"),
        ({"env": "OTHER"}, "no variable OTHER"),
        ({"file": "nowhere.pem"}, "no readable file"),
    ],
)
def test_without_the_key_it_is_said_what_could_not_be_tried(key: dict[str, str], reason: str) -> None:
    tokens = tried(try_tokens, target=shop_target(login={"key": key}))
    assert set(tokens.not_tried) == {"confusion", "expired", "issuer"}
    assert all(reason in why for why in tokens.not_tried.values())
    assert statuses(tokens, TrialKind.TAMPERED) == {401}


def test_a_key_that_is_not_in_use_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FakeStack, "environment", lambda self, service: {"JWT_SECRET": "another-key" * 4})
    tokens = tried(try_tokens)
    assert "not the key in use" in tokens.not_tried["expired"]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"login": {"users": ()}}, "no user to log in"),
        ({"login": {"token": "elsewhere"}}, "neither elsewhere nor a cookie"),
        ({"paths": Paths()}, "no path is known that needs a login"),
    ],
)
def test_a_login_that_leads_nowhere_is_a_problem_and_no_crash(changes: dict[str, Any], reason: str) -> None:
    tokens = tried(try_tokens, target=shop_target(**changes))
    assert reason in tokens.problem
    assert tokens.trials == ()


def test_an_opaque_token_is_damaged_and_not_forged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Shop, "token", lambda self, name: f"opaque-token-of-{name}")
    monkeypatch.setattr(Shop, "who", lambda self, a: "x" if a == "Bearer opaque-token-of-auth-a-alice" else None)
    tokens = tried(try_tokens)
    assert not tokens.is_jwt
    assert {t.kind for t in tokens.trials} == {TrialKind.TAMPERED, TrialKind.MALFORMED, TrialKind.REFRESH}


@dataclass
class CookieShop(Shop):
    """Sessions in a cookie, beside one that identifies nobody; a refused login shows the form again."""

    def answer(self, method: str, path: str, authorization: str, body: bytes) -> tuple[int, str]:
        if path == "/login" and super().answer(method, path, authorization, body)[0] != 200:
            return 200, "<form>"
        return super().answer(method, path, authorization, body)


def test_the_cookie_that_identifies_is_the_one_that_is_damaged() -> None:
    who = Identity(name="alice", headers={"Cookie": "theme=dark-and-very-long-value; sid=s3cr3t-session"})
    asked: list[str] = []

    def send(request: Request, headers: Mapping[str, str] | None = None) -> Any:
        asked.append((headers or {}).get("Cookie", ""))
        is_in = "sid=s3cr3t-session" in asked[-1]
        return Exchange(entry="x", purpose=StatusClass.OK, method="GET", url="/me", status=200 if is_in else 401)

    asker: Any = SimpleNamespace(send=send)
    assert auth_tokens._credential(asker, Request(path="/me"), who) == "s3cr3t-session"
    assert asked == ["sid=s3cr3t-session", "theme=dark-and-very-long-value"]


@pytest.mark.parametrize(
    ("who", "credential"),
    [
        (Identity(name="x", headers={"Authorization": "Bearer abc"}, token="abc"), "abc"),
        (Identity(name="x", headers={"X-Api-Key": "key-1"}, secrets=frozenset({"key-1"})), "key-1"),
        (
            Identity(name="x", headers={"Authorization": "Basic YTpi"}, secrets=frozenset({"b", "YTpi"})),
            "YTpi",
        ),
        (Identity(name="x"), ""),
    ],
)
def test_what_identifies_is_found_for_every_kind_of_login(who: Identity, credential: str) -> None:
    assert auth_tokens._credential(SimpleNamespace(), Request(path="/me"), who) == credential  # type: ignore[arg-type]  # asks nothing


def test_a_form_that_is_shown_again_is_a_refusal() -> None:
    found = tried(try_passwords, CookieShop())
    assert {(t.before, t.status) for t in found.trials} == {(200, 401)}


@pytest.mark.parametrize(
    ("password", "left_out"),
    [
        ("alice123", ["the first eight characters of the password"]),
        ("1234567890", ["the password in other case"]),
        ("alice-long-password", []),
    ],
)
def test_a_variant_that_is_the_password_is_no_wrong_one(password: str, left_out: list[str]) -> None:
    target = shop_target(login={"register": None, "users": ({"name": "alice", "password": password},)})
    found = tried(try_passwords, Shop(passwords={"alice": password}), target)
    assert {(trial.before, trial.status) for trial in found.trials} == {(200, 401)}
    assert len(found.trials) == 6 - len(left_out)
    told = [words for words in found.not_tried if "72nd byte" not in words]
    assert told == [f"{words}: that is the password itself" for words in left_out]


@pytest.mark.parametrize("everybody_gets_one", [True, False])
def test_a_cookie_that_everybody_gets_tells_nothing_of_a_password(everybody_gets_one: bool) -> None:
    form = Request(method="POST", path="/login", form={"u": "{name}", "p": "{password}"}, expect=(302,))
    login = Login(request=form, users=({"name": "alice", "password": "alice-long-password"},))
    target = Target(name="x", folder=".", entries=(Entry(name="d", service="api", port=1),), login=login)

    class Fake:
        entry = target.entries[0]
        sent_login = Asker.sent_login

        def __init__(self) -> None:
            self.target = target

        def send(self, request: Request, headers: Mapping[str, str] | None = None) -> Exchange:
            # Compares eight characters only.
            is_right = str((request.form or {})["p"]).startswith("alice-lo")
            gets = is_right or everybody_gets_one
            cookie = (("set-cookie", "connect.sid=abc; Path=/"),) if gets else ()
            return Exchange(entry="d", purpose=StatusClass.OK, method="POST", url="u", status=302, headers=cookie)

    asker: Any = Fake()
    attempts = auth_passwords._Attempts(asker, form, None)
    trials = list(attempts.wrong(login.users[0], {"another password": "no", "the first eight": "alice-lo"}))
    assert [trial.before for trial in trials] == [200, 200]
    assert [trial.status for trial in trials] == ([None, None] if everybody_gets_one else [401, 200])
    assert all(("paths.private" in trial.error) is everybody_gets_one for trial in trials)


def test_a_limiter_is_waited_for_as_long_as_it_says_and_not_for_ever() -> None:
    waits: list[float] = []
    tokens = tried(try_tokens, Shop(refuse_next=2), sleep=waits.append)
    assert waits == [8.0, 8.0]
    assert tokens.with_token == 200
    waits.clear()
    tokens = tried(try_tokens, Shop(refuse_next=10_000), sleep=waits.append)
    assert sum(waits) == 120.0
    assert "429" in tokens.problem


def test_after_its_time_nothing_is_sent_any_more() -> None:
    ticks = iter([0.0, 1.0])
    fake: Any = FakeStack(1)
    asker = Asker(shop_target(), fake, cast("HttpClient", None), clock=lambda: next(ticks, 1000.0))
    asker._deadline = 0.5
    assert "are over" in (asker.send(Request(path="/me")).error or "")
    assert asker.send_bytes(Request(path="/me"), {}, entry=asker.entry)[0] is None
    with pytest.raises(Inconclusive, match="are over"):
        asker.log_in({"name": "alice", "password": "x"})


def test_a_service_that_is_gone_is_told_and_not_raised() -> None:
    assert "is not running" in tried(_sent_when_gone).error


def _sent_when_gone(asker: Asker) -> Any:
    asker.stack.is_gone = True  # type: ignore[attr-defined]  # a fake
    return asker.send(Request(path="/me"))


def test_every_operation_that_is_not_public_is_asked_as_everybody() -> None:
    found = tried(try_operations)
    by_name = {trial.operation: trial for trial in found.tried}
    assert set(by_name) == {"GET /me", "GET /notes", "POST /notes", "GET /notes/{id}", "GET /open", "GET /admin/users"}
    assert set(by_name["GET /me"].anonymous.values()) == {401}
    assert by_name["GET /me"].user is None
    assert set(by_name["GET /open"].anonymous.values()) == {200}
    assert by_name["GET /notes/{id}"].request == "GET /notes/2000000011 via direct"
    guarded = by_name["GET /admin/users"]
    assert (guarded.is_admin, guarded.user, guarded.admin) == (True, 403, 200)
    assert found.role_raise.status == 403


def test_a_role_that_is_taken_from_the_registration_is_seen() -> None:
    assert tried(try_operations, Shop(believes_roles=True)).role_raise.status == 200


class Hiding(Shop):
    """Answers 404 to whoever is no administrator, as if there were nothing."""

    def answer(self, method: str, path: str, authorization: str, body: bytes) -> tuple[int, str]:
        status, text = super().answer(method, path, authorization, body)
        return (404, "") if status == 403 else (status, text)


def test_a_role_is_raised_where_the_administrator_succeeds() -> None:
    document = {**DOCUMENT, "paths": {"/admin/orders/{id}": {"get": {}}, **DOCUMENT["paths"]}}
    found = tried(try_operations, Hiding(), shop_target(openapi=document))
    assert found.role_raise.request == "GET /admin/users via direct"
    assert found.role_raise.status == 404
    assert not found.is_admin_by_cookie


def test_without_a_declaration_what_the_document_does_not_mark_is_named() -> None:
    paths = {"/me": {"get": {"security": [{"bearer": []}]}}, "/open": {"get": {}}, "/login": {"post": {}}}
    found = tried(try_operations, target=shop_target(openapi={"openapi": "3.1.0", "paths": paths}, extra={}))
    assert [trial.operation for trial in found.tried] == ["GET /me"]
    assert found.unmarked == ("GET /open", "POST /login")
    declared = {"access": {"public": ["POST /login"]}}
    assert tried(try_operations, target=shop_target(extra=declared)).unmarked == ()


@pytest.mark.parametrize("prefix", ["", "/api"])
def test_operations_are_asked_once_below_the_entry_s_base(prefix: str) -> None:
    asked: list[str] = []

    class Based(Shop):
        def answer(self, method: str, path: str, authorization: str, body: bytes) -> tuple[int, str]:
            asked.append(path)
            assert path.startswith("/api/")
            return super().answer(method, path.removeprefix("/api"), authorization, body)

    document = {**DOCUMENT, "servers": [{"url": "/api"}]}
    access = {
        "public": [f"POST {prefix}/login"],
        "admin": [f"{prefix}/admin/*"],
        "requests": [{"path": "/notes/0", "as": "user"}],
    }
    entries = (Entry(name="direct", service="api", port=8000, base="/api"),)
    found = tried(try_operations, Based(), shop_target(openapi=document, entries=entries, extra={"access": access}))
    by_name = {trial.operation: trial for trial in found.tried}
    assert by_name["GET /api/me"].request == "GET /me via direct"
    assert by_name["GET /api/notes/{id}"].request == "GET /notes/0 via direct"
    guarded = by_name["GET /api/admin/users"]
    assert (guarded.is_admin, guarded.user, guarded.admin) == (True, 403, 200)
    assert "POST /api/login" not in by_name
    assert not [path for path in asked if path.startswith("/api/api")]


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("^[0-9a-f]{24}$", "0" * 24),
        ("^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$", "00000000-0000-4000-8000-000000000000"),
        ("^[a-z-]+$", "readiness-no-such-one"),
        # Not tried, because they can take longer than any audit: nested, alternative, or many after each other.
        ("^(([a-z0-9])+.)+[A-Z]$", "readiness-no-such-one"),
        ("^(a|a?)+$", "readiness-no-such-one"),
        ("0*0*0*0*0*0*0*0*0*0*0*0*x", "readiness-no-such-one"),
        ("[z-a]", "readiness-no-such-one"),
    ],
)
def test_a_value_is_made_up_by_harmless_patterns_only(pattern: str, text: str) -> None:
    assert auth_operations._value({"type": "string", "pattern": pattern}) == text


@pytest.mark.parametrize(
    ("place", "path", "expected"),
    [
        ("/notes/0", "/notes/{id}", True),
        ("/notes/", "/notes/{id}", False),
        ("/notes/0/text", "/notes/{id}", False),
        ("/files/a.json", "/files/{name}.json", True),
        ("/files/a.xml", "/files/{name}.json", False),
        ("/" + "0" * 40, "/" + "{a}" * 40 + "x", False),
    ],
)
def test_a_path_is_found_in_the_document_step_by_step(place: str, path: str, expected: bool) -> None:
    assert auth_operations._is_at(place, path) is expected


def test_without_a_document_the_declared_requests_are_asked() -> None:
    extra = {"access": {"requests": [{"path": "/notes", "as": "user"}]}}
    found = tried(try_operations, target=shop_target(openapi=None, extra=extra))
    assert [trial.operation for trial in found.tried] == ["GET /me", "GET /notes"]


def test_a_given_request_stands_for_its_operation() -> None:
    extra = {"access": {"requests": [{"path": "/notes/0", "as": "user"}]}}
    found = tried(try_operations, target=shop_target(extra=extra))
    assert "GET /notes/0 via direct" in {trial.request for trial in found.tried}


@pytest.mark.parametrize(
    ("changes", "undeclared"),
    [({"extra": {}}, "access"), ({"extra": {}, "declined": {"access": "all public"}}, "")],
)
def test_nothing_is_asked_where_nothing_says_what_is_public(changes: dict[str, Any], undeclared: str) -> None:
    found = tried(try_operations, target=shop_target(**changes))
    assert found.problem
    assert found.undeclared == undeclared
    assert found.tried == ()


def effects(found: Isolation) -> dict[str, tuple[int | None, int | None, bool | None]]:
    return {trial.name: (trial.before, trial.status, trial.took_effect) for trial in found.trials}


def test_a_stranger_is_refused_and_the_owner_is_not() -> None:
    found = tried(try_records)
    assert effects(found) == {"reads": (200, 404, True), "deletes": (200, 404, False), "lists": (200, 200, False)}
    assert (found.changed, found.not_told) == ((), ())


def test_a_stranger_who_may_do_everything_is_seen() -> None:
    waits: list[float] = []
    target = shop_target()
    target.extra["record"]["update"] = {"method": "PUT", "path": "/notes/{id}", "json": {"text": "new"}, "as": "user"}
    found = tried(try_records, Shop(isolates=False), target, sleep=waits.append)
    assert effects(found) == {
        "reads": (200, 200, True),
        "lists": (200, 200, True),
        "changes": (404, 200, True),
        "deletes": (404, 200, True),
    }
    assert all(1 < seconds < 5 for seconds in waits)


class RowLevel(Shop):
    """Every question is a query: what somebody may not see is an empty list, and no row is changed with a 204."""

    is_filtered = True

    def answer(self, method: str, path: str, authorization: str, body: bytes) -> tuple[int, str]:
        if not path.startswith("/rest/notes"):
            return super().answer(method, path, authorization, body)
        who = self.who(authorization)
        if who is None:
            return 401, ""
        if method == "POST":
            self.notes.append((who, "note"))
            return 201, json.dumps({"id": len(self.notes) - 1})
        rows: list[dict[str, Any]] = [
            {"id": number, "text": text}
            for number, (owner, text) in enumerate(self.notes)
            if text and (owner == who or not self.is_filtered) and path.endswith(f"=eq.{number}")
        ]
        if method == "GET":
            return 200, json.dumps(rows)
        for row in rows:
            self.notes[row["id"]] = (self.notes[row["id"]][0], "")
        return 204, ""


def row_level_target(**changes: Any) -> Target:
    record = {
        "create": {"method": "POST", "path": "/rest/notes", "json": {}, "as": "user", "id": "id"},
        "read": {"path": "/rest/notes?id=eq.{id}", "as": "user"},
        "delete": {"method": "DELETE", "path": "/rest/notes?id=eq.{id}", "as": "user"},
    }
    return shop_target(extra={"record": {name: raw for name, raw in {**record, **changes}.items() if raw is not None}})


def test_an_empty_answer_and_no_row_deleted_are_refusals() -> None:
    found = tried(try_records, RowLevel(), row_level_target())
    assert effects(found) == {"reads": (200, 200, False), "deletes": (204, 204, False)}
    assert (found.changed, found.not_told) == ((), ())


def test_rows_that_everybody_sees_and_deletes_are_seen() -> None:
    shop = RowLevel()
    shop.is_filtered = False
    found = tried(try_records, shop, row_level_target(), sleep=lambda _: None)
    assert effects(found) == {"reads": (200, 200, True), "deletes": (204, 204, True)}


def test_a_success_whose_effect_nobody_can_see_is_not_told() -> None:
    found = tried(try_records, RowLevel(), row_level_target(read=None))
    assert effects(found) == {"deletes": (204, 204, None)}


class Paged(Shop):
    """Lists come in pages, whose numbers are no ids."""

    def answer(self, method: str, path: str, authorization: str, body: bytes) -> tuple[int, str]:
        status, text = super().answer(method, path, authorization, body)
        if (method, path, status) != ("GET", "/notes", 200):
            return status, text
        items = json.loads(text)
        page = {"items": items, "total": len(items), "page": 1, "size": 50, "pages": 1, "owner": {"id": 1}}
        return status, json.dumps(page)


@pytest.mark.parametrize("isolates", [True, False])
def test_the_number_of_a_page_is_no_record_in_it(isolates: bool) -> None:
    shop = Paged(isolates=isolates, notes=[("seed", "x")])  # the record is number 1
    found = tried(try_records, shop, sleep=lambda _: None)
    assert effects(found)["lists"] == (200, 200, not isolates)


class Enveloped(Shop):
    """Every answer has an id of its own, and a record turns from new to stored by itself, a few requests later."""

    born = 0

    def answer(self, method: str, path: str, authorization: str, body: bytes) -> tuple[int, str]:
        status, text = super().answer(method, path, authorization, body)
        if method == "POST" and path == "/notes":
            self.born = self.served
        if method == "GET" and path.startswith("/notes/") and status == 200:
            data = {**json.loads(text), "state": "new" if self.served < self.born + 8 else "stored"}
            return status, json.dumps({"data": data, "meta": {"request": self.served}})
        return status, text


def test_what_changes_by_itself_is_nobodys_doing() -> None:
    shop, target = Enveloped(), shop_target()
    target.extra["record"]["update"] = {"method": "PUT", "path": "/notes/{id}", "json": {"text": "new"}, "as": "user"}
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        shop.served += 100

    found = tried(try_records, shop, target, sleep=sleep)
    assert waits, "nothing changed by itself"
    assert (found.changed, found.not_told) == ((), ())
    assert {trial.status for trial in found.trials if trial.name != "lists"} == {404}


class Quiet(Shop):
    """Refuses a stranger's deletion, and deletes."""

    def answer(self, method: str, path: str, authorization: str, body: bytes) -> tuple[int, str]:
        status, text = super().answer(method, path, authorization, body)
        if method == "DELETE" and status == 404 and self.who(authorization):
            number = int(path.rpartition("/")[2])
            self.notes[number] = (self.notes[number][0], "")
        return status, text


def test_a_refused_deletion_that_happened_is_seen() -> None:
    assert tried(try_records, Quiet(), sleep=lambda _: None).changed == ("the owner's record is gone: 404 afterwards",)


def test_a_record_that_everybody_reads_is_not_tried_but_said() -> None:
    target = shop_target()
    target.extra["record"]["read"] = "/notes/{id}"
    found = tried(try_records, target=target)
    assert found.public == ("GET /notes/{id} via direct",)
    assert {t.name for t in found.trials} == {"deletes", "lists"}


def test_records_without_a_declaration_are_not_tried() -> None:
    assert tried(try_records, target=shop_target(extra={})).undeclared == "record"
    single = shop_target(login={"register": None})
    assert "two users" in tried(try_records, target=single).problem


class Postgres:
    """Answers the statements of a search with prepared rows, of which only the beginning is given."""

    def __init__(self, rows: Callable[[str], list[dict[str, str]]], databases: tuple[str, ...] = ("shop",)) -> None:
        self._rows, self._databases = rows, databases
        self.asked: list[str] = []

    def __call__(self, stack: Any, service: str, statement: str, *, database: str = "", **options: Any) -> str:
        if "pg_database" in statement:
            return json.dumps(self._databases)
        self.asked.append(database)
        if database != self._databases[-1]:
            return "[]"
        if "pg_class" in statement:
            return json.dumps(["public.users"])
        secret = f"Qx7-{password_in(statement)}"
        lines = [json.dumps(row) for row in self._rows(statement)]
        return json.dumps(
            [["public.users", line[:4000], "auth-canary-alice" in line, secret in line] for line in lines]
        )


def password_in(statement: str) -> str:
    return statement.partition("strpos(t::text, 'Qx7-")[2].partition("'")[0]


def with_stores(monkeypatch: pytest.MonkeyPatch, postgres: Any, redis: Any) -> Target:
    monkeypatch.setattr(auth_stores, "ask_postgres", postgres)
    monkeypatch.setattr(redis_search, "ask_redis", redis)
    return shop_target(roles={Role.DB: ("db",), Role.REDIS: ("cache",)})


def test_passwords_are_tried_searched_and_their_hash_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    row = {"name": "auth-canary-alice", "password_hash": "$2b$12$" + "a" * 53, "note": "$6$"}
    target = with_stores(monkeypatch, Postgres(lambda _: [row]), lambda *a, **k: '{"found": {}, "seen": 3}')
    found = tried(try_passwords, target=target, services=("api", "db", "cache"))
    assert len(found.trials) == 7
    assert {(t.before, t.status) for t in found.trials} == {(200, 401)}
    assert [(h.place, h.scheme, h.parameters) for h in found.hashes] == [
        ("users.password_hash", "bcrypt", {"cost": 12})
    ]
    assert {p.where for p in found.searched} == {
        "database db",
        "Redis cache",
        "log of api",
        "log of db",
        "log of cache",
    }
    assert not any(place.is_found for place in found.searched)
    assert found.not_searched == {}


def test_a_password_in_a_table_and_a_shortened_comparison_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    postgres = Postgres(lambda said: [{"name": "auth-canary-alice", "pw": f"Qx7-{password_in(said)}"}])
    target = with_stores(monkeypatch, postgres, lambda *a, **k: '{"found": [5000], "seen": 3}')
    found = tried(try_passwords, Shop(accepts_prefix=True), target, services=("api", "db", "cache"))
    assert [(h.scheme, h.place) for h in found.hashes] == [("plaintext", "users.pw")]
    assert {p.where: p.detail for p in found.searched if p.is_found} == {
        "database db": "public.users.pw",
        "Redis cache": "1 keys",
    }
    accepted = {t.name for t in found.trials if t.status == 200}
    assert "the first eight characters of the password" in accepted
    assert "a password that differs behind its 72nd byte" in accepted


def test_every_database_of_the_server_is_searched(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [{"name": "auth-canary-alice", "password_hash": "$2b$12$" + "a" * 53}]
    postgres = Postgres(lambda _: rows, databases=("postgres", "shop"))
    found = tried(
        try_passwords, target=with_stores(monkeypatch, postgres, lambda *a, **k: "{}"), services=("api", "db")
    )
    assert set(postgres.asked) == {"postgres", "shop"}
    assert [h.place for h in found.hashes] == ["users.password_hash"]
    assert found.not_searched == {}


def test_a_password_behind_a_long_column_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    postgres = Postgres(lambda said: [{"headers": "x" * 5000, "body": f"auth-canary-alice: Qx7-{password_in(said)}"}])
    found = tried(
        try_passwords, target=with_stores(monkeypatch, postgres, lambda *a, **k: "{}"), services=("api", "db")
    )
    assert {p.where: p.detail for p in found.searched if p.is_found} == {"database db": "public.users.?"}


def test_a_database_without_the_new_user_is_the_wrong_one(monkeypatch: pytest.MonkeyPatch) -> None:
    postgres = Postgres(lambda _: [{"name": "somebody", "password_hash": "$2b$12$" + "a" * 53}])
    target = with_stores(monkeypatch, postgres, lambda *a, **k: '{"found": {}, "seen": 3}')
    found = tried(try_passwords, target=target, services=("api", "db", "cache"))
    assert set(found.not_searched) == {"the user's own row"}
    target = with_stores(monkeypatch, postgres, lambda *a, **k: '{"found": [-1], "seen": 3}')
    assert tried(try_passwords, target=target, services=("api", "db", "cache")).not_searched == {}


def test_more_than_can_be_searched_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [{"name": "auth-canary-alice"}]
    many = tuple(f"shop{number}" for number in range(25))
    target = with_stores(monkeypatch, Postgres(lambda _: rows, many), lambda *a, **k: '{"seen": 20001}')
    found = tried(try_passwords, target=target, services=("api", "db", "cache"), log="line\n" * 20_000)
    assert "25 databases" in found.not_searched["database db"]
    assert "20000 keys" in found.not_searched["Redis cache"]
    assert "20000 lines" in found.not_searched["log of api"]
    target = with_stores(monkeypatch, Postgres(lambda _: rows), lambda *a, **k: '{"seen": 2, "unread": 1}')
    found = tried(try_passwords, target=target, services=("api", "db", "cache"))
    assert found.not_searched == {"Redis cache": "1 keys are too long, or of a module's own type"}


def test_a_password_is_looked_for_in_every_spelling_of_a_row() -> None:
    assert list(auth_stores._spellings('a"b\\')) == [
        'a"b\\', 'a""b\\\\', 'a\\"b\\\\', 'a\\\\""b\\\\\\\\', "6122625c",
    ]  # fmt: skip


def test_stores_that_cannot_be_read_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(*arguments: Any, **options: Any) -> str:
        raise GatherError("nobody is let in")

    target = with_stores(monkeypatch, refuses, refuses)
    found = tried(try_passwords, target=target, services=("api", "db", "cache"))
    assert set(found.not_searched) == {"database db", "Redis cache"}
    assert "database" in tried(try_passwords).not_searched


def test_a_password_in_a_log_is_told_without_telling_it(monkeypatch: pytest.MonkeyPatch) -> None:
    logged: list[str] = []
    answer = Shop.answer

    def noting(self: Shop, method: str, path: str, authorization: str, body: bytes) -> tuple[int, str]:
        logged.append(body.decode("latin-1"))
        return answer(self, method, path, authorization, body)

    monkeypatch.setattr(Shop, "answer", noting)
    monkeypatch.setattr(FakeStack, "logs", lambda self, service, **options: "\n".join(logged))
    found = tried(try_passwords)
    (place,) = found.searched
    assert place.is_found
    assert "***" in place.detail
    assert "Qx7-" not in place.detail


def test_no_secret_is_in_the_facts(monkeypatch: pytest.MonkeyPatch) -> None:
    shop = Shop()
    fact = AuthTrials(
        tokens=tried(try_tokens, shop),
        operations=tried(try_operations, shop),
        isolation=tried(try_records, shop),
        passwords=tried(try_passwords, shop),
    )
    text = json.dumps(encode(fact))
    assert decode(AuthTrials, json.loads(text)) == fact
    secrets = [KEY, "eyJ", *shop.passwords.values(), *shop.refreshes]
    assert [secret for secret in secrets if secret in text] == []


def test_example_files_and_compose_defaults_are_keys_to_try(tmp_path: Path) -> None:
    (tmp_path / ".env.example").write_text('JWT_SECRET="from-example"\nPORT=80\n# SECRET=comment\nEMPTY_KEY=\n')
    (tmp_path / "compose.yaml").write_text("x: ${SECRET_KEY:-from-compose} ${HOST:-localhost} ${A_TOKEN-plain}\n")
    target = shop_target(folder=str(tmp_path), compose=Compose(files=("compose.yaml",), env_file=".env.example"))
    keys, left_out = default_keys(target, in_force=KEY.encode())
    assert keys[b"from-example"] == ".env.example"
    assert keys[b"from-compose"] == keys[b"plain"] == "the defaults in compose.yaml"
    assert b"localhost" not in keys
    assert left_out == ""


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ("JWT_SECRET=dev-1f0c9a77 # change me", "dev-1f0c9a77"),
        ("JWT_SECRET=dev#1f0c9a77", "dev#1f0c9a77"),
        ('JWT_SECRET="dev # 1f0c9a77"  # change me', "dev # 1f0c9a77"),
        ("export JWT_SECRET = 'dev-1f0c9a77'", "dev-1f0c9a77"),
        ('JWT_KEY="-----BEGIN X-----\\nAAAA\\n"', "-----BEGIN X-----\nAAAA\n"),
        ("JWT_KEY='-----BEGIN X-----\nAAAA\n'", "-----BEGIN X-----\nAAAA\n"),
        ("JWT_SECRET=${JWT_SECRET:-dev-1f0c9a77}", "dev-1f0c9a77"),
        ("JWT_KEY_B64=cmVhbGx5LXNlY3JldA==", "really-secret"),
    ],
)
def test_example_files_are_read_as_dotenv_reads_them(tmp_path: Path, line: str, key: str) -> None:
    (tmp_path / ".env.example").write_text(f"A=1\n{line}\nB=2\n")
    keys, _ = default_keys(shop_target(folder=str(tmp_path)), in_force=None)
    assert keys[key.encode()] == ".env.example"
    assert next(iter(keys.values())) == ".env.example", "the owner's own are tried first"


def test_a_comment_alone_is_no_key(tmp_path: Path) -> None:
    (tmp_path / ".env.example").write_text("JWT_SECRET= # openssl rand -hex 32\n")
    keys, _ = default_keys(shop_target(folder=str(tmp_path)), in_force=None)
    assert ".env.example" not in keys.values()


def test_more_example_keys_than_are_tried_are_said(tmp_path: Path) -> None:
    (tmp_path / ".env.example").write_text("\n".join(f"KEY_{number}=key-number-{number}" for number in range(300)))
    keys, left_out = default_keys(shop_target(folder=str(tmp_path)), in_force=None)
    assert len(keys) == 200
    assert "300 keys" in left_out


def test_a_key_from_the_env_file_of_the_audit_is_the_audits(tmp_path: Path) -> None:
    (tmp_path / ".env.example").write_text("JWT_SECRET=from-example\nOTHER_KEY=other-example\n")
    target = shop_target(folder=str(tmp_path), compose=Compose(files=(), env_file=".env.example"))
    keys, left_out = default_keys(target, in_force=b"from-example")
    assert b"from-example" not in keys
    assert b"other-example" in keys
    assert "is one from .env.example" in left_out
    keys, left_out = default_keys(target, in_force=None)
    assert not {b"from-example", b"other-example"} & set(keys)
    assert "may be one from .env.example" in left_out


class Signing(Shop):
    """Signs and verifies with a pair of keys, or with the bytes that a setting encodes."""

    def __init__(self, algorithm: str, key: bytes, public: bytes) -> None:
        super().__init__()
        self.algorithm, self.key, self.public = algorithm, key, public

    def token(self, name: str) -> str:
        now = int(time.time())
        return jwt.encode({"iss": "shop", "sub": name, "iat": now, "exp": now + 900}, self.key, self.algorithm)

    def who(self, authorization: str) -> str | None:
        text = authorization.partition(" ")[2]
        try:
            return str(jwt.decode(text, self.public, algorithms=[self.algorithm], issuer="shop")["sub"])
        except (jwt.InvalidTokenError, ValueError):
            return None


@functools.cache
def pair_of_keys() -> tuple[bytes, bytes, bytes]:
    """A private key, the same one behind a password, and its public half."""
    pair = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem, kind = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    private = pair.private_bytes(pem, kind, serialization.NoEncryption())
    locked = pair.private_bytes(pem, kind, serialization.BestAvailableEncryption(b"x"))
    return private, locked, pair.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo)


def test_an_example_key_that_is_in_force_is_seen_in_every_form(tmp_path: Path) -> None:
    target = shop_target(folder=str(tmp_path), login={"key": {}, "refresh": None})
    private, _, public = pair_of_keys()
    one_line = private.decode().strip().replace("\n", "\\n")
    text = "cmVhbGx5LXNlY3JldC1rZXktb2YtdGhlLWV4YW1wbGU="
    for line, shop in (
        (f'JWT_PRIVATE_KEY="{one_line}"', Signing("RS256", private, public)),
        (f"JWT_PRIVATE_KEY={one_line}", Signing("RS256", private, public)),
        (f"JWT_SECRET={text}", Signing("HS256", base64.b64decode(text), base64.b64decode(text))),
        (
            "JWT_SECRET=a-key-of-an-example-that-is-long # change me",
            Signing("HS256", *[b"a-key-of-an-example-that-is-long"] * 2),
        ),
    ):
        (tmp_path / ".env.example").write_text(line + "\n")
        tokens = tried(try_tokens, shop, target)
        accepted = {trial.name for trial in tokens.trials if trial.status == 200}
        assert len(accepted) == 1, line
        assert all(".env.example" in name for name in accepted)


def test_words_prove_nothing_of_a_service_that_signs_with_a_private_key() -> None:
    private, _, public = pair_of_keys()
    tokens = tried(try_tokens, Signing("RS256", private, public), shop_target(login={"key": {}}))
    assert statuses(tokens, TrialKind.DEFAULT_KEY) == set()
    assert statuses(tokens, TrialKind.CONFUSION) == {401}
    assert "default_key" not in tokens.not_tried


@pytest.mark.parametrize("which", [1, 2], ids=["locked", "public"])
def test_a_key_that_cannot_sign_leaves_untold_what_needs_it(monkeypatch: pytest.MonkeyPatch, which: int) -> None:
    keys = pair_of_keys()
    monkeypatch.setattr(FakeStack, "environment", lambda self, service: {"JWT_SECRET": keys[which].decode()})
    tokens = tried(try_tokens, Signing("RS256", keys[0], keys[2]))
    assert set(tokens.not_tried) == {"confusion", "expired", "issuer"}
    assert "cannot sign with RS256" in tokens.not_tried["expired"]
    assert statuses(tokens, TrialKind.TAMPERED) == {401}


def test_a_key_in_the_settings_may_be_written_in_base64(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        FakeStack, "environment", lambda self, service: {"JWT_SECRET": base64.b64encode(KEY.encode()).decode()}
    )
    tokens = tried(try_tokens)
    assert tokens.not_tried == {}
    assert statuses(tokens, TrialKind.EXPIRED) == {401}


def test_a_default_key_that_the_audit_itself_put_in_force_is_not_held_against_the_service(tmp_path: Path) -> None:
    process = ProcessSpec(command=("x",), env={"JWT_SECRET": "changeme"})
    keys, left_out = default_keys(shop_target(processes={"api": process}), in_force=b"changeme")
    assert b"changeme" not in keys
    assert "put it there" in left_out
    keys, left_out = default_keys(shop_target(), in_force=b"changeme")
    assert b"changeme" in keys
    assert left_out == ""


def test_own_users_have_own_addresses_too() -> None:
    first = {"name": "alice", "email": "alice@example.com", "password": "p", "country": "NZ"}
    user = user_named(shop_target(login={"users": (first,)}).login, "auth", password="q")  # type: ignore[arg-type]  # it has a login
    assert user == {"name": "auth-alice", "email": "auth-alice@example.com", "password": "q", "country": "NZ"}
    declared = Login(request=LOGIN, users=(first,))
    assert user_named(declared, "auth", nth=0) == first
    assert user_named(declared, "auth", nth=1) is None
    assert user_named(Login(static={"bearer_env": "X"}), "auth") is None


def test_declared_limits_are_raised_for_the_volley() -> None:
    limits = (
        Limit(path="/x", requests=100, env={"requests": "PER_MINUTE", "enabled": "ON", "window_seconds": "WINDOW"}),
        Limit(path="/x", requests=9),
    )
    assert unlimited(shop_target(limits=limits)) == {"api": {"PER_MINUTE": "100000"}}
    assert unlimited(shop_target()) == {}


class Variants:
    """Yields one stack and keeps what was asked for."""

    def __init__(self, stack: Any) -> None:
        self.stack, self.asked = stack, []

    @contextlib.contextmanager
    def __call__(self, variant: Any) -> Iterator[Any]:
        self.asked.append(variant)
        if self.stack is None:
            raise Inconclusive("variant auth: attached stacks have none")
        yield self.stack


def run_gatherer(target: Target, variants: Any) -> AuthTrials:
    meta = gatherer_meta(module.auth_trials._get_wrapped_function())
    assert meta is not None
    fact = meta.function(target=target, variants=variants, progress=lambda *a, **k: None)
    assert isinstance(fact, AuthTrials)
    return fact


def test_everything_is_tried_in_a_stack_of_its_own_that_is_set_up_first() -> None:
    shop = Shop(most_guesses=50)
    with serving(shop) as port:
        variants = Variants(FakeStack(port))
        target = shop_target(
            setup=(Request(path="/open"),), limits=(Limit(path="/", requests=1, env={"requests": "N"}),)
        )
        fact = run_gatherer(target, variants)
    assert [(v.name, v.environment) for v in variants.asked] == [("auth", {"api": {"N": "100000"}})]
    assert fact.tokens.with_token == 200
    assert fact.isolation.trials


def test_guesses_that_a_raised_limit_let_through_are_tried_against_the_deployed_one() -> None:
    with serving(Shop()) as port:
        variants = Variants(FakeStack(port))
        fact = run_gatherer(shop_target(limits=(Limit(path="/", requests=1, env={"requests": "N"}),)), variants)
    assert [(v.name, v.environment) for v in variants.asked][1:] == [("guesses", {})]
    assert fact.guesses.are_unlimited


def test_a_runtime_without_variants_and_a_target_without_an_entry_leave_it_untold() -> None:
    with pytest.raises(Inconclusive, match="attached"):
        run_gatherer(shop_target(), Variants(None))
    with pytest.raises(Inconclusive, match="no entry"):
        run_gatherer(shop_target(entries=()), Variants(None))


@pytest.mark.parametrize(
    ("ago", "clock_off", "seconds"),
    [
        ((2.0, 1.0), 0.0, 604800.0),
        ((50.0, 49.0), 0.0, 604800.0),
        ((40.0, 1.0), 0.0, None),
        ((2.0, 1.0), 30.0, None),
    ],
    ids=["at once", "long after", "issued nobody knows when", "another clock"],
)
def test_a_lifetime_is_told_by_the_moment_of_issue(
    monkeypatch: pytest.MonkeyPatch, ago: tuple[float, float], clock_off: float, seconds: float | None
) -> None:
    def redis(*arguments: Any, **options: Any) -> str:
        left = 604800 - sum(ago) / 2
        return json.dumps({"found": [int(left * 1000)], "seen": 1, "now": time.time() + clock_off})

    target = with_stores(monkeypatch, redis, redis)
    who = Identity(name="alice", issued=(time.time() - ago[0], time.time() - ago[1]))
    found = tried(
        lambda asker: [*store_lifetimes(asker, "refresh", "R", who)], target=target, services=("api", "cache")
    )
    assert [life.seconds for life in found] == ([pytest.approx(seconds, abs=1)] if seconds else [])


@pytest.mark.parametrize(
    ("shop", "failed", "stopped", "is_right_let_in"),
    [
        (Shop(most_guesses=20), 20, 429, None),
        (Shop(most_guesses=20, locked_status=423), 20, 423, None),
        (Shop(most_guesses=20, locked_status=401), 101, None, False),
        (Shop(), 101, None, True),
    ],
    ids=["refused", "locked", "locked without a word", "for ever"],
)
def test_guessing_goes_on_until_somebody_has_had_enough(
    shop: Shop, failed: int, stopped: int | None, is_right_let_in: bool | None
) -> None:
    found: Guesses = tried(try_guesses, shop)
    assert (found.failed, found.stopped, found.is_right_let_in) == (failed, stopped, is_right_let_in)
    assert found.are_unlimited is (is_right_let_in is True)


def test_a_guesser_who_is_slow_is_no_verdict() -> None:
    ticks = itertools.count(0.0, 10.0)
    found: Guesses = tried(lambda asker: try_guesses(asker, clock=lambda: next(ticks)))
    assert found.failed < 20
    assert not found.are_unlimited


def test_who_cannot_log_in_cannot_guess() -> None:
    target = dataclasses.replace(shop_target(), login=None)
    assert "nobody is declared" in tried(try_guesses, target=target).problem
