from __future__ import annotations

import contextlib
import http.server
import json
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast

import pytest

from readiness.declared.retry import Schedule
from readiness.exceptions import StackError
from readiness.facts._codec import decode, encode
from readiness.facts.model import ServiceModel, StackModel
from readiness.facts.start import StackStart
from readiness.facts.startup import Away, Back, LateDependency
from readiness.gather import gatherer_meta, late_dependency
from readiness.gather.late_dependency import LateScenario, Patience, closure_of, ports_of_store
from readiness.instruments.poller import Ask
from readiness.runtime import Capability, Completed, Endpoint, ServiceState, Variant
from readiness.target import Entry, Probe, ProbeKind, ProcessSpec, Request, Role, Target
from readiness.verdict import Inconclusive

SECRET = "correct-horse-battery"
PATIENCE = Patience(
    away=0.3, away_few=0.4, away_at_most=1.0, sign=0.3, ended=0.1, back=0.6, store=0.3, interval=0.01, ask=0.5
)


@dataclass
class FakeStack:
    """A service that answers over real sockets, and is ready when it runs and its database does."""

    port: int
    runtime: str = "compose"
    capabilities: frozenset[Capability] = frozenset(Capability)
    services: tuple[str, ...] = ("api", "db", "cache", "proxy")
    running: set[str] = field(default_factory=lambda: {"cache"})
    started: list[str] = field(default_factory=list)
    has_interpreter: frozenset[str] = frozenset({"api"})
    ends: bool = False
    never_ready: bool = False
    is_restarted: bool = False
    frozen: list[str] = field(default_factory=list)
    lines: list[tuple[float, str]] = field(default_factory=list)
    report: StackStart = field(default_factory=lambda: StackStart(runtime="compose", is_up=True, seconds=0.1))

    @property
    def is_ready(self) -> bool:
        return {"api", "db"} <= self.running and not self.never_ready

    def start(self, service: str) -> None:
        self.started.append(service)
        self.running.add(service)
        if service == "api":
            self.lines.append((time.time(), f"starting with {SECRET}"))
            if self.ends:
                self.running.discard("api")
        if service == "db" and self.is_restarted:
            self.running.add("api")

    def pause(self, service: str) -> None:
        if service not in self.running:
            raise StackError(f"{service} does not run")
        self.frozen.append(service)

    def unpause(self, service: str) -> None:
        self.frozen.remove(service)

    def state(self, service: str) -> ServiceState:
        is_over = service not in self.running
        return ServiceState(
            service=service,
            status="exited" if is_over else "running",
            instance=service,
            started_at="",
            exit_code=3 if is_over else None,
            health="healthy" if service == "db" and not is_over else None,
            restarts=2 if service == "api" and self.is_restarted and "db" in self.running else 0,
        )

    def endpoint(self, service: str, port: int) -> Endpoint:
        if service not in self.running:
            raise StackError(f"{service} has no port now")
        return Endpoint(host="127.0.0.1", port=self.port)

    def logs(self, service: str, *, since: datetime | None = None, tail: int = 1000) -> str:
        begin = since.timestamp() if since is not None else 0.0
        if since is not None and not self.frozen:
            # Somebody who goes on logging while the log is read part by part.
            self.lines.append((time.time(), "one more attempt at db failed"))
        return "".join(f"{line}\n" for at, line in self.lines if at >= begin)

    def environment(self, service: str) -> Mapping[str, str]:
        return {"DATABASE_PASSWORD": SECRET}

    def execute(self, service: str, command: Sequence[str], **_: Any) -> Completed:
        return Completed(exit_code=0 if service in self.has_interpreter else 127, output="")


class FakeListener:
    """Three attempts, each logged a moment after it."""

    def __init__(self, stack: FakeStack) -> None:
        self._stack = stack
        self._due = [0.02, 0.12, 0.24]
        self._began = time.time()
        self._seen: list[float] = []

    def arrivals(self) -> tuple[float, ...]:
        while self._due and time.time() >= self._began + self._due[0]:
            at = self._began + self._due.pop(0)
            self._seen.append(at)
            self._stack.lines.append((at + 0.01, f"attempt {len(self._seen)} at db failed"))
        return tuple(self._seen)


