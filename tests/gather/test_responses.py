from __future__ import annotations

import contextlib
import http.server
import json
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from readiness.exceptions import StackError
from readiness.facts._codec import decode, encode
from readiness.facts.http import Exchange, Responses, StatusClass
from readiness.gather import gatherer_meta
from readiness.gather import responses as module
from readiness.gather.responses import OVERSIZED_BYTES, collect
from readiness.instruments.client import SAFE_METHODS, HttpClient
from readiness.runtime import Capability, Endpoint, Variant
from readiness.target import Entry, Limit, Login, Paths, Request, Target
from readiness.verdict import Inconclusive, NotApplicable

PASSWORD = "alice-long-password"
TOKEN = "token-of-alice"
ENTRIES = (Entry(name="proxy", service="web", port=80), Entry(name="direct", service="api", port=8000))


@dataclass
class Shop:
    """A service with a login and, where wanted, a limiter per user."""

    limit: int | None = None
    served: list[tuple[str, str, str]] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    refuse_first: int = 0

    def answer(  # noqa: C901, PLR0911, PLR0912  # one flat table of routes reads best
        self, method: str, path: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, dict[str, str], str]:
        who = headers.get("authorization", "")
        self.served.append((method, path, who))
        if self.refuse_first > 0:
            self.refuse_first -= 1
            return 429, {"Retry-After": "7"}, ""
        if self.limit is not None and path == "/items":
            self.counts[who] = self.counts.get(who, 0) + 1
            if self.counts[who] > self.limit:
                return 429, {"X-Seen": "limit"}, ""
        if len(body) > OVERSIZED_BYTES:
            return 413, {}, ""
        match method, path:
            case "POST", "/auth/login":
                name = json.loads(body)["name"]
                cookie = {"Set-Cookie": "refresh=eyJsecretvalue; HttpOnly; Path=/"}
                return 200, cookie, json.dumps({"access_token": f"token-of-{name}", "echo": PASSWORD})
            case "POST", "/auth/register":
                return 201, {}, "{}"
            case "POST", "/items":
                wrong = headers.get("content-type") != "application/json"
                return (415 if wrong else 422), {}, ""
            case "GET", "/items":
                forwarded = {"X-Was": headers.get("x-forwarded-proto", "")}
                return 200, {"Content-Type": "application/json", **forwarded}, "[]"
            case "GET", "/me":
                return (200, {"X-Echo": who}, f"you are {who}") if who else (401, {}, "")
            case "GET", "/":
                return 200, {"Content-Type": "text/html"}, "<p>"
            case "GET", "/old":
                return 301, {"Location": "/items"}, ""
            case "GET", "/boom":
                return 500, {}, "Internal Server Error"
            case "PROPFIND" | "OPTIONS", "/items":
                return 405, {}, ""
        return 404, {}, ""


@contextlib.contextmanager
def serving(shop: Shop) -> Iterator[int]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def handle_one_request(self) -> None:
            self.raw_requestline = self.rfile.readline(65537)
            if not self.raw_requestline or not self.parse_request():
                self.close_connection = True
                return
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, extra, text = shop.answer(self.command, self.path, headers, body)
            self.send_response(status)
            for name, value in {**extra, "Content-Length": str(len(text))}.items():
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


class FakeStack:
    """Every entry leads to one port, except those that are gone."""

    def __init__(
        self,
        port: int,
        *,
        runtime: str = "process",
        gone: tuple[str, ...] = (),
        capabilities: frozenset[Capability] = frozenset(Capability),
    ) -> None:
        self.port, self.runtime, self.gone, self.capabilities = port, runtime, gone, capabilities

    def endpoint(self, service: str, port: int) -> Endpoint:
        if service in self.gone:
            raise StackError(f"{service} is not running")
        return Endpoint(host="127.0.0.1", port=self.port)

    def environment(self, service: str) -> dict[str, str]:
        return {"API_TOKEN": "token-from-environment"}


def shop_target(**changes: Any) -> Target:
    values: dict[str, Any] = {
        "name": "shop",
        "folder": "shop",
        "service": "api",
        "entries": ENTRIES,
        "paths": Paths(
            ok=Request(path="/items"),
            html=Request(path="/"),
            private=Request(path="/me", as_user="user"),
            invalid=Request(method="POST", path="/items", json={"name": ""}),
            redirect=Request(path="/old"),
            error=Request(path="/boom"),
        ),
        "login": Login(
            register=Request(method="POST", path="/auth/register", json={"name": "{name}"}),
            request=Request(method="POST", path="/auth/login", json={"name": "{name}", "password": "{password}"}),
            users=({"name": "alice", "password": PASSWORD},),
        ),
    }
    return Target(**{**values, **changes})


