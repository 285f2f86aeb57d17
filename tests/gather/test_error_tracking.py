from __future__ import annotations

import dataclasses
import gzip
import json
import threading
from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import pytest

from readiness.declared.tracking import tracking_of
from readiness.exceptions import StackError
from readiness.facts._codec import decode, encode
from readiness.facts.tracking import ErrorTracking
from readiness.gather import error_tracking as module
from readiness.gather import gatherer_meta
from readiness.gather.error_tracking import Patience, observe
from readiness.gather.reaching import PATH, reaches
from readiness.instruments.stub import Kind, Stub, Stubs
from readiness.runtime import Completed, ServiceState
from readiness.target import Entry, Limit, Login, Paths, Request, Role, Target
from readiness.tracking.envelope import MAX_BYTES
from readiness.verdict import Inconclusive, NotApplicable
from tests.gather.asked import Answer, FakeHttp, FakeStack, FakeVariants

ENTRY = Entry(name="direct", service="api", port=8000)
QUICK = Patience(event=2.0, quiet=0.05, few=4, many=8, failing=3, blocked=0.5, back=0.5)
#: Where nothing comes, however long it is waited for.
HASTY = dataclasses.replace(QUICK, event=0.1)


class Shop(FakeStack):
    """A service that sends its errors, and a stack whose stores can be stopped."""

    def __init__(self, stub: Stub, **ways: Any) -> None:
        super().__init__(variables={"api": {"ENVIRONMENT": "production"}, "db": {}, "cache": {}})
        self.stub, self.ways = stub, ways
        self.stopped: set[str] = set()
        self.traced = 0
        self.senders: list[threading.Thread] = []

    def stop(self, service: str) -> None:
        if self.ways.get("stop_fails"):
            raise StackError("it does not stop")
        self.stopped.add(service)

    def state(self, service: str) -> ServiceState:
        is_hanging = self.stub._script.otherwise.then.kind is Kind.HANG
        code = self.ways.get("stopped_while_hanging" if is_hanging else "stopped_while_answering", 0)
        if is_hanging and self.ways.get("killed_once"):
            code, self.ways["killed_once"] = -9, False
        return ServiceState(service=service, status="exited", instance="1", started_at="", exit_code=code)

    def start(self, service: str) -> None:
        if not self.ways.get("never_back"):
            self.stopped.discard(service)

    def answer(self, entry: str, method: str, path: str, headers: Mapping[str, str]) -> Answer:
        plain = path.partition("?")[0]
        if plain == "/auth/login":
            return (
                (503, {}, "")
                if self._fails("redis", path, headers, "cache")
                else (200, {}, '{"access_token": "the-token"}')
            )
        if plain == "/boom" and self.ways.get("protected") and "authorization" not in headers:
            return self.ways["protected"], {}, ""
        if plain == "/boom":
            self.send("event", self.event("RuntimeError", path, headers))
            return 500, {}, ""
        if self._fails("db", path, headers, "db"):
            return 503, {}, ""
        self.traced += 1
        if self.traced % 2:
            self.send(
                "transaction",
                {"transaction": plain},
                trace={"sample_rate": "0.5"} if self.ways.get("tells", True) else None,
            )
        return 200, {}, ""

    def _fails(self, name: str, path: str, headers: Mapping[str, str], service: str) -> bool:
        if service not in self.stopped:
            return False
        self.send("event", self.event(f"{name}Error", path, headers))
        return True

    def event(self, kind: str, path: str, headers: Mapping[str, str]) -> dict[str, Any]:
        frames = [{"function": "boom", "filename": "routes.py", "vars": {"token": headers.get("authorization", "")}}]
        shown = {} if self.ways.get("leaks") else {"vars": {}}
        trace = headers.get("traceparent", "").split("-")[1:2] if self.ways.get("traces") else ["f" * 32]
        return {
            "contexts": {"trace": {"trace_id": "".join(trace)}},
            "environment": "production",
            "exception": {"values": [{"type": kind, "stacktrace": {"frames": [{**frames[0], **shown}]}}]},
            "request": {"url": f"http://api{path}", "headers": {"host": "api"}},
        }

    def send(self, kind: str, data: Any, *, trace: Any = None) -> None:
        """As a client does that nobody waits for while the tracker hangs; or not at all."""
        if self.ways.get("silent"):
            return
        body = b"\n".join(json.dumps(part).encode() for part in ({"trace": trace}, {"type": kind}, data)) + b"\n"
        headers = {"content-encoding": self.ways.get("encoding", "gzip")}

        def post() -> None:
            try:
                httpx.post(
                    f"{self.stub.url}/api/1/envelope/",
                    content=gzip.compress(body),
                    headers=headers,
                    timeout=5,
                    trust_env=False,
                )
            except httpx.HTTPError:
                return

        thread = threading.Thread(target=post)
        self.senders.append(thread)
        thread.start()
        if self.stub._script.otherwise.then.kind is not Kind.HANG:
            thread.join(5)  # what comes in the background comes before the next look