@pytest.fixture
def stack() -> Iterator[FakeStack]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            is_well = self.path == "/live" or fake.is_ready
            with contextlib.suppress(OSError):
                self.send_response(200 if is_well else 503)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the name is the base class's
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        fake = FakeStack(server.server_address[1])
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield fake
        server.shutdown()


ENTRY = Entry(name="direct", service="api", port=8000)
TARGET = Target(
    name="shop",
    folder="/srv/shop",
    service="api",
    entries=(ENTRY,),
    roles={Role.DB: ("db",)},
    probes={
        ProbeKind.LIVE: Probe(kind=ProbeKind.LIVE, path="/live"),
        ProbeKind.READY: Probe(kind=ProbeKind.READY, path="/ready"),
    },
)
MODEL = StackModel(
    services={
        "api": ServiceModel(name="api", depends_on={"db": "service_healthy", "cache": "service_started"}),
        "db": ServiceModel(name="db", image="postgres:16"),
        "cache": ServiceModel(name="cache"),
        "proxy": ServiceModel(name="proxy", depends_on={"api": "service_healthy"}),
    }
)


def scenario(stack: FakeStack, **values: Any) -> tuple[Away, Back]:
    listener = FakeListener(stack)

    @contextlib.contextmanager
    def standing(*_: object) -> Iterator[FakeListener]:
        yield listener

    one = LateScenario(
        target=TARGET,
        stack=cast("Any", stack),
        progress=lambda _what, *, at_most_seconds=None: None,
        **{
            "service": "api",
            "stores": ("db",),
            "between": (),
            "fronts": (),
            "ports": (5432,),
            "asks": {
                name: Ask(name=name, entry=ENTRY, request=Request(path=f"/{name}"), timeout_seconds=0.5)
                for name in ("live", "ready", "ok")
            },
            "schedule": Schedule(),
            "patience": PATIENCE,
            "stand_in": standing,
            **values,
        },
    )
    away, back = one.run()
    fact = LateDependency(service="api", dependency="db", away=away, back=back)
    assert decode(LateDependency, json.loads(json.dumps(encode(fact)))) == fact
    return away, back


def test_attempts_and_their_lines_are_seen(stack: FakeStack) -> None:
    away, back = scenario(stack)
    assert away.attempts is not None
    assert [attempt.lines for attempt in away.attempts] == [
        ("attempt 1 at db failed",),
        ("attempt 2 at db failed",),
        ("attempt 3 at db failed",),
    ]
    assert {said.kind: said.standing for said in away.said} == {"live": "yes", "ready": "no", "ok": "no"}
    assert away.first_end_seconds is None
    assert back.ready_seconds is not None
    assert back.how == "GET /ready and GET /ok"
    assert (back.restarts, back.state) == (0, "running")
    assert stack.started == ["api", "db"]
    assert stack.frozen == []


def test_secrets_are_masked_before_they_are_kept(stack: FakeStack) -> None:
    away, back = scenario(stack)
    assert away.log[0] == "starting with ***"
    assert SECRET not in repr((away, back))


def test_who_ends_is_not_waited_for_as_if_it_tried(stack: FakeStack) -> None:
    stack.ends = True
    began = time.monotonic()
    away, back = scenario(stack)
    assert (away.exit_code, back.ready_seconds, back.state) == (3, None, "exited")
    assert away.first_end_seconds is not None
    assert time.monotonic() - began < PATIENCE.away_at_most + PATIENCE.back


def test_a_service_that_never_gets_ready_is_given_up(stack: FakeStack) -> None:
    stack.never_ready = True
    _, back = scenario(stack)
    assert back.ready_seconds is None
    assert back.seconds >= PATIENCE.back


