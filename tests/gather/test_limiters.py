from __future__ import annotations

import contextlib
import http.server
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from http import HTTPStatus
from typing import Any

import pytest

from readiness.exceptions import StackError
from readiness.facts._codec import decode, encode
from readiness.facts.limiter import DeployedLimit, Figures, SharedLimit, SmallLimit
from readiness.gather import _limiting, gatherer_meta, limiter_deployed, limiter_shared, limiter_small, limiter_wide
from readiness.gather._limiting import Caller, clients, figures_of, lowered
from readiness.gather.limiter_shared import SharedPlan, watch
from readiness.gather.limiter_small import SmallPlan, examine, relogin
from readiness.instruments.client import HttpClient
from readiness.instruments.stores import Counter
from readiness.runtime import Capability, Completed, Endpoint
from readiness.target import Entry, Limit, Login, Probe, ProbeKind, Request, Role, Target
from readiness.verdict import Inconclusive, NotApplicable

PASSWORD = "a-long-password-of-alice"
ENTRY = Entry(name="direct", service="api", port=8000)
FIGURES = Figures(requests=5, window_seconds=10.0)
PLAN = SmallPlan(at_once=8)
LIMIT = Limit(path="/items", requests=5, window_seconds=10.0, key="user", exempt=("/health",))


@dataclass
class Limiter:
    """A service with a token bucket per caller. Its clock stands still unless a gatherer waits."""

    capacity: int = 5
    per_second: float = 0.5
    now: float = 0.0
    per_token: bool = False
    believes_header: bool = False
    forgives: bool = True
    exempt: tuple[str, ...] = ("/health",)
    refuses_all: bool = False
    fails: bool = False
    asks_store: bool = True
    commands: float = 0.0
    buckets: dict[str, tuple[float, float]] = field(default_factory=dict)
    logins: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str], str]:
        path = path.partition("?")[0]
        with self.lock:
            if path in {"/register", "/login"}:
                self.logins += 1
                token = f"{json.loads(body)['name']}#{self.logins}"
                return 200, {}, json.dumps({"access_token": token})
            if path in self.exempt:
                return 200, {}, "ok"
            who = headers.get("authorization", "address")
            if not self.per_token:
                who = who.partition("#")[0]
            if self.believes_header and who == "address":
                who = headers.get("x-forwarded-for", who)
            return self._limited(method, path, who)

    def _limited(self, method: str, path: str, who: str) -> tuple[int, dict[str, str], str]:
        if self.fails:
            return 503, {}, ""
        self.commands += self.asks_store
        left, at = self.buckets.get(who, (float(self.capacity), self.now))
        left = min(self.capacity, left + (self.now - at) * self.per_second * self.forgives)
        if left < 1 or self.refuses_all:
            self.buckets[who] = (left, self.now)
            return 429, {"Retry-After": "2", "X-RateLimit-Remaining": "0"}, json.dumps({"error": "rate_limit_exceeded"})
        self.buckets[who] = (left - 1, self.now)
        known = path in {"/items", "/me"} and method == "GET"
        return (200 if known else 404), {"X-RateLimit-Remaining": str(int(left - 1))}, "[]"


@contextlib.contextmanager
def serving(limiter: Limiter) -> Iterator[int]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, extra, text = limiter.answer(self.command, self.path, headers, body)
            self.send_response(status)
            for name, value in {**extra, "Content-Length": str(len(text))}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(text.encode())

        do_GET = do_POST = do_HEAD = answer  # noqa: N815  # the library's names

        def log_message(self, *arguments: object) -> None:
            pass

    class Server(http.server.ThreadingHTTPServer):
        request_queue_size = 128

        def handle_error(self, *arguments: object) -> None:
            pass  # a client that gave up, which is what some tests are about

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


