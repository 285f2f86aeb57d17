from __future__ import annotations

import contextlib
import http.server
import json
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest

from readiness.exceptions import StackError
from readiness.facts._codec import decode, encode
from readiness.facts.containers import Container
from readiness.facts.scaled import ScaledStack
from readiness.gather import gatherer_meta
from readiness.gather import scaled_stack as module
from readiness.gather.scaled_stack import ScalePlan, disturb, phases_of, proxied_entry
from readiness.instruments.poller import Ask, Sample
from readiness.instruments.steady_load import SteadyLoad
from readiness.runtime import Capability, Endpoint, Stack
from readiness.target import Entry, Login, Paths, Probe, ProbeKind, Request, Role, Target
from tests.gather.asked import FakeVariants

PLAN = ScalePlan(
    per_second=100.0,
    patience_seconds=2.0,
    rest_seconds=0.2,
    between_seconds=0.1,
    ready_seconds=0.5,
    after_seconds=0.2,
)
PROXY = Entry(name="proxy", service="proxy", port=80)


@dataclass
class World:
    """Replicas behind a proxy; which statuses it answers is for the tests to say. Each replica has sessions of its own, or all have the same."""

    port: int = 0
    status: int = 200
    ids: list[str] = field(default_factory=lambda: ["a", "b"])
    health: str | None = "healthy"
    capabilities: frozenset[Capability] = frozenset(Capability)
    runtime: str = "compose"
    fails_while_replaced: bool = False
    fails_after_kill: bool = False
    never_ready: bool = False
    problem: str = ""
    replaced: list[str] = field(default_factory=list)
    killed: list[str] = field(default_factory=list)
    apart: bool = False
    ports: dict[str, int] = field(default_factory=dict)
    sessions: dict[int, set[str]] = field(default_factory=dict)
    answered: int = 0
    looks: int = 0
    given_up: str = ""

    def sleep(self, seconds: float) -> None:
        """Until some more requests were answered, however slow this machine is just now."""
        enough, deadline = self.answered + 10, time.monotonic() + 20
        time.sleep(min(seconds, 0.05))
        while self.answered < enough and time.monotonic() < deadline:
            time.sleep(0.01)

    def endpoint(self, service: str, port: int) -> Endpoint:
        del service, port
        return Endpoint(host="127.0.0.1", port=self.port)

    def replica_endpoints(self, service: str, port: int) -> Mapping[str, Endpoint]:
        del service, port
        return {name: Endpoint(host="127.0.0.1", port=self.ports.get(name, self.port)) for name in self.ids}

    def containers(self, service: str) -> tuple[Container, ...]:
        health = "starting" if self.never_ready and self.replaced else self.health
        return tuple(
            Container(service=service, number=n, id=i, image="x", status="running", health=health)
            for n, i in enumerate(self.ids)
        )

    def replace(self, service: str, container: str) -> None:
        del service
        if self.problem:
            raise StackError(self.problem)
        if self.fails_while_replaced:
            self.status = 502
            self.sleep(0.1)
            self.status = 200
        self.ids[self.ids.index(container)] = f"{container}2"
        self.replaced.append(container)

    def update(self, service: str) -> None:
        del service
        self.replaced.append("all")

    def is_updated(self, service: str) -> bool:
        """With every look one more replica is another one."""
        del service
        if self.given_up:
            raise StackError(self.given_up)
        if self.never_ready or self.looks == len(self.ids):
            return not self.never_ready
        self.ids[self.looks] += "2"
        self.looks += 1
        return False

    def kill(self, service: str, container: str) -> None:
        del service
        self.ids.remove(container)
        self.killed.append(container)
        if self.fails_after_kill:
            self.status = 502

    def environment(self, service: str) -> Mapping[str, str]:
        del service
        return {}