@pytest.fixture
def stub() -> Iterator[Stub]:
    with Stub("127.0.0.1") as running:
        yield running


def target(**changes: Any) -> Target:
    values: dict[str, Any] = {
        "name": "shop",
        "folder": ".",
        "service": "api",
        "entries": (ENTRY,),
        "roles": {Role.DB: ("db",), Role.REDIS: ("cache",)},
        "paths": Paths(ok=Request(path="/items"), error=Request(path="/boom")),
        "limits": (Limit(path="/", requests=100, env={"requests": "LIMIT"}),),
        "login": Login(
            request=Request(method="POST", path="/auth/login", json={"name": "{name}", "password": "{password}"}),
            users=({"name": "alice", "password": "alice-password"},),
        ),
        "extra": {"tracking": {"dsn_env": "SENTRY_DSN", "traces_sample_ratio": 0.5}},
        **changes,
    }
    return Target(**values)


def observed(shop: Shop, *, patience: Patience = QUICK, **changes: Any) -> ErrorTracking:
    declared = target(**changes)
    try:
        return observe(
            declared,
            tracking_of(declared),
            shop,  # type: ignore[arg-type]  # a stand-in
            FakeHttp(shop.answer),  # type: ignore[arg-type]  # a stand-in
            shop.stub,
            service="api",
            patience=patience,
        )
    finally:
        shop.stub.close()
        for thread in shop.senders:
            thread.join(5)


def test_every_error_has_its_event(stub: Stub) -> None:
    shop = Shop(stub)
    found = observed(shop)
    assert [(p.name, p.status, p.events[0].exceptions) for p in found.provoked] == [
        ("unhandled", 500, ("RuntimeError",)),
        ("redis", 503, ("redisError",)),
        ("db", 503, ("dbError",)),
    ]
    assert (found.is_reachable, found.expected_environment, found.unreadable) == (True, "production", ())
    assert found.provoked[0].events[0].url == "http://api/boom"
    assert set(found.secrets) == {"API key header", "cookie", "login", "query"}
    assert shop.stopped == {"api"}


def test_the_fact_survives_a_recording_and_holds_no_secret(stub: Stub) -> None:
    found = observed(Shop(stub, leaks=True))
    text = json.dumps(encode(found))
    assert decode(ErrorTracking, json.loads(text)) == found
    assert "the-token" not in text
    assert "alice-password" not in text
    assert "canary" not in text


def test_secrets_in_events_are_found(stub: Stub) -> None:
    found = observed(Shop(stub, leaks=True))
    places = {(leak.secret, leak.place) for leak in found.leaks}
    assert ("login", "event.exception.values[].stacktrace.frames[].vars.token") in places
    assert ("query", "event.request.url") in places


def test_a_secret_is_put_where_the_owner_says(stub: Stub) -> None:
    asked: list[Any] = []
    shop = Shop(stub)
    client = FakeHttp(shop.answer)
    send = client.send

    def remembering(entry: Entry, request: Request, **more: Any) -> Any:
        asked.append(request.json)
        return send(entry, request, **more)

    client.send = remembering  # type: ignore[method-assign]
    error = {"method": "POST", "path": "/boom", "json": {"password": "{secret}"}}
    declared = target(extra={"tracking": {"dsn_env": "SENTRY_DSN", "error": error}})
    found = observe(declared, tracking_of(declared), shop, client, stub, service="api", patience=QUICK)  # type: ignore[arg-type]  # stand-ins
    filled = [
        body["password"] for body in asked if isinstance(body, dict) and str(body.get("password")).startswith("canary")
    ]
    assert filled
    assert "body" in found.secrets
    assert found.not_done["sampling"] == "not configured: tracking.traces_sample_ratio"