class FakeStack:
    """One port for everything, a log, and a store that only counts."""

    runtime = "compose"
    services = ("api", "cache", "worker")
    capabilities = frozenset(Capability)

    def __init__(self, port: int, limiter: Limiter) -> None:
        self.port, self.limiter = port, limiter
        self.done: list[tuple[str, str]] = []
        self.log = ""
        self.elsewhere = Completed(exit_code=0, output="200\n")
        self.on: Callable[[str], None] = lambda _: None

    def endpoint(self, service: str, port: int) -> Endpoint:
        return Endpoint(host="127.0.0.1", port=self.port)

    def environment(self, service: str) -> dict[str, str]:
        return {}

    def logs(self, service: str, *, since: datetime | None = None, tail: int = 1000) -> str:
        return self.log

    def execute(self, service: str, command: Any, *, timeout_seconds: float = 30.0) -> Completed:
        return self.elsewhere

    def _do(self, what: str, service: str) -> None:
        self.done.append((what, service))
        self.on(what)

    def stop(self, service: str) -> None:
        self._do("stop", service)

    def start(self, service: str) -> None:
        self._do("start", service)

    def pause(self, service: str) -> None:
        self._do("pause", service)

    def unpause(self, service: str) -> None:
        self._do("unpause", service)


def target(**changes: Any) -> Target:
    login = Login(
        register=Request(method="POST", path="/register", json={"name": "{name}"}),
        request=Request(method="POST", path="/login", json={"name": "{name}", "password": "{password}"}),
        users=({"name": "alice", "password": PASSWORD},),
    )
    values: dict[str, Any] = {
        "name": "shop",
        "folder": "shop",
        "service": "api",
        "entries": (ENTRY,),
        "roles": {Role.REDIS: ("cache",)},
        "probes": {ProbeKind.LIVE: Probe(kind=ProbeKind.LIVE, path="/health")},
        "login": login,
        "limits": (LIMIT,),
        "openapi": {
            "openapi": "3.1.0",
            "paths": {
                "/items": {"get": {}, "post": {}},
                "/me": {"get": {}},
                "/things/{id}": {"get": {}},
                "/health": {"get": {}},
            },
        },
        **changes,
    }
    return Target(**values)


def small(
    limiter: Limiter,
    declared: Target | None = None,
    *,
    output: Completed | None = None,
    figures: Figures = FIGURES,
    plan: SmallPlan = PLAN,
) -> SmallLimit:
    async def sleep(seconds: float) -> None:
        limiter.now += seconds

    with serving(limiter) as port:
        stack = FakeStack(port, limiter)
        if output is not None:
            stack.elsewhere = output
        fact = examine(
            declared or target(),
            stack,  # type: ignore[arg-type]  # a fake
            (declared or target()).limits[0],
            figures,
            plan,
            is_lowered=True,
            clock=lambda: limiter.now,
            sleep=sleep,
        )
    assert decode(SmallLimit, json.loads(json.dumps(encode(fact)))) == fact
    assert PASSWORD not in json.dumps(encode(fact))
    return fact


def test_a_sound_limiter_is_seen_as_it_is() -> None:
    fact = small(Limiter())
    burst = fact.phase("all at once")
    assert burst is not None
    assert (burst.let_through, burst.refused) == (5, 10)
    # What is tried beside the waits may move the clock, and so give a token back before the first refusal.
    statuses = [answer.status for answer in fact.answers]
    assert statuses[:5] == [200] * 5
    assert statuses[5:] == [200] * (len(statuses) - 6) + [429]
    assert fact.answers[0].first("x-ratelimit-remaining") == "4"
    assert fact.reopened is not None
    assert (fact.reopened.announced_seconds, fact.reopened.later_status) == (2.0, 200)
    assert fact.reopened.early_announced_seconds == 2.0
    assert [refill.let_through >= 1 for refill in fact.refills] == [True, True]
    assert {t.name for t in fact.operations} == {"GET /items", "GET /me", "GET /things/1"}
    assert all(t.statuses[-1] == 429 for t in (*fact.operations, *fact.spoofs))
    assert all(t.statuses == (200,) * 10 for t in (*fact.exempt, *fact.probes))
    assert [t.statuses[0] for t in fact.users] == [429, 200]
    assert fact.addresses[0].statuses == (200, 200)
    assert fact.not_done == {}