@contextlib.contextmanager
def serving(world: World, replica: str = "") -> Iterator[int]:
    """A server for the proxy, or for one replica."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            known = world.sessions.setdefault(0 if not world.apart else self.server.server_port, set())
            status, text = world.status, "{}"
            if self.path == "/login":
                known.add(json.loads(body)["name"])
                text = json.dumps({"access_token": json.loads(body)["name"]})
            elif self.path == "/me":
                status = 200 if self.headers.get("authorization", "").removeprefix("Bearer ") in known else 401
            elif self.path == "/items" and self.command == "POST":
                known.add("item")
                status, text = 201, json.dumps({"id": 7})
            elif self.path == "/items/7":
                status = 200 if "item" in known else 404
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())
            world.answered += 1

        do_GET = do_POST = answer  # noqa: N815  # the library's names

        def log_message(self, *arguments: object) -> None:
            pass

    class Server(http.server.ThreadingHTTPServer):
        request_queue_size = 128

    server = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    if replica:
        world.ports[replica] = server.server_port
    else:
        world.port = server.server_port
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


def target(**changes: Any) -> Target:
    values: dict[str, Any] = {
        "name": "shop",
        "folder": "shop",
        "service": "api",
        "entries": (PROXY, Entry(name="direct", service="api", port=8000)),
        "roles": {Role.PROXY: ("proxy",)},
        "paths": Paths(ok=Request(path="/"), private=Request(path="/me", as_user="user")),
        "login": Login(
            request=Request(method="POST", path="/login", json={"name": "{name}", "password": "{password}"}),
            users=({"name": "alice", "password": "a-long-password"},),
        ),
        "extra": {
            "record": {
                "create": {"method": "POST", "path": "/items", "as": "user", "id": "id"},
                "read": {"path": "/items/{id}", "as": "user"},
            }
        },
    }
    return Target(**(values | changes))


def disturbed(world: World, *, engine: str = "compose", **changes: Any) -> ScaledStack:
    with serving(world):
        fact = ScaledStack(service="api", replicas=2, engine=engine)
        seen = disturb(target(**changes), cast("Stack", world), fact, PROXY, plan=PLAN, sleep=world.sleep)
    assert decode(ScaledStack, json.loads(json.dumps(encode(seen)))) == seen
    return seen


def test_both_replicas_are_replaced_and_one_is_killed_under_load() -> None:
    world = World()
    fact = disturbed(world)
    assert (world.replaced, world.killed) == (["a", "b"], ["a2"])
    assert fact.request == "GET http://proxy:80/"
    for phase in (fact.rest, fact.roll, fact.crash):
        assert phase is not None
        assert phase.sent > 5
        assert (phase.served, phase.failed) == (phase.sent, 0)
    assert [step.replica for step in fact.steps] == [1, 2]
    assert all(step.ready_seconds is not None and step.ready_seconds >= step.gone_seconds for step in fact.steps)
    assert fact.killed is not None
    assert fact.problem == ""


def test_the_rest_lasts_until_enough_was_answered() -> None:
    world = World()
    with serving(world):
        fact = ScaledStack(service="api", replicas=2)
        plan = replace(PLAN, rest_seconds=0.0, rest_requests=60)
        seen = disturb(target(), cast("Stack", world), fact, PROXY, plan=plan, sleep=world.sleep)
    assert seen.rest is not None
    assert seen.rest.served > 50


def test_requests_that_fail_meanwhile_are_counted_to_the_replacement() -> None:
    fact = disturbed(World(fails_while_replaced=True))
    assert fact.rest is not None
    assert fact.rest.failed == 0
    assert fact.roll is not None
    assert fact.roll.failed > 5
    assert fact.roll.failures[0].what == "status 502"


def test_requests_that_fail_after_the_loss_are_counted_to_it() -> None:
    fact = disturbed(World(fails_after_kill=True))
    assert fact.roll is not None
    assert fact.roll.failed == 0
    assert fact.crash is not None
    assert fact.crash.failed > 5


def test_a_replica_that_never_gets_ready_ends_the_trial() -> None:
    world = World(never_ready=True)
    fact = disturbed(world)
    assert fact.problem.startswith("a new replica was not ready after 0.5 s: replica 0 is running and starting")
    assert (world.replaced, world.killed) == (["a"], [])
    assert fact.crash is None


def test_a_replacement_that_is_not_possible_is_told() -> None:
    fact = disturbed(World(problem="no space"))
    assert fact.problem == "no space"
    assert (fact.steps, fact.crash) == ((), None)


def test_a_swarm_is_told_once_and_watched_while_it_replaces_all() -> None:
    world = World()
    fact = disturbed(world, engine="swarm")
    assert (world.replaced, world.killed) == (["all"], ["a2"])
    assert (fact.engine, fact.problem, [step.replica for step in fact.steps]) == ("swarm", "", [1, 2])
    assert all(step.ready_seconds is not None and step.ready_seconds >= step.gone_seconds for step in fact.steps)
    assert fact.roll is not None
    assert (fact.roll.failed, fact.roll.served > 5) == (0, True)


def test_an_update_that_never_ends_or_is_given_up_ends_the_trial() -> None:
    fact = disturbed(World(never_ready=True), engine="swarm")
    assert fact.problem.startswith("a new replica was not ready after 0.5 s: replica 0 is running")
    assert fact.crash is None
    assert disturbed(World(given_up="the update of api is paused"), engine="swarm").problem.startswith("the update of")


def test_a_swarm_is_asked_for_only_where_it_is_declared() -> None:
    meta = gatherer_meta(module.scaled_stack)
    assert meta is not None
    world = World(ids=["a"])
    for scaling, swarm, engine in (
        ({}, {}, "compose"),
        ({"engine": "compose"}, {}, "compose"),
        ({"engine": "swarm"}, {"api": ""}, "swarm"),
        ({"engine": "swarm", "endpoint_mode": "dnsrr"}, {"api": "dnsrr"}, "swarm"),
    ):
        variants = FakeVariants(stack=world)
        asked = target(roles={}, extra={"scaling": scaling})
        fact = meta.function(asked, world, variants, lambda *_a, **_k: None)
        assert (variants.started[0].swarm, fact.engine) == (swarm, engine)


def test_without_a_health_check_the_replicas_are_asked() -> None:
    probes = {ProbeKind.READY: Probe(kind=ProbeKind.READY, path="/ready")}
    assert disturbed(World(health=None), probes=probes).problem == ""
    world = World(health=None, ports={"a2": 1})
    assert "was not ready" in disturbed(world, probes=probes).problem


def test_a_login_that_the_ordinary_request_needs_is_got_round() -> None:
    paths = Paths(ok=Request(path="/mine", as_user="user"))
    probes = {ProbeKind.READY: Probe(kind=ProbeKind.READY, path="/ready")}
    assert disturbed(World(), paths=paths, probes=probes).request == "GET http://proxy:80/ready"


@pytest.mark.parametrize(("apart", "statuses"), [(False, (200, 200)), (True, (401, 404))])
def test_what_one_replica_knows_is_asked_of_the_other(apart: bool, statuses: tuple[int, int]) -> None:
    world = World(apart=apart)
    with serving(world, "a"), serving(world, "b"):
        shared, why = module._shared(target(), cast("Stack", world), "api")
    assert why == ""
    assert [answer.here for answer in shared] == [200, 200]
    assert tuple(answer.there for answer in shared) == statuses


def test_why_nothing_could_be_shared_is_told() -> None:
    world = World(ids=["a"])
    assert module._shared(target(), cast("Stack", world), "api") == ((), "1 replicas run, and two are needed")
    shared, why = module._shared(target(entries=(PROXY,)), cast("Stack", world), "api")
    assert shared == ()
    assert "no entry leads to api itself" in why


def test_two_replicas_are_asked_for_and_a_proxy_is_needed() -> None:
    meta = gatherer_meta(module.scaled_stack)
    assert meta is not None
    world = World(ids=["a"])
    variants = FakeVariants(stack=world)
    fact = meta.function(target(roles={}), world, variants, lambda *_a, **_k: None)
    assert variants.started[0].replicas == {"api": 2}
    assert "no entry leads through a proxy" in fact.problem
    more = target(roles={}, extra={"scaling": {"replicas": 3}})
    assert meta.function(more, world, variants, lambda *_a, **_k: None).replicas == 3
    variants.started.clear()
    alone = meta.function(target(declined={"scaling": "one machine"}), world, variants, None)
    assert (alone.problem, variants.started) == ("one machine", [])
    assert proxied_entry(target()) == PROXY


def test_a_request_belongs_to_the_phase_in_which_it_was_under_way() -> None:
    samples = [
        Sample(sent=0.5, seconds=0.1, unix=0.0, status=200),
        Sample(sent=0.9, seconds=0.2, unix=0.0, status=502),  # under way when the first one was told to stop
        Sample(sent=1.0, seconds=0.1, unix=0.0, status=429),
        Sample(sent=1.5, seconds=9.0, unix=0.0, error="no answer within 9 s"),
        Sample(sent=1.6, seconds=0.1, unix=0.0, status=404),
        Sample(sent=3.95, seconds=0.1, unix=0.0, status=502),  # under way when one was killed
        Sample(sent=4.0, seconds=0.1, unix=0.0, status=500),
    ]
    rest, roll, crash = phases_of(samples, [0.0, 1.0, 4.0, 5.0], has_kill=True)
    assert (rest.sent, rest.served, rest.failed) == (1, 1, 0)
    assert (roll.sent, roll.served, roll.limited, roll.failed) == (4, 1, 1, 2)
    assert [failure.what for failure in roll.failures] == ["status 502", "no answer within 9 s"]
    assert (crash.sent, crash.failed) == (1, 1)
    assert (roll.beside_seconds, rest.beside_seconds) == (0.2, 0.0)
    assert phases_of(samples[:1], [0.0, 1.0], has_kill=False)[0].sent == 1


def test_a_load_does_not_wait_for_answers() -> None:
    with contextlib.closing(__import__("socket").create_server(("127.0.0.1", 0), backlog=200)) as silent:
        where = Endpoint(host="127.0.0.1", port=silent.getsockname()[1])
        ask = Ask(name="load", entry=PROXY, request=Request(path="/"), timeout_seconds=0.3)
        with SteadyLoad(ask, resolve=lambda *_: where, per_second=100.0) as load:
            time.sleep(0.3)
    samples = load.samples()
    assert len(samples) > 10
    assert all(sample.status is None for sample in samples)
    assert samples[5].sent - samples[0].sent < 0.3 + load.late_seconds
    assert load.late_seconds >= 0