def test_few_requests_are_enough_where_traces_tell_their_ratio(stub: Stub) -> None:
    sampled = observed(Shop(stub)).sampled
    assert sampled is not None
    assert (sampled.answered, sampled.transactions, sampled.told_ratios) == (QUICK.few, 2, (0.5,))


def test_many_are_sent_where_they_do_not(stub: Stub) -> None:
    sampled = observed(Shop(stub, tells=False)).sampled
    assert sampled is not None
    assert (sampled.answered, sampled.transactions, sampled.told_ratios) == (QUICK.many, 4, ())


def test_failing_requests_are_timed_with_a_tracker_that_hangs(stub: Stub) -> None:
    waiting = observed(Shop(stub)).waiting
    assert waiting is not None
    assert (len(waiting.answering), len(waiting.hanging), waiting.was_asked) == (3, 3, True)


def test_the_stop_is_looked_at_while_the_tracker_hangs(stub: Stub) -> None:
    shop = Shop(stub)
    waiting = observed(shop).waiting
    assert waiting is not None
    assert waiting.stopped is not None
    assert (waiting.stopped.exit_code, waiting.stopped.was_killed, waiting.stopped_answering) == (0, False, None)
    assert shop.stopped == {"api"}


@pytest.mark.parametrize(("code", "is_killed_anyway"), [(0, False), (137, True)])
def test_a_stop_that_ends_in_a_kill_is_compared_with_one_while_the_tracker_answers(
    stub: Stub, code: int, is_killed_anyway: bool
) -> None:
    waiting = observed(Shop(stub, stopped_while_hanging=-9, stopped_while_answering=code)).waiting
    assert waiting is not None
    assert waiting.stopped is not None
    assert waiting.stopped_answering is not None
    assert (waiting.stopped.was_killed, waiting.stopped_answering.was_killed) == (True, is_killed_anyway)


def test_a_kill_that_does_not_come_again_was_an_earlier_requests(stub: Stub) -> None:
    waiting = observed(Shop(stub, killed_once=True)).waiting
    assert waiting is not None
    assert waiting.stopped is not None
    assert waiting.stopped_answering is not None
    assert (waiting.stopped.was_killed, waiting.stopped_answering.was_killed) == (False, False)


def test_a_service_that_does_not_stop_is_said(stub: Stub) -> None:
    found = observed(Shop(stub, stop_fails=True), roles={})
    assert found.waiting is not None
    assert found.waiting.stopped is None
    assert found.not_done["stopping"] == "it does not stop"


@pytest.mark.parametrize(
    ("method", "refusal", "is_protected"),
    [("GET", 401, True), ("GET", 403, True), ("POST", 401, True), ("POST", 403, False), ("GET", 0, False)],
)
def test_whether_the_failing_request_needs_a_login_is_tried(
    stub: Stub, method: str, refusal: int, is_protected: bool
) -> None:
    paths = Paths(ok=Request(path="/items"), error=Request(method=method, path="/boom"))
    found = observed(Shop(stub, protected=refusal), paths=paths)
    assert [p.is_protected for p in found.provoked] == [is_protected, False, False]


@pytest.mark.parametrize("continues", [True, False])
def test_an_error_is_provoked_as_part_of_a_trace(stub: Stub, continues: bool) -> None:
    found = observed(Shop(stub, traces=continues))
    assert len(found.provoked[0].trace_id) == 32
    assert [p.is_trace_continued for p in found.provoked] == [continues, None, None]


def test_silence_is_the_services_own_where_the_way_is_open(stub: Stub) -> None:
    found = observed(Shop(stub, silent=True), patience=HASTY)
    assert (found.is_reachable, found.envelopes, found.events) == (True, 0, ())
    assert found.waiting is not None
    assert not found.waiting.was_asked


def test_what_cannot_be_read_is_said(stub: Stub) -> None:
    found = observed(Shop(stub, encoding="zstd"), patience=HASTY)
    assert found.unreadable == ("content-encoding zstd is not known",)
    assert found.events == ()


def test_what_comes_in_is_read_up_to_a_bound_over_all_of_it(stub: Stub) -> None:
    found = observed(Shop(stub), patience=dataclasses.replace(HASTY, read_bytes=600))
    assert found.provoked[0].events != ()
    assert [p.events for p in found.provoked[1:]] == [(), ()]
    assert "bytes that are still read" in found.unreadable[0]