def test_an_address_that_is_refused_even_after_a_rest_had_spent_its_own_allowance() -> None:
    seen = small(Limiter(), output=Completed(exit_code=0, output="429\n")).addresses[0]
    assert seen.is_refused
    assert seen.rested == 429


def test_a_new_login_that_gives_a_new_allowance_is_seen() -> None:
    fact = small(Limiter(per_token=True))
    assert fact.users[0].has_evaded


def test_a_token_of_the_same_second_is_the_same_text_and_the_next_second_gives_another() -> None:
    class BySeconds(Limiter):
        def answer(
            self, method: str, path: str, headers: dict[str, str], body: bytes
        ) -> tuple[int, dict[str, str], str]:
            self.logins = int(self.now) - 1
            return super().answer(method, path, headers, body)

    limiter = BySeconds()

    def sleep(seconds: float) -> None:
        limiter.now += seconds

    with serving(limiter) as port:
        stack: Any = FakeStack(port, limiter)
        (first,) = clients(target(), stack, LIMIT, "limit", 1)
        again = relogin(target(), stack, first, sleep=sleep)
        assert again is not None
        assert again.headers != first.headers
        assert relogin(target(), stack, again, sleep=lambda _: None) is None


def test_a_believed_header_is_seen_to_evade() -> None:
    fact = small(Limiter(believes_header=True))
    assert {t.name.partition(":")[0] for t in fact.spoofs if t.has_evaded} == {"X-Forwarded-For"}


def test_a_believed_header_is_seen_where_each_address_has_a_small_allowance() -> None:
    figures = Figures(requests=2, window_seconds=60.0, key="address")
    limit = replace(LIMIT, requests=2, window_seconds=60.0, key="address", exempt=())
    fact = small(
        Limiter(capacity=2, per_second=1 / 30, believes_header=True),
        target(limits=(limit,), openapi=None),
        figures=figures,
    )
    assert {t.name.partition(":")[0] for t in fact.spoofs if t.has_evaded} == {"X-Forwarded-For"}


class OfPages(Limiter):
    """Limits what lies below /api; whatever else is asked for gets the frame of its pages."""

    def answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str], str]:
        plain = path.partition("?")[0]
        if plain.startswith("/api/"):
            status, more, text = super().answer(method, path.replace("/api/", "/"), headers, body)
            return status, {**more, "Content-Type": "application/json"}, text
        if plain in {"/register", "/login", *self.exempt}:
            return super().answer(method, path, headers, body)
        return 200, {"Content-Type": "text/html"}, f"<html>{path if self.fails_to_repeat else ''}"

    fails_to_repeat: bool = False


@pytest.mark.parametrize("is_new_each_time", [False, True], ids=["the same text", "a text for each request"])
def test_the_frame_of_pages_is_no_other_spelling_of_the_path(is_new_each_time: bool) -> None:
    limiter = OfPages()
    limiter.fails_to_repeat = is_new_each_time
    fact = small(limiter, target(limits=(replace(LIMIT, path="/api/items"),), openapi=None))
    assert not [t.name for t in fact.variants if t.has_evaded]
    assert "with a query" in {t.name for t in fact.variants}


def test_what_another_limit_counts_or_leaves_out_is_not_tried_as_an_operation() -> None:
    apart = Limit(path="/me", requests=30, key="user")
    strangers = Limit(path="/items", requests=5, window_seconds=10.0, key="address", exempt=("/free",))
    document = {"openapi": "3.1.0", "paths": {path: {"get": {}} for path in ("/items", "/me", "/free")}}
    fact = small(Limiter(), target(limits=(LIMIT, apart, strangers), openapi=document))
    assert [t.name for t in fact.operations] == ["GET /items"]