def never_sleep(seconds: float) -> None:
    raise AssertionError(f"slept {seconds} s")


def gathered(shop: Shop, target: Target, *, sleep: Callable[[float], None] = never_sleep, **stack: Any) -> Responses:
    with serving(shop) as port:
        fake = FakeStack(port, **stack)
        with HttpClient(fake) as client:
            return collect(target, fake, client, sleep=sleep)


def statuses(found: Responses, entry: str) -> dict[StatusClass, int | None]:
    return {e.purpose: e.status for e in found.exchanges if e.entry == entry}


def test_every_kind_of_answer_is_provoked_through_every_entry() -> None:
    found = gathered(Shop(), shop_target())
    expected = {
        StatusClass.OK: 200,
        StatusClass.PREFLIGHT: 405,
        StatusClass.UNAUTHORIZED: 401,
        StatusClass.NOT_FOUND: 404,
        StatusClass.METHOD_NOT_ALLOWED: 405,
        StatusClass.INVALID: 422,
        StatusClass.TOO_LARGE: 413,
        StatusClass.WRONG_TYPE: 415,
        StatusClass.ERROR: 500,
        StatusClass.REDIRECT: 301,
        StatusClass.HTML: 200,
        StatusClass.PRIVATE: 200,
    }
    assert statuses(found, "proxy") == expected
    assert statuses(found, "direct") == expected
    assert set(found.not_provoked) == {"static via proxy", "static via direct"}
    assert "paths.static" in found.not_provoked["static via proxy"]


def test_a_method_is_tried_that_http_parsers_know_and_that_changes_nothing() -> None:
    # An unregistered one is refused by Node's parser with a 400 that no application has a hand in.
    shop = Shop()
    gathered(shop, shop_target())
    methods = {method for method, path, _ in shop.served if path == "/items"}
    assert methods - {"GET", "POST", "OPTIONS"} == {"PROPFIND"}


def test_what_the_owner_declines_is_not_asked_another_way() -> None:
    shop = Shop()
    declined = {"paths.method_not_allowed": "the router knows no methods"}
    found = gathered(shop, shop_target(declined=declined))
    assert StatusClass.METHOD_NOT_ALLOWED not in statuses(found, "proxy")
    assert found.not_provoked["method_not_allowed via proxy"] == "the router knows no methods"
    assert "PROPFIND" not in {method for method, _, _ in shop.served}


def test_the_page_is_asked_twice_per_entry() -> None:
    found = gathered(Shop(), shop_target())
    assert [e.entry for e in found.repeated] == ["proxy", "proxy", "direct", "direct"]


def test_fact_survives_a_recording() -> None:
    found = gathered(Shop(), shop_target())
    assert decode(Responses, json.loads(json.dumps(encode(found)))) == found


def test_nothing_that_identifies_a_user_is_in_the_fact() -> None:
    found = gathered(Shop(), shop_target())
    text = json.dumps(encode(found))
    assert TOKEN not in text
    assert PASSWORD not in text
    assert "secretvalue" not in text
    private = next(e for e in found.exchanges if e.purpose is StatusClass.PRIVATE)
    assert ("Authorization", "***") in private.request_headers
    assert private.body == "you are Bearer ***"


def test_login_answer_is_kept_with_its_cookies_attributes() -> None:
    found = gathered(Shop(), shop_target())
    login = next(e for e in found.exchanges if e.url.endswith("/auth/login"))
    assert login.all("set-cookie") == ("refresh=eyJ***; HttpOnly; Path=/",)
    assert login.body == "***"


def test_without_https_one_request_says_that_it_came_over_it() -> None:
    found = gathered(Shop(), shop_target())
    assert [e.all("x-was") for e in found.exchanges if e.url.endswith("80/items") and e.method == "GET"] == [
        ("",),
        ("https",),
    ]


def test_stack_that_is_no_copy_gets_no_oversized_body_and_no_error() -> None:
    shop = Shop()
    found = gathered(shop, shop_target(), runtime="attached")
    assert not {StatusClass.TOO_LARGE, StatusClass.ERROR} & set(statuses(found, "proxy"))
    assert "no copy" in found.not_provoked["too_large via proxy"]
    assert "/boom" not in {path for _, path, _ in shop.served}