def test_restarts_are_counted(stack: FakeStack) -> None:
    stack.ends = stack.is_restarted = True
    _, back = scenario(stack)
    assert back.ready_seconds is not None
    assert back.restarts == 2


def test_without_a_listener_the_rest_is_seen_all_the_same(stack: FakeStack) -> None:
    away, back = scenario(stack, unseen="no image has a program that listens")
    assert away.attempts is None
    assert away.unseen == "no image has a program that listens"
    assert back.ready_seconds is not None


def test_a_listener_that_does_not_listen_is_told(stack: FakeStack) -> None:
    def refuse(*_: object) -> contextlib.AbstractContextManager[FakeListener]:
        raise StackError("nothing listens in the place of db")

    away, _ = scenario(stack, stand_in=refuse)
    assert (away.attempts, away.unseen) == (None, "nothing listens in the place of db")


def test_a_declared_schedule_is_watched_to_its_end(stack: FakeStack) -> None:
    away, _ = scenario(stack, schedule=Schedule(base_seconds=0.2, attempts=3), patience=PATIENCE)
    assert away.seconds >= PATIENCE.away_at_most


def test_needs_of_needs_are_found_and_circles_end() -> None:
    circle = {"a": ServiceModel(name="a", depends_on={"b": ""}), "b": ServiceModel(name="b", depends_on={"a": ""})}
    assert closure_of(MODEL, "proxy") == {"proxy", "api", "db", "cache"}
    assert closure_of(StackModel(services=circle), "a") == {"a", "b"}


def test_ports_come_from_the_declaration_else_from_the_kind() -> None:
    processes = {"db": ProcessSpec(command=("db",), port=15432)}
    assert ports_of_store(TARGET, MODEL, "db") == (5432,)
    other = StackModel(services={"db": ServiceModel(name="db", image="mysql:8", ports=(3307,))})
    assert ports_of_store(TARGET, other, "db") == (3306, 3307)
    owned = Target(name="shop", folder="/", processes=processes)
    assert ports_of_store(owned, MODEL, "db") == (15432,)


class Recorded:
    """The variant that was asked for; its start comes to nothing."""

    variant: Variant | None = None

    def __call__(self, variant: Variant) -> contextlib.AbstractContextManager[Any]:
        self.variant = variant
        raise Inconclusive("variant does not come up")


def gathered(stack: FakeStack, target: Target = TARGET) -> tuple[LateDependency | None, Variant | None]:
    meta = gatherer_meta(late_dependency.late_dependency)
    assert meta is not None
    variants = Recorded()

    class Runtime:
        def model(self) -> StackModel:
            return MODEL

    try:
        fact = meta.function(
            target=target, stack=stack, runtime=Runtime(), variants=variants, progress=lambda *_, **__: None
        )
    except Inconclusive:
        return None, variants.variant
    return fact, variants.variant


def test_only_what_the_service_needs_is_started_beside_it(stack: FakeStack) -> None:
    _, variant = gathered(stack)
    assert variant is not None
    assert variant.stopped == ("api", "db", "proxy")
    assert variant.stand_ins["db"].image_of == "api"
    assert variant.health_checks == {"api": ()}


def test_an_image_that_can_listen_is_looked_for(stack: FakeStack) -> None:
    stack.has_interpreter = frozenset({"cache"})
    _, variant = gathered(stack)
    assert variant is not None
    assert variant.stand_ins["db"].image_of == "cache"
    stack.has_interpreter = frozenset()
    _, variant = gathered(stack)
    assert variant is not None
    assert variant.stand_ins == {}


def test_a_stack_without_a_database_is_left_alone(stack: FakeStack) -> None:
    fact, variant = gathered(stack, Target(name="shop", folder="/", service="api", entries=(ENTRY,)))
    assert variant is None
    assert fact is not None
    assert fact.not_done == "the stack has no database that could be late"


def test_nobody_under_audit_is_no_verdict(stack: FakeStack) -> None:
    assert gathered(stack, Target(name="shop", folder="/")) == (None, None)