def test_operations_that_take_a_body_are_tried_with_an_example() -> None:
    class WritesFreely(Limiter):
        def answer(
            self, method: str, path: str, headers: dict[str, str], body: bytes
        ) -> tuple[int, dict[str, str], str]:
            if path == "/orders":
                return (201 if json.loads(body) == {"item": "tea"} else 422), {}, "{}"
            return super().answer(method, path, headers, body)

    schema = {"type": "object", "required": ["item"], "properties": {"item": {"type": "string", "example": "tea"}}}
    order = {"requestBody": {"content": {"application/json": {"schema": schema}}}}
    document = {"openapi": "3.1.0", "paths": {"/items": {"get": {}}, "/orders": {"post": order}}}
    fact = small(WritesFreely(), target(openapi=document))
    found = {t.name: t for t in fact.operations}
    assert set(found) == {"GET /items", "POST /orders"}
    assert found["POST /orders"].has_evaded


def test_a_stream_costs_one_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    class Streams(Limiter):
        def answer(
            self, method: str, path: str, headers: dict[str, str], body: bytes
        ) -> tuple[int, dict[str, str], str]:
            if path == "/me":
                is_over.wait(5)
            return super().answer(method, path, headers, body)

    is_over = threading.Event()
    monkeypatch.setattr(_limiting, "TIMEOUT_SECONDS", 0.3)
    limiter = Streams()
    fact = small(limiter)
    is_over.set()
    assert [t.statuses for t in fact.operations if t.path == "/me"] == [(0,)]


def test_operations_have_a_budget_of_time() -> None:
    fact = small(Limiter(), plan=SmallPlan(at_once=8, operations_seconds=0.0))
    assert len(fact.operations) < 3
    assert "operations were not asked" in fact.not_done["operations"]


def test_what_was_seen_is_kept_where_time_is_up() -> None:
    class Slow(Limiter):
        def answer(
            self, method: str, path: str, headers: dict[str, str], body: bytes
        ) -> tuple[int, dict[str, str], str]:
            if path == "/me":
                is_over.wait(5)
            return super().answer(method, path, headers, body)

    is_over = threading.Event()
    fact = small(Slow(), plan=SmallPlan(at_once=8, at_most_seconds=1.5))
    is_over.set()
    assert fact.phase("all at once") is not None
    assert fact.users
    assert not fact.addresses
    assert fact.not_done["cut"] == fact.not_done["anonymous"] == "cut short: the experiments took longer than 1.5 s"


def test_where_another_user_is_refused_a_stranger_asks_too() -> None:
    class OfAll(Limiter):
        def _limited(self, method: str, path: str, who: str) -> tuple[int, dict[str, str], str]:
            return super()._limited(method, path, "address")

    fact = small(OfAll())
    other = next(t for t in fact.users if t.name == "another user")
    assert (other.statuses, other.stranger) == ((429,), 429)


def test_a_refusal_without_end_is_watched_for_a_whole_window() -> None:
    fact = small(Limiter(forgives=False))
    assert fact.reopened is not None
    assert (fact.reopened.later_status, fact.reopened.last_status) == (429, 429)
    assert fact.reopened.last_seconds == 11.0


def test_a_service_without_a_limiter_is_recorded_as_such() -> None:
    fact = small(Limiter(capacity=10_000))
    assert not fact.has_refused
    assert fact.not_done["exhausted"] == "no refusal in 15 requests"


def test_a_service_that_refuses_everything_leaves_nothing_to_try() -> None:
    fact = small(Limiter(refuses_all=True))
    assert all(phase.let_through == 0 for phase in fact.phases)


def test_without_a_document_no_operation_is_tried() -> None:
    fact = small(Limiter(), target(openapi=None))
    assert fact.operations == ()
    assert "OpenAPI" in fact.not_done["operations"]


def test_no_second_address_is_said() -> None:
    fact = small(Limiter(), output=Completed(exit_code=127, output=""))
    assert fact.addresses[0].statuses == ()
    assert "exit code 127" in fact.addresses[0].problem


def test_a_single_identity_rests_between_the_experiments() -> None:
    fact = small(Limiter(), target(login=Login(static={"api_key": {"header": "Authorization", "value": "key-of-all"}})))
    assert [refill.let_through >= 1 for refill in fact.refills] == [True, True]
    assert "second user" in fact.not_done["another user"]