def test_events_are_kept_up_to_a_bound_over_all_of_them(stub: Stub) -> None:
    found = observed(Shop(stub), patience=dataclasses.replace(HASTY, events=1))
    assert len(found.events) == 1
    assert found.unreadable == ("more than 1 events came, and no more were kept",)


def test_a_small_body_that_grows_large_costs_what_it_grew_to(stub: Stub) -> None:
    class Bombing(Shop):
        def send(self, kind: str, data: Any, *, trace: Any = None) -> None:
            super().send("event", "x" * (MAX_BYTES + 1))

    found = observed(Bombing(stub), patience=dataclasses.replace(HASTY, read_bytes=MAX_BYTES + 5))
    assert set(found.unreadable) == {f"it is more than the {n} bytes that are still read" for n in (MAX_BYTES, 5, 0)}
    assert found.events == ()


def test_a_store_that_does_not_stop_ends_the_outages(stub: Stub) -> None:
    found = observed(Shop(stub, stop_fails=True))
    assert [p.name for p in found.provoked] == ["unhandled"]
    assert found.not_done["redis"] == "it does not stop"


def test_a_stack_that_does_not_come_back_is_not_timed(stub: Stub) -> None:
    found = observed(Shop(stub, never_back=True), roles={Role.DB: ("db",)})
    assert found.waiting is None
    assert "did not come back after db" in found.not_done["hanging"]


def test_without_a_failing_request_nothing_is_provoked(stub: Stub) -> None:
    found = observed(Shop(stub), paths=Paths(ok=Request(path="/items")), roles={})
    assert found.provoked == ()
    assert found.not_done["unhandled"] == "not configured: error_path"


def test_a_login_that_is_refused_is_noted(stub: Stub) -> None:
    found = observed(Shop(stub), login=None, roles={})
    assert "no login" in found.not_done["login"]
    assert not found.provoked[0].as_user
    assert "Authorization" in found.secrets


def gather(declared: Target, variants: FakeVariants, stubs: Stubs) -> ErrorTracking:
    meta = gatherer_meta(module.error_tracking._get_wrapped_function())
    assert meta is not None
    result = meta.function(declared, variants, stubs, lambda *_, **__: None)
    assert isinstance(result, ErrorTracking)
    return result


def test_the_variant_has_the_stubs_address_and_no_limit() -> None:
    variants = FakeVariants(error=Inconclusive("it does not come up"))
    with pytest.raises(Inconclusive, match="does not come up"):
        gather(target(), variants, Stubs("process"))
    variables = variants.started[0].environment["api"]
    assert variables["SENTRY_DSN"].startswith("http://")
    assert "@127.0.0.1:" in variables["SENTRY_DSN"]
    assert variables["LIMIT"] == "1000000"


@pytest.mark.parametrize(
    ("changes", "kind", "words"),
    [
        ({"extra": {}}, Inconclusive, "tracking.dsn_env"),
        ({"declined": {"tracking": "nobody reads it"}}, NotApplicable, "nobody reads it"),
        ({"service": None}, Inconclusive, "which service"),
    ],
)
def test_what_is_not_declared_starts_no_variant(changes: dict[str, Any], kind: type[Exception], words: str) -> None:
    variants = FakeVariants()
    with pytest.raises(kind, match=words):
        gather(target(**changes), variants, Stubs("process"))
    assert variants.started == []


def test_a_system_that_runs_elsewhere_is_left_alone() -> None:
    variants = FakeVariants()
    with pytest.raises(Inconclusive, match="runs elsewhere"):
        gather(target(), variants, Stubs("attached"))
    assert variants.started == []


class TestReaching:
    def stack(self, stub: Stub, *, works: str = "", code: int = 127) -> FakeStack:
        def run(_service: str, command: list[str]) -> Completed:
            if command[0] == works:
                httpx.get(f"{stub.url}{PATH}", trust_env=False)
                return Completed(exit_code=0, output="")
            return Completed(exit_code=code, output="")

        return FakeStack(variables={"api": {}}, runtime="compose", run=run)

    def test_any_program_of_the_image_shows_the_way(self, stub: Stub) -> None:
        assert reaches(self.stack(stub, works="wget"), "api", stub) is True

    def test_a_program_that_ran_in_vain_shows_that_there_is_none(self, stub: Stub) -> None:
        assert reaches(self.stack(stub, code=1), "api", stub) is False

    def test_an_image_without_programs_shows_nothing(self, stub: Stub) -> None:
        assert reaches(self.stack(stub), "api", stub) is None
