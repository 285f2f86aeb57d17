"""Error run, input limits and the request that needs a dependency, against a small service of our own."""

from __future__ import annotations

import contextlib
import dataclasses
import http.server
import itertools
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pytest

from readiness.check import Impact
from readiness.exceptions import StackError, UnsupportedError
from readiness.facts._codec import decode, encode
from readiness.facts.errors import ErrorRun
from readiness.facts.http import Exchange
from readiness.facts.validation import InputLimits
from readiness.gather import error_run as run_module
from readiness.gather import gatherer_meta
from readiness.gather import input_limits as limits_module
from readiness.gather.bad_input_sending import BadInputSender
from readiness.gather.error_asking import ErrorAsker
from readiness.gather.error_run import collect, settings_of
from readiness.gather.needing import Needing, needing_of
from readiness.gather.provoking import Provoker
from readiness.inputs.bad_bodies import BadBody
from readiness.instruments.client import HttpClient
from readiness.instruments.negative import NegativeCase
from readiness.instruments.upload import Upload
from readiness.runtime import Capability, Endpoint, ServiceState
from readiness.target import Entry, Limit, Login, Paths, Request, Role, Target

ID = "11112222333344445555666677778888"
SECRET = "a-very-secret-key"
LIMIT = 50_000
EMBED = Request(method="POST", path="/embed", json={"text": "hello"})


@dataclass
class Service:
    """Answers like a sound service, unless told otherwise."""

    limit: int = LIMIT
    crash_on: bytes = b"never"
    is_away: bool = False
    is_limited: bool = False
    dies_after: int = 10**6
    leaks: str = ""
    log: list[str] = field(default_factory=list)
    booms: int = 0
    seen: list[tuple[str, str]] = field(default_factory=list)
    id_header: tuple[str, str] = ("X-Request-ID", ID)
    is_draining: bool = False

    def error(self, status: int, code: str) -> tuple[int, dict[str, Any]]:
        return status, {"error": {"code": code, "message": self.leaks or code, "request_id": ID}}

    def answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, Any]:  # noqa: C901, PLR0911
        self.seen.append((method, path))
        bare = path.partition("?")[0]
        if bare == "/auth/login":
            return 200, {"access_token": "token-of-" + json.loads(body)["name"]}
        if bare == "/auth/register":
            return 201, {}
        if self.is_limited:
            return self.error(429, "limited")
        if bare == "/boom":
            self.booms += 1
            trace = "Traceback (most recent call last):"
            self.log.append(
                json.dumps({"level": "error", "id": ID, "method": method, "path": bare, "exception": trace})
            )
            return self.error(500, "internal")
        if bare == "/items" and method == "GET":
            return self.error(503, "away") if self.is_away or self.booms > self.dies_after else (200, {"items": []})
        if bare == "/me":
            return (200, {}) if headers.get("authorization") else self.error(401, "unauthorized")
        if bare == "/embed" and method == "POST":
            if headers.get("content-type", "").split(";")[0] != "application/json":
                return self.error(415, "type")
            if self.crash_on in body:
                return self.error(500, "internal")
            try:
                text = json.loads(body)["text"]
            except (ValueError, KeyError, TypeError, RecursionError):
                return self.error(422, "invalid")
            is_fine = isinstance(text, str) and 0 < len(text) <= 100
            return (200, {"embedding": [1.0]}) if is_fine else self.error(422, "invalid")
        return self.error(404 if method in {"GET", "POST"} else 405, "not_found")