def test_a_login_that_fails_is_inconclusive() -> None:
    login = replace(target().login or Login(), request=Request(method="POST", path="/nowhere", json={"name": "{name}"}))
    with pytest.raises(Inconclusive, match="was not accepted"):
        small(Limiter(), target(login=login))


def test_a_limit_per_user_without_a_login_is_inconclusive() -> None:
    with pytest.raises(Inconclusive, match="nobody can be logged in"):
        gatherer_meta_of(limiter_small.small_limit)(target(login=None), None)


def test_no_declared_limit_is_inconclusive_and_a_declined_one_not_applicable() -> None:
    with pytest.raises(Inconclusive, match="not configured: limit"):
        gatherer_meta_of(limiter_small.small_limit)(target(limits=()), None)
    with pytest.raises(NotApplicable, match="one user"):
        gatherer_meta_of(limiter_small.small_limit)(target(limits=(), declined={"limit": "one user"}), None)


def test_a_figure_too_large_for_every_experiment_is_inconclusive() -> None:
    with pytest.raises(Inconclusive, match="no variable lowers it"):
        gatherer_meta_of(limiter_small.small_limit)(target(limits=(replace(LIMIT, requests=5000),)), None)


def gatherer_meta_of(fixture: Any) -> Callable[..., Any]:
    meta = gatherer_meta(fixture._get_wrapped_function())
    assert meta is not None
    return meta.function


def test_small_figures_are_set_for_users_and_addresses_alike() -> None:
    user = Limit(path="/", requests=100, key="user", env={"requests": "PER_USER", "window_seconds": "WINDOW"})
    address = Limit(path="/", requests=50, key="address", env={"requests": "PER_ADDRESS"})
    found = lowered(target(limits=(user, address)), user, requests=12, window_seconds=24.0)
    assert found.environment == {"PER_USER": "12", "WINDOW": "24", "PER_ADDRESS": "12"}
    assert found.figures == Figures(requests=12, window_seconds=24.0)
    assert found.strangers == Figures(requests=12, window_seconds=60.0, key="address")
    plain = lowered(target(), LIMIT, requests=12)
    assert (plain.environment, plain.is_lowered, plain.figures) == ({}, False, figures_of(LIMIT))


@pytest.mark.parametrize(("per_address", "expected"), [(1000, 120), (2000, 240), (150, 120), (110, 110)])
def test_a_wider_limit_per_address_stays_wider(per_address: int, expected: int) -> None:
    user = Limit(path="/", requests=100, key="user", env={"requests": "PER_USER", "window_seconds": "WINDOW"})
    address = Limit(path="/", requests=per_address, key="address", env={"requests": "PER_ADDRESS"})
    found = lowered(target(limits=(user, address)), user, requests=12, window_seconds=24.0)
    assert found.environment.get("PER_ADDRESS", str(per_address)) == str(expected)
    assert found.strangers == Figures(requests=expected, window_seconds=60.0, key="address")


def deployed(limiter: Limiter, declared: Target) -> DeployedLimit:
    with serving(limiter) as port:
        stack = FakeStack(port, limiter)
        with HttpClient(stack) as http:  # type: ignore[arg-type]  # a fake
            return gatherer_meta_of(limiter_deployed.deployed_limit)(declared, stack, http, None)


def test_the_deployed_limit_is_met_once_with_an_allowed_origin() -> None:
    fact = deployed(Limiter(), target(origins=("https://app.example.com",)))
    assert fact.phase is not None
    assert (fact.phase.let_through, fact.phase.refused) == (5, 20)
    assert fact.refusal is not None
    assert ("Origin", "https://app.example.com") in fact.refusal.request_headers
    # What is tried beside the waits may move the clock, and so give a token back before the first refusal.
    statuses = [answer.status for answer in fact.answers]
    assert statuses[:5] == [200] * 5
    assert statuses[5:] == [200] * (len(statuses) - 6) + [429]
    assert "token" not in json.dumps(encode(fact))