def test_running_system_of_somebodys_is_sent_nothing_that_may_change_it() -> None:
    shop = Shop()
    found = gathered(shop, shop_target(), runtime="attached", capabilities=frozenset())
    assert shop.served
    assert {method for method, _, _ in shop.served} <= SAFE_METHODS
    assert "readiness-allow=active" in found.not_provoked["invalid via proxy"]
    assert "readiness-allow=active" in found.not_provoked["private via proxy"]
    assert statuses(found, "proxy")[StatusClass.OK] == 200


def test_entry_whose_service_is_gone_is_recorded_as_such() -> None:
    found = gathered(Shop(), shop_target(), gone=("api",))
    direct = [e for e in found.exchanges if e.entry == "direct"]
    assert direct
    assert {(e.status, e.error) for e in direct} == {(None, "api is not running")}
    assert "api is not running" in found.not_provoked["ok via direct"]


def test_silent_entry_is_left_alone_after_two_requests() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        stack = FakeStack(server.getsockname()[1])
        with HttpClient(stack, timeout_seconds=0.05) as client:  # type: ignore[arg-type]  # a fake
            fact = collect(shop_target(login=None), stack, client)  # type: ignore[arg-type]  # a fake
    asked = [exchange for exchange in fact.exchanges if exchange.entry == "proxy"]
    assert len(asked) == 2
    assert "2 requests in a row" in fact.not_provoked["error via proxy"]


def test_request_that_names_its_own_place_goes_there_and_not_to_the_entry() -> None:
    shop = Shop()
    entries = (Entry(name="proxy", service="web", port=80, base="/api", https=True, headers={"X-Entry": "yes"}),)
    ok = Request(path="/items", service="api", port=9090)
    found = gathered(shop, shop_target(entries=entries, paths=Paths(ok=ok), login=None), gone=("web",))
    answer = next(e for e in found.exchanges if e.purpose is StatusClass.OK)
    assert (answer.url, answer.status, answer.entry) == ("http://api:9090/items", 200, "proxy")
    assert "X-Entry" not in dict(answer.request_headers)


def test_undeclared_paths_are_named_and_not_guessed() -> None:
    found = gathered(Shop(), shop_target(paths=Paths(), login=None))
    assert set(statuses(found, "proxy")) == {StatusClass.NOT_FOUND}
    assert found.not_provoked["ok via proxy"] == "not configured: paths.ok"


def test_declined_path_is_not_asked() -> None:
    declined = {"paths.not_found": "answers everything with the application"}
    found = gathered(Shop(), shop_target(declined=declined))
    assert StatusClass.NOT_FOUND not in statuses(found, "proxy")
    assert found.not_provoked["not_found via proxy"] == declined["paths.not_found"]


def test_refused_login_leaves_the_private_answer_out_and_says_why() -> None:
    login = Login(request=Request(method="POST", path="/nope"), users=({"name": "alice", "password": PASSWORD},))
    found = gathered(Shop(), shop_target(login=login))
    assert StatusClass.PRIVATE not in statuses(found, "proxy")
    assert "was not accepted" in found.not_provoked["private via proxy"]


def test_unexpected_status_is_kept_and_named() -> None:
    paths = Paths(ok=Request(path="/items"), redirect=Request(path="/items"))
    found = gathered(Shop(), shop_target(paths=paths, login=None))
    assert statuses(found, "proxy")[StatusClass.REDIRECT] == 200
    assert "200; paths.redirect" in found.not_provoked["redirect via proxy"]


def test_bodies_are_asked_for_uncompressed() -> None:
    found = gathered(Shop(), shop_target())
    asked = [dict(e.request_headers).get("accept-encoding") for e in found.exchanges]
    assert set(asked) == {"identity"}


def test_limiter_in_the_way_is_waited_for_once() -> None:
    slept: list[float] = []
    found = gathered(Shop(refuse_first=2), shop_target(login=None), sleep=slept.append)
    assert slept == [8.0]
    assert statuses(found, "direct")[StatusClass.OK] == 200


def gather_of(fixture: Any) -> Callable[..., Any]:
    meta = gatherer_meta(fixture._get_wrapped_function())
    assert meta is not None
    return meta.function