@contextlib.contextmanager
def serving(service: Service) -> Iterator[int]:
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_one_request(self) -> None:
            self.raw_requestline = self.rfile.readline(65537)
            if not self.raw_requestline or not self.parse_request():
                self.close_connection = True
                return
            length = int(self.headers.get("content-length", 0))
            is_streamed = "chunked" in (self.headers.get("transfer-encoding") or "")
            is_read = length <= service.limit or service.is_draining
            body = self.rfile.read(length) if is_read else b""
            if is_streamed:
                body = b"x" * len(self.rfile.read(service.limit + 1))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, data = service.answer(self.command, self.path, headers, body)
            if length > service.limit or is_streamed:
                status, data = service.error(413, "too_large")
            text = json.dumps(data).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.send_header(*service.id_header)
            self.end_headers()
            self.wfile.write(b"" if self.command == "HEAD" else text)
            self.close_connection = True

        def log_message(self, *arguments: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # a reset connection is expected
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
    service: Service
    capabilities: frozenset[Capability] = frozenset(Capability)
    runtime: str = "fake"
    services: tuple[str, ...] = ("api", "db")
    gone: bool = False
    logless: bool = False

    def endpoint(self, service: str, port: int) -> Endpoint:
        if self.gone:
            raise StackError(f"{service} is not running")
        return Endpoint(host="127.0.0.1", port=self.port)

    def environment(self, service: str) -> dict[str, str]:
        return {"JWT_SECRET": SECRET} if service == "api" else {}

    def state(self, service: str) -> ServiceState:
        return ServiceState(service=service, status="running", instance="1", started_at="then")

    def logs(self, service: str, *, since: datetime | None = None, tail: int = 0) -> str:
        if self.logless:
            raise StackError("no log")
        return "\n".join(self.service.log)

    def execute(self, service: str, command: Any, *, timeout_seconds: float = 5.0) -> Any:
        raise StackError("no shell")


def a_target(**changes: Any) -> Target:
    login = Login(
        register=Request(method="POST", path="/auth/register", json={"name": "{name}"}),
        request=Request(method="POST", path="/auth/login", json={"name": "{name}", "password": "{password}"}),
        users=({"name": "alice", "password": "alice-long-password"},),
    )
    paths = Paths(
        ok=Request(path="/items"),
        error=Request(path="/boom"),
        private=Request(path="/me", as_user="user"),
        invalid=Request(method="POST", path="/embed", json={"text": ""}),
    )
    request = {"method": "POST", "path": "/embed", "json": {"text": "hello"}}
    validation = {
        "request": request,
        "max_body_bytes": LIMIT,
        "input": {"request": request, "at": "text", "characters": 100},
        "env": {"max_body_bytes": "MAX_BODY"},
    }
    values: dict[str, Any] = {
        "name": "shop",
        "folder": "shop",
        "service": "api",
        "entries": (Entry(name="direct", service="api", port=8000),),
        "roles": {Role.DB: ("db",)},
        "paths": paths,
        "login": login,
        "extra": {"validation": validation, "errors": {"needs": {"db": {"path": "/items", "as": "user"}}}},
        "limits": (Limit(path="/items", requests=100, env={"requests": "RATE"}),),
    }
    return Target(**{**values, **changes})


@contextlib.contextmanager
def asking(service: Service, target: Target, **stack: Any) -> Iterator[tuple[ErrorAsker, FakeStack, HttpClient]]:
    with serving(service) as port:
        fake = FakeStack(port, service, **stack)
        with HttpClient(fake) as http:  # type: ignore[arg-type]  # what is asked of it is there
            yield ErrorAsker(target, fake, http, purpose="errors"), fake, http  # type: ignore[arg-type]  # as above


def no_sleep(_seconds: float) -> None:
    pass


def test_a_run_on_a_sound_service() -> None:
    target = a_target()
    with asking(Service(limit=LIMIT // 2), target) as (_, stack, http):
        found = collect(target, stack, http)  # type: ignore[arg-type]  # as above
    run = found.provocations
    assert (run.sent, run.bad, run.good) == (100, {"500": 100}, {"200": 99})
    assert {answer.status for answer in run.others} >= {401, 404, 405, 413, 415, 422}
    assert run.entries is not None
    assert [entry.is_error for entry in run.entries][:1] == [True]
    assert found.bad_inputs.troubled == ()
    assert found.bad_inputs.operations == ("POST /embed",)
    assert {trial.status for trial in found.bad_inputs.settings_tried if trial.kind != "fits"} == {413}
    assert found.leaks == ()
    assert found.searched > 100
    assert decode(ErrorRun, json.loads(json.dumps(encode(found)))) == found


def test_what_an_error_gives_away_is_kept_once_and_masked() -> None:
    target = a_target()
    with asking(Service(leaks=f"[SQL: x], key {SECRET}"), target) as (asker, _, _):
        answer = asker.ask(target.entries[0], Request(path="/nope"))
        asker.ask(target.entries[0], Request(path="/nope"))
    assert {leak.kind for leak in asker.leaks} == {"SQL", "the value of JWT_SECRET of api"}
    assert SECRET not in answer.body
    assert SECRET not in json.dumps(encode(asker.leaks[0]))


def test_a_service_that_exceptions_spoil_is_not_provoked_for_ever() -> None:
    target = a_target()
    with asking(Service(dies_after=3), target) as (asker, _, _):
        found = Provoker(target, asker, sleep=no_sleep).run()
    assert found.sent < 20
    assert found.good["503"] == 5
    assert len(found.failed_good) == 5


def test_without_an_error_path_the_other_errors_are_still_compared() -> None:
    target = a_target(paths=Paths(ok=Request(path="/items")))
    with asking(Service(), target) as (asker, _, _):
        found = Provoker(target, asker, sleep=no_sleep).run()
    assert "error_path" in found.missing
    assert {answer.status for answer in found.others} == {404, 405}


def test_a_log_that_cannot_be_read_is_said_to_be() -> None:
    target = a_target()
    with asking(Service(), target, logless=True) as (asker, _, _):
        found = Provoker(target, asker, sleep=no_sleep).run()
    assert found.entries is None
    assert "no log" in found.unlogged


@pytest.mark.parametrize(
    "header", [("X-Correlation-ID", ID), ("Traceparent", f"00-{ID}-1111222233334444-01"), ("X-Request-ID", "another")]
)
def test_the_log_entry_is_found_by_any_id_of_the_answer(header: tuple[str, str]) -> None:
    target = a_target()
    with asking(Service(id_header=header), target) as (asker, _, _):
        found = Provoker(target, asker, sleep=no_sleep).run()
    assert found.entries is not None
    assert found.entries[0].is_error


def test_a_number_in_the_body_is_no_name_of_the_request() -> None:
    target = a_target()
    with asking(Numbered(id_header=("X-Request-ID", "another")), target) as (asker, _, _):
        found = Provoker(target, asker, log_seconds=0.0, sleep=no_sleep).run()
    assert found.entries == ()


class Numbered(Service):
    """Its errors have the number of their kind where others have the request's id."""

    def error(self, status: int, code: str) -> tuple[int, dict[str, Any]]:
        return status, {"error": {"code": code, "message": code, "error_id": 1}}


def test_bad_input_counts_only_when_it_fails_twice() -> None:
    target = a_target()
    with asking(Service(crash_on=b"\\u0000"), target) as (asker, _, _):
        found = BadInputSender(target, asker, sleep=no_sleep).run()
    (one,) = found.troubled
    assert one.what == "text is a text with a NUL character"
    assert one.again is not None
    assert (one.first.status, one.again.status) == (500, 500)


class Chat(Service):
    """Passes every text on to a model that nobody reaches from here."""

    def answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, Any]:
        if not path.startswith("/embed"):
            return super().answer(method, path, headers, body)
        self.seen.append((method, path))
        try:
            text = json.loads(body)["text"]
        except (ValueError, KeyError, TypeError, RecursionError):
            return self.error(422, "invalid")
        if self.crash_on in body:
            return self.error(500, "internal")
        return self.error(503 if isinstance(text, str) else 422, "model")


def test_an_operation_that_fails_for_good_input_too_is_not_accused() -> None:
    target = a_target()
    with asking(Chat(), target) as (asker, _, _):
        found = BadInputSender(target, asker, sleep=no_sleep).run()
    assert found.troubled == ()
    # The texts with a NUL character and with half of a surrogate pair are texts to the service.
    assert found.uncounted == {"POST /embed: 503 to good input too": 2}
    assert found.statuses["503"] == 2


def test_an_operation_that_fails_for_good_input_is_still_accused_of_another_failure() -> None:
    target = a_target()
    with asking(Chat(crash_on=b"\\u0000"), target) as (asker, _, _):
        found = BadInputSender(target, asker, sleep=no_sleep).run()
    (one,) = found.troubled
    assert (one.what, one.first.status) == ("text is a text with a NUL character", 500)


def test_the_good_request_comes_before_the_first_bad_one_and_is_not_counted() -> None:
    service, target = Service(), a_target()
    with asking(service, target) as (asker, _, _):
        found = BadInputSender(target, asker, sleep=no_sleep).run()
    assert service.seen.count(("POST", "/embed")) == found.sent + 1


def test_an_operation_that_is_silent_to_good_input_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    target = a_target()
    body = BadBody(what="another text", content=b'{"text": "another"}')
    with asking(Service(), target) as (asker, _, _):
        ask = asker.ask

        def hang(entry: Entry, request: Request, **values: Any) -> Exchange:
            answer = ask(entry, request, **values)
            return dataclasses.replace(answer, status=None, error="late") if answer.status == 200 else answer

        monkeypatch.setattr(asker, "ask", hang)
        monkeypatch.setattr("readiness.gather.bad_input_sending.bad_bodies", lambda _: iter([body] * 5))
        found = BadInputSender(target, asker, sleep=no_sleep).run()
    assert (found.sent, found.troubled) == (1, ())
    assert found.uncounted == {"POST /embed: no answer to good input too": 1}


@pytest.mark.parametrize(("status", "is_counted"), [(503, False), (500, True)])
def test_without_a_good_request_only_the_service_s_own_failure_counts(
    status: int, is_counted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = NegativeCase(operation="GET /chats/{id}", request=Request(path="/chats/x"))
    monkeypatch.setattr("readiness.gather.bad_input_sending.negative_cases", lambda *_, **__: iter([case]))
    target = a_target(openapi={"openapi": "3.1.0", "paths": {}}, extra={})
    with asking(Failing(status=status), target) as (asker, _, _):
        found = BadInputSender(target, asker, sleep=no_sleep).run()
    assert (len(found.troubled), len(found.uncounted)) == ((1, 0) if is_counted else (0, 1))


@dataclass
class Failing(Service):
    """Answers so to everything below ``/chats``."""

    status: int = 503

    def answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, Any]:
        is_chat = path.startswith("/chats/")
        return self.error(self.status, "failed") if is_chat else super().answer(method, path, headers, body)


def test_a_redirect_of_broken_json_is_no_trouble_and_closes_the_operation() -> None:
    target = a_target()
    with asking(Moved(), target) as (asker, _, _):
        found = BadInputSender(target, asker, sleep=no_sleep).run()
    assert (found.troubled, found.closed) == ((), ("POST /embed",))


class Moved(Service):
    """Leads everybody to its login."""

    def answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, Any]:
        is_input = path.startswith("/embed")
        return self.error(302, "login") if is_input else super().answer(method, path, headers, body)


def test_a_limiter_that_refuses_every_user_ends_the_sending() -> None:
    target = a_target()
    with asking(Service(is_limited=True), target) as (asker, _, _):
        found = BadInputSender(target, asker, sleep=no_sleep).run()
    assert (found.sent, found.cut_short) == (0, "a limiter refuses every further request")


def test_the_second_stack_gets_a_high_limit_and_half_the_body_limit() -> None:
    assert settings_of(a_target()) == {"api": {"RATE": "100000", "MAX_BODY": str(LIMIT // 2)}}
    assert settings_of(a_target(limits=(), extra={})) == {}
    assert settings_of(a_target(service=None)) == {}


def limits_of(service: Service, target: Target, **stack: Any) -> InputLimits:
    meta = gatherer_meta(limits_module.input_limits._get_wrapped_function())
    assert meta is not None
    with asking(service, target, **stack) as (_, fake, http):
        found: InputLimits = meta.function(target, fake, http, lambda what, **_: None)
    return found


def test_sizes_types_and_bodies_are_tried_at_their_limits() -> None:
    found = limits_of(Service(), a_target())
    assert {trial.kind: trial.exchange.status for trial in found.input.trials} == {
        "at": 200,
        "over": 422,
        "multibyte": 200,
    }
    assert {trial.content_type: trial.exchange.status for trial in found.types}["text/plain"] == 415
    assert [(trial.kind, trial.status) for trial in found.bodies] == [
        ("fits", 200),
        ("announced", 413),
        ("streamed", 413),
    ]
    assert found.bodies[1].sent_bytes == 0
    assert "no document of the API" in found.batch.problem
    assert decode(InputLimits, json.loads(json.dumps(encode(found)))) == found


@pytest.mark.parametrize("runtime", ["fake", "process"])
def test_memory_is_looked_at_beside_every_large_body_where_it_can_be(runtime: str) -> None:
    found = limits_of(Service(), a_target(), runtime=runtime)
    seen = {trial.kind: trial.memory_peak_bytes is not None for trial in found.bodies}
    assert seen == {"fits": False, "announced": runtime == "process", "streamed": runtime == "process"}


MIB = 1024 * 1024


@pytest.mark.parametrize(("grown_mib", "offered_mib"), [(30, 96), (2, 16)])
def test_a_body_that_was_read_while_memory_grew_is_tried_again_and_larger(
    grown_mib: int, offered_mib: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As of a runtime that throws away late: it grows once, and no further.
    looks = itertools.count()
    monkeypatch.setattr(limits_module, "memory_of", lambda *_: min(next(looks), 1) * grown_mib * MIB)
    (_, announced, _) = limits_of(Service(is_draining=True), a_target()).bodies
    assert announced.memory_before_bytes is not None
    assert announced.memory_peak_bytes is not None
    assert (announced.status, announced.offered_bytes) == (413, LIMIT + offered_mib * MIB)
    assert announced.memory_peak_bytes - announced.memory_before_bytes < announced.offered_bytes // 2


def documented(**members: Any) -> Target:
    """A target of which nobody says anything but that its operation takes these members."""
    schema = {"type": "object", "required": list(members), "properties": members}
    body = {"required": True, "content": {"application/json": {"schema": schema}}}
    return a_target(extra={}, openapi={"openapi": "3.1.0", "paths": {"/notes": {"post": {"requestBody": body}}}})


@dataclass
class Notes(Service):
    """Takes notes with at most ten tags."""

    is_ascii: bool = False
    is_strict: bool = True
    closed_to: str = ""

    def answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, Any]:
        if path != "/notes":
            return super().answer(method, path, headers, body)
        try:
            note = json.loads(body)
        except ValueError:
            return self.error(422, "invalid")
        tags, text = note.get("tags", []), note.get("text", "a")
        is_fine = len(tags) <= 10 and 0 < len(text) <= 200 and (text.isascii() or not self.is_ascii)
        is_repeated = self.is_strict and len({json.dumps(tag) for tag in tags}) < len(tags)
        if not is_fine or is_repeated or (self.closed_to and text.startswith(self.closed_to)):
            return self.error(422, "invalid")
        return 201, {"id": 1, "tags": sorted({json.dumps(tag) for tag in tags})[:1]}


TAGS = {"type": "array", "items": {"type": "string", "minLength": 1, "maxLength": 20}, "maxItems": 10}
TEXT = {"type": "string", "minLength": 1, "maxLength": 200}


def test_made_up_items_differ_and_no_items_are_fine_where_no_least_is_documented() -> None:
    batch = limits_of(Notes(), documented(tags={**TAGS, "uniqueItems": True})).batch
    assert {trial.kind: trial.exchange.status for trial in batch.trials} == {"at": 201, "over": 422}
    assert {trial.returned for trial in batch.trials} == {None}
    assert batch.is_made_up


def test_none_is_tried_where_a_least_is_documented() -> None:
    batch = limits_of(Notes(), documented(tags={**TAGS, "minItems": 1})).batch
    assert [trial.kind for trial in batch.trials] == ["at", "over", "empty"]


def test_items_that_must_differ_and_cannot_be_made_up_are_not_tried() -> None:
    items = {"type": "string", "enum": ["a", "b"]}
    batch = limits_of(Notes(), documented(tags={**TAGS, "items": items, "uniqueItems": True})).batch
    assert batch.trials == ()
    assert "must differ" in batch.problem


def test_no_size_is_tried_where_a_small_one_is_not_accepted() -> None:
    found = limits_of(Notes(closed_to="a"), documented(tags=TAGS, text=TEXT))
    assert (found.batch.trials, found.input.trials) == ((), ())
    assert "sizes are tried with is not accepted" in found.batch.problem
    assert "sizes are tried with is not accepted" in found.input.problem


def test_another_alphabet_is_tried_only_where_a_little_of_it_is_accepted() -> None:
    ascii_only = limits_of(Notes(is_ascii=True), documented(text=TEXT)).input
    assert [trial.kind for trial in ascii_only.trials] == ["at", "over"]
    assert "other alphabets" in ascii_only.untried
    free = limits_of(Notes(), documented(text=TEXT)).input
    assert [trial.kind for trial in free.trials] == ["at", "over", "multibyte"]


def test_a_declared_batch_is_filled_with_the_owner_s_items() -> None:
    request = {"method": "POST", "path": "/notes", "json": {"tags": ["x", "y"]}}
    rule = {"request": request, "at": "tags", "items": 10}
    target = a_target(extra={"validation": {"batch": rule}})
    batch = limits_of(Notes(is_strict=False), target).batch
    shown = [(each.kind, each.exchange.status, each.distinct, each.returned) for each in batch.trials]
    assert shown == [("at", 201, 2, 1), ("over", 422, 2, 0), ("empty", 201, 0, 0)]


def test_without_a_request_there_are_no_trials_and_a_reason() -> None:
    found = limits_of(Service(), a_target(extra={}))
    assert found.bodies == ()
    assert "validation.request" in found.problem


def test_a_request_that_is_not_accepted_proves_nothing() -> None:
    request = {"method": "POST", "path": "/nope", "json": {"a": 1}}
    found = limits_of(Service(), a_target(extra={"validation": {"request": request}}))
    assert found.bodies == ()
    assert "not accepted" in found.problem


def test_a_connection_that_is_closed_without_an_answer_is_tried_once_more(monkeypatch: pytest.MonkeyPatch) -> None:
    ends = [
        Upload(sent_bytes=MIB, seconds=1.0, error="closed without an answer"),
        Upload(sent_bytes=MIB, seconds=1.0, status=413),
    ]
    late = Upload(sent_bytes=MIB, seconds=20.0, error="no answer within 20 s")

    class Stack:
        @staticmethod
        def endpoint(*_: object) -> None:
            """Nowhere."""

    entry = Entry(name="direct", service="api", port=8000)
    target = Target(name="shop", folder="shop", service="api", entries=(entry,))
    lab = limits_module.BodyLab(target, Stack(), Request(method="POST", path="/embed", json={}), {})  # type: ignore[arg-type]  # a fake
    monkeypatch.setattr(limits_module, "memory_of", lambda *_: None)
    monkeypatch.setattr(limits_module, "upload", lambda *_, **__: ends.pop(0))
    assert next(lab.trials(entry, 1)).status == 413
    assert ends == []
    monkeypatch.setattr(limits_module, "upload", lambda *_, **__: late)
    assert next(lab.trials(entry, 1)).error == "no answer within 20 s"


@pytest.mark.parametrize("module", [limits_module.input_limits, run_module.error_run])
def test_somebody_s_running_system_is_left_alone(module: Any) -> None:
    meta = gatherer_meta(module._get_wrapped_function())
    assert meta is not None
    assert meta.impact is Impact.DISRUPTS
    stack = FakeStack(1, Service(), capabilities=frozenset(), runtime="attached")
    with pytest.raises(UnsupportedError):
        meta.function(a_target(), stack, None, None)


def needing(service: Service, target: Target, http: HttpClient, stack: FakeStack) -> Needing:
    found = needing_of(target, stack, http, role=Role.DB, services=("db",))  # type: ignore[arg-type]  # as above
    assert found is not None
    return found


def test_the_request_that_needs_a_dependency_is_asked_in_every_phase() -> None:
    service, target = Service(), a_target()
    with asking(service, target) as (_, stack, http):
        asked = needing(service, target, http, stack)
        asked.ask("before")
        service.is_away, service.leaks = True, f"no answer of db:5432 with {SECRET}"
        asked.begin("stopped")
        asked.end()
        service.is_away = False
        asked.ask_until_good("recovered")
    assert [(each.phase, each.exchange.status) for each in asked.answers] == [
        ("before", 200),
        ("stopped", 503),
        ("recovered", 200),
    ]
    assert "the internal address of db" in {leak.kind for leak in asked.answers[1].leaks}
    assert SECRET not in json.dumps(encode(asked.answers[1]))


def test_a_service_that_is_gone_is_an_answer_without_status() -> None:
    service, target = Service(), a_target()
    with asking(service, target) as (_, stack, http):
        asked = needing(service, target, http, stack)
        stack.gone = True
        asked.ask("stopped")
    assert asked.answers[0].exchange.status is None


def test_recovery_is_waited_for_and_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    service, target = Service(is_away=True), a_target()
    with asking(service, target) as (_, stack, http):
        asked = Needing(
            target,
            stack,  # type: ignore[arg-type]  # as above
            http,
            Request(path="/items"),
            is_declared=True,
            sleep=no_sleep,
        )
        monkeypatch.setattr("readiness.gather.needing.RECOVERY_SECONDS", 0.0)
        asked.ask_until_good("recovered")
    assert [each.exchange.status for each in asked.answers] == [503]


def test_only_the_database_has_a_request_that_nobody_declared() -> None:
    target = a_target(extra={})
    with asking(Service(), target) as (_, stack, http):
        undeclared = needing_of(target, stack, http, role=Role.DB, services=("db",))  # type: ignore[arg-type]  # as above
        nothing = needing_of(target, stack, http, role=Role.REDIS, services=("cache",))  # type: ignore[arg-type]  # as above
        assert undeclared is not None
        undeclared.ask("before")
    assert nothing is None
    assert not undeclared.answers[0].is_declared