@dataclass
class Window(Limiter):
    """Counts in a window that turns once, before the request of this number."""

    turns_before: int = 0
    seen: int = 0

    def _limited(self, method: str, path: str, who: str) -> tuple[int, dict[str, str], str]:
        self.seen += 1
        if self.seen == self.turns_before:
            self.buckets.clear()
        return super()._limited(method, path, who)


def test_a_window_that_turns_in_the_burst_is_met_and_another_caller_tells() -> None:
    limit = replace(LIMIT, requests=100, window_seconds=60.0)
    fact = deployed(Window(capacity=100, turns_before=86), target(limits=(limit,)))
    assert fact.phase is not None
    assert (fact.phase.let_through, fact.phase.refused) == (185, 20)
    assert fact.again is not None
    assert (fact.again.let_through, fact.again.refused) == (100, 20)


@pytest.mark.parametrize(("window", "again"), [(30.0, 5), (90.0, None)], ids=["waited out", "too long"])
def test_who_is_alone_meets_the_limit_again_a_window_later(window: float, again: int | None) -> None:
    limiter = Window(turns_before=4)

    async def sleep(seconds: float) -> None:
        assert seconds > window
        limiter.buckets.clear()

    with serving(limiter) as port:
        figures, caller = replace(FIGURES, window_seconds=window), Caller(name="alone")
        stack: Any = FakeStack(port, limiter)
        fact = limiter_deployed.meet(target(), stack, caller, figures, Request(path="/items"), sleep=sleep)
    assert fact.phase is not None
    assert fact.phase.let_through == 8
    assert (fact.again.let_through if fact.again else None) == again


def test_a_running_system_is_not_sent_a_burst() -> None:
    class Attached(FakeStack):
        capabilities = frozenset({Capability.LOGS})

    with pytest.raises(Inconclusive, match="somebody else uses"):
        gatherer_meta_of(limiter_deployed.deployed_limit)(target(), Attached(1, Limiter()), None, None)


def test_a_service_that_is_gone_fails_every_request_of_the_burst() -> None:
    fact = deployed(Limiter(fails=True), target())
    assert fact.phase is not None
    assert fact.phase.failed == len(fact.phase.shots)


def shared(limiter: Limiter, change: Callable[[FakeStack, str], None] = lambda _s, _w: None) -> SharedLimit:
    def sleep(seconds: float) -> None:
        limiter.now += seconds

    with serving(limiter) as port:
        stack = FakeStack(port, limiter)
        stack.log = "Started server process [11]\nStarted server process [12]\n"
        stack.on = lambda what: change(stack, what)
        counter = Counter(service="cache", unit="commands", read=lambda: limiter.commands)
        plan = SharedPlan(counted=6, recovery_seconds=5.0)
        return watch(
            target(),
            stack,
            FIGURES,
            counter,
            processes=2,
            plan=plan,
            clock=lambda: limiter.now,
            sleep=sleep,  # type: ignore[arg-type]
        )


def away(stack: FakeStack, what: str) -> None:
    """A sound fallback: the store is asked nothing while it is away, and a warning says so."""
    stack.limiter.asks_store = what in {"start", "unpause"}
    if what in {"stop", "pause"}:
        stack.log += '{"level": "warning", "event": "rate limit check failed, falling back to memory"}\n'


def test_two_processes_one_limit_and_an_outage_are_recorded() -> None:
    fact = shared(Limiter(), away)
    assert fact.processes_seen == 2
    assert fact.attempts[0].let_through == 5
    assert fact.commands_per_request == 1.0
    assert [o.how for o in fact.outages] == ["stopped", "paused"]
    assert [o.recovered_seconds for o in fact.outages] == [0.0, 0.0]
    assert all("falling back" in o.warnings[0] for o in fact.outages)
    assert all(o.phase.let_through == 5 for o in fact.outages)