def limited(shop: Shop, target: Target) -> Responses:
    with serving(shop) as port:
        fake = FakeStack(port)
        with HttpClient(fake) as client:
            result = gather_of(module.limited_responses)(target, fake, client)
    assert isinstance(result, Responses)
    return result


PER_USER = Limit(path="/items", requests=5, key="user")


def test_limit_per_user_is_provoked_by_a_user_of_its_own() -> None:
    shop = Shop(limit=5)
    found = limited(shop, shop_target(limits=(PER_USER,)))
    assert statuses(found, "proxy") == {StatusClass.TOO_MANY: 429}
    assert statuses(found, "direct") == {StatusClass.TOO_MANY: 429}
    assert shop.counts == {"Bearer token-of-limited-alice": 7}
    assert "token-of-limited" not in json.dumps(encode(found))


def test_limit_per_address_is_not_provoked() -> None:
    shop = Shop(limit=5)
    found = limited(shop, shop_target(limits=(Limit(path="/items", requests=5, key="address"),)))
    assert shop.served == []
    assert "per address" in found.not_provoked["too_many"]


def test_limit_per_address_is_provoked_where_the_owner_names_a_request_for_it() -> None:
    paths = Paths(too_many=Request(path="/items"))
    found = limited(Shop(limit=3), shop_target(paths=paths, limits=(Limit(path="/items", requests=3, key="address"),)))
    assert statuses(found, "proxy") == {StatusClass.TOO_MANY: 429}


def test_limiter_that_never_refuses_is_named() -> None:
    found = limited(Shop(), shop_target(limits=(PER_USER,)))
    assert found.exchanges == ()
    assert "no refusal in 12 requests" in found.not_provoked["too_many via proxy"]
    assert found.unrefused == {"proxy": 12, "direct": 12}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, "not configured: limit"),
        ({"declined": {"limit": "the gateway limits"}}, "the gateway limits"),
        ({"limits": (PER_USER,), "login": None}, "no login"),
        ({"limits": (PER_USER,), "login": Login(static={"bearer_env": "API_TOKEN"})}, "knows only one"),
    ],
)
def test_limit_that_cannot_be_provoked_is_named(changes: dict[str, Any], reason: str) -> None:
    assert reason in limited(Shop(), shop_target(**changes)).not_provoked["too_many"]


class FakeVariants:
    def __init__(self, port: int) -> None:
        self.port, self.asked, self.closed = port, list[Variant](), 0

    @contextlib.contextmanager
    def __call__(self, variant: Variant) -> Iterator[FakeStack]:
        self.asked.append(variant)
        try:
            yield FakeStack(self.port)
        finally:
            self.closed += 1


@pytest.mark.parametrize(
    ("fixture", "name"), [(module.development_responses, "development"), (module.headers_off_responses, "headers_off")]
)
def test_variant_is_started_asked_and_removed(fixture: Any, name: str) -> None:
    settings = {"api": {"ENVIRONMENT": "development"}}
    with serving(Shop()) as port:
        variants = FakeVariants(port)
        found = gather_of(fixture)(shop_target(variants={name: settings}), variants)
    assert [variant.environment for variant in variants.asked] == [settings]
    assert variants.closed == 1
    purposes = {StatusClass.OK, StatusClass.HTML, StatusClass.PRIVATE}
    assert {e.purpose for e in found.exchanges} == purposes


def test_undeclared_variant_is_inconclusive_and_a_declined_one_not_applicable() -> None:
    with pytest.raises(Inconclusive, match=r"variants\.development") as reason:
        gather_of(module.development_responses)(shop_target(), FakeVariants(1))
    assert "ENVIRONMENT: development" in reason.value.supply
    target = shop_target(declined={"variants": "one setting only"})
    with pytest.raises(NotApplicable, match="one setting only"):
        gather_of(module.development_responses)(target, FakeVariants(1))


def test_what_is_no_http_is_recorded_as_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    connection.recv(1024)
                    connection.sendall(b"SSH-2.0-OpenSSH\r\n")
                    connection.close()

        threading.Thread(target=answer, daemon=True).start()
        fake = FakeStack(server.getsockname()[1])
        with HttpClient(fake) as client:
            found = collect(shop_target(paths=Paths(ok=Request(path="/items")), login=None), fake, client)
        server.shutdown(socket.SHUT_RDWR)
    assert found.exchanges
    assert {e.status for e in found.exchanges} == {None}
    assert all(isinstance(e, Exchange) and e.error for e in found.exchanges)