@pytest.mark.parametrize(("window", "attempts"), [(10.0, [9, 5]), (90.0, [9])], ids=["waited out", "too long"])
def test_who_is_alone_asks_again_a_window_later(window: float, attempts: list[int]) -> None:
    limiter = Limiter(capacity=9, per_second=1.0)

    def sleep(seconds: float) -> None:
        # The window that turned in the middle of the first burst does not turn in the second one.
        limiter.now, limiter.capacity = limiter.now + seconds, 5

    with serving(limiter) as port:
        fact = watch(
            replace(target(), login=None, limits=(replace(LIMIT, key="address"),)),
            FakeStack(port, limiter),
            replace(FIGURES, window_seconds=window),
            None,
            processes=2,
            plan=SharedPlan(),
            sleep=sleep,
        )
    assert [phase.let_through for phase in fact.attempts] == attempts


def test_a_store_that_is_never_asked_again_is_recorded_after_the_bound() -> None:
    def for_ever(stack: FakeStack, what: str) -> None:
        stack.limiter.asks_store = False

    fact = shared(Limiter(), for_ever)
    assert fact.outages[0].recovered_seconds is None
    assert fact.outages[0].watched_seconds >= 5.0


def test_a_store_that_the_limiter_does_not_use_is_left_alone() -> None:
    fact = shared(Limiter(asks_store=False))
    assert fact.commands_per_request == 0.0
    assert fact.outages == ()


def test_the_store_comes_back_whatever_happens() -> None:
    def breaks(stack: FakeStack, what: str) -> None:
        if what == "stop":
            raise StackError("cannot be stopped")

    with pytest.raises(StackError, match="cannot be stopped"):
        shared(Limiter(), breaks)


def test_a_request_line_or_a_refusal_in_the_log_is_no_warning() -> None:
    lines = [
        '{"level": "warning", "event": "request", "path": "/items", "status": 429}',
        "WARN rate limit exceeded for user 7",
    ]
    assert not any(limiter_shared.is_warning(line) for line in lines)
    assert limiter_shared.is_warning('{"level":40,"msg":"rate limit store unreachable"}')
    assert limiter_shared.is_warning("WARNING: Redis rate limit check failed. Falling back to in-memory")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("Redis rate limit check failed. Falling back to in-memory", True),
        ("12:00:01 WRN rate limiter: redis unreachable, using local counters", True),
        ("W0102 15:04:05.000000 7 limiter.go:12] rate limit store is away", True),
        ("Rate limiter: redis down, using in-memory counters [warning]", True),
        ("INFO rate limiter: redis unreachable, falling back to memory", False),
        ('{"level":30,"msg":"rate limit store unavailable, using memory"}', False),
        ("rate limiter connected to redis", False),
        ("rate limit exceeded for 10.0.0.7", False),
    ],
)
def test_a_warning_without_a_level_word_tells_of_trouble(line: str, expected: bool) -> None:
    assert limiter_shared.is_warning(line) is expected


def test_processes_that_nobody_asked_for_are_met_too() -> None:
    limiter = Limiter()
    with serving(limiter) as port:
        stack: Any = FakeStack(port, limiter)
        stack.log = "\n".join(f"Booting worker with pid: {pid}" for pid in range(10, 14))
        stack.on = lambda what: away(stack, what)
        counter = Counter(service="cache", unit="commands", read=lambda: limiter.commands)
        plan = SharedPlan(counted=6, recovery_seconds=1.0, quiet_seconds=0.0)
        fact = watch(target(), stack, FIGURES, counter, processes=1, plan=plan, sleep=lambda _: None)
    assert (fact.processes_wanted, fact.processes_seen) == (1, 4)
    assert len(fact.attempts[0].shots) == (4 + 1) * 5
    assert [len(outage.phase.shots) for outage in fact.outages] == [(2 * 4 + 1) * 5] * 2


def test_a_hang_while_the_store_is_paused_ends_the_phase(monkeypatch: pytest.MonkeyPatch) -> None:
    class Hanging(Limiter):
        def answer(
            self, method: str, path: str, headers: dict[str, str], body: bytes
        ) -> tuple[int, dict[str, str], str]:
            if is_paused.is_set():
                is_over.wait(5)
            return super().answer(method, path, headers, body)

    is_paused, is_over = threading.Event(), threading.Event()

    def hang(stack: FakeStack, what: str) -> None:
        away(stack, what)
        is_paused.set() if what == "pause" else is_paused.clear()
        if what == "unpause":
            is_over.set()

    monkeypatch.setattr(_limiting, "TIMEOUT_SECONDS", 0.2)
    fact = shared(Hanging(), hang)
    paused = fact.outages[1].phase
    assert paused.failed == len(paused.shots)
    assert 16 <= len(paused.shots) < 25


def test_without_declared_wide_limits_nothing_is_started() -> None:
    with pytest.raises(NotApplicable, match="neither"):
        gatherer_meta_of(limiter_wide.wide_limit)(target(), None)


def test_a_wide_limit_without_a_variable_is_not_looked_for() -> None:
    wide = Limit(path="/items", requests=1000, key="global")
    fact = gatherer_meta_of(limiter_wide.wide_limit)(target(limits=(replace(LIMIT, requests=100), wide)), None)
    assert "limit.env.requests" in fact.not_done["together"]


def test_without_a_switch_nothing_is_switched_off() -> None:
    fact = gatherer_meta_of(limiter_wide.switched_off_limit)(target(), None)
    assert fact.phase is None
    assert "limit.env.enabled" in fact.reason


def test_both_wide_limits_are_looked_for_by_callers_of_their_own() -> None:
    hourly = Limit(path="/items", requests=3000, window_seconds=3600.0, key="user", env={"requests": "PER_HOUR"})
    together = Limit(path="/items", requests=6000, key="global", env={"requests": "TOGETHER"})
    limiter = Limiter(capacity=20)
    with serving(limiter) as port:
        stack = FakeStack(port, limiter)
        fact = limiter_wide.reach(
            target(limits=(LIMIT, hourly, together)),
            stack,  # type: ignore[arg-type]  # a fake
            hourly=hourly,
            together=together,
            not_done={},
        )
    assert fact.hourly is not None
    assert (fact.hourly.let_through, fact.hourly.refused) == (20, 2)
    assert fact.retry_after == "2"
    assert fact.together is not None
    # Nobody was refused: perhaps a window turned, so four more are asked.
    assert (fact.together.let_through, fact.together.refused) == (128, 0)
    assert fact.together.used_before == 2 * 5 + 22


@dataclass
class Together(Limiter):
    """Counts all callers' requests beyond the logins in one."""

    of_all: int = 40

    def _limited(self, method: str, path: str, who: str) -> tuple[int, dict[str, str], str]:
        if self.of_all < 1:
            return 429, {"Retry-After": "1"}, "{}"
        status, headers, text = super()._limited(method, path, who)
        self.of_all -= status != HTTPStatus.TOO_MANY_REQUESTS
        return status, headers, text


@pytest.mark.parametrize(
    ("limiter", "passed"),
    [(Together(capacity=40), [16, 16, 8]), (Limiter(capacity=10), [10, 10, 10, 10])],
    ids=["counted together", "each by a limit of its own"],
)
def test_all_callers_are_asked_until_one_is_refused_before_its_turn(limiter: Limiter, passed: list[int]) -> None:
    together = Limit(path="/items", requests=6000, key="global", env={"requests": "TOGETHER"})
    with serving(limiter) as port:
        stack: Any = FakeStack(port, limiter)
        fact = limiter_wide.reach(target(limits=(LIMIT, together)), stack, hourly=None, together=together, not_done={})
    assert fact.together is not None
    assert [phase.let_through for phase in fact.together.phases] == passed


def test_a_shorter_limit_in_the_way_is_said() -> None:
    hourly = Limit(path="/items", requests=3000, window_seconds=3600.0, key="user", env={"requests": "PER_HOUR"})
    together = Limit(path="/items", requests=6000, key="global", env={"requests": "TOGETHER"})
    fact = gatherer_meta_of(limiter_wide.wide_limit)(target(limits=(LIMIT, hourly, together)), None)
    assert fact.not_done == dict.fromkeys(
        ("hourly", "together"), "5 in 10 s per user refuse a caller before this limit is met"
    )
