from __future__ import annotations

import contextlib
import functools
import http.server
import json
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from readiness.exceptions import StackError, UnsupportedError
from readiness.facts._codec import decode, encode
from readiness.facts.http import Exchange, StatusClass
from readiness.facts.model import ServiceModel, StackModel
from readiness.facts.probes import (
    BackendOutages,
    ColdStart,
    Outage,
    ProbeBaseline,
    ProbeLatencies,
    ProbeStorm,
    ResourcePressure,
)
from readiness.gather import gatherer_meta, probe_baseline, probe_cold_start, probe_outage, probe_pressure, probe_storm
from readiness.gather.probe_asking import ask_of, asks_of, known_secrets, spans_of
from readiness.gather.probe_baseline import Plan, observe
from readiness.gather.probe_cold_start import ColdPeriods, ColdScenario
from readiness.gather.probe_latency import Rounds, measure
from readiness.gather.probe_outage import OutageScenario, Periods
from readiness.gather.probe_pressure import (
    DISK_BYTES,
    PressurePeriods,
    PressureScenario,
    fill_disk,
    free_memory,
    see_used,
    use_memory,
)
from readiness.gather.probe_storm import StormPlan, storm
from readiness.instruments.faults import Faults
from readiness.instruments.poller import Ask, Sample, run_bounded
from readiness.instruments.stores import Counter
from readiness.runtime import Capability, Completed, Endpoint, ServiceState
from readiness.target import Entry, Probe, ProbeKind, Request, Role, Target

SECRET = "correct-horse-battery"
EVERYTHING = frozenset(Capability)
PERIODS = Periods(
    before=0.08,
    stopped_at_least=0.1,
    stopped_at_most=0.5,
    settled=0.04,
    recovery=0.3,
    stale=0.6,
    paused_at_least=0.1,
    paused_at_most=0.3,
    interval=0.01,
    timeout=0.4,
    ready=0.5,
)
COLD = ColdPeriods(interval=0.01, proof_interval=0.01, accepted=0.06, without=0.5, up=2.0, loaded=0.03, timeout=0.5)


@dataclass
class World:
    """A service with a database and a cache, and the ways in which it can be unsound."""

    stopped: set[str] = field(default_factory=set)
    paused: set[str] = field(default_factory=set)
    latched: bool = False
    never_recovers: bool = False
    hangs: bool = False
    leaks: bool = False
    limited: bool = False
    began: float = field(default_factory=time.monotonic)
    startup_seconds: float = 0.1
    loading_seconds: float = 0.25
    exits_without_database: bool = False
    started: bool = True
    stale_until: float = 0.0
    asked: int = 0
    full: bool = False
    slow_once: float = 0.0

    @property
    def lost(self) -> set[str]:
        return (self.stopped | self.paused) & {"db", "cache"}

    def restart(self) -> None:
        self.began, self.latched, self.started = time.monotonic(), False, False

    def answer(self, path: str) -> tuple[int, object]:  # noqa: PLR0911  # one flat table of routes reads best
        if self.limited:
            return 429, {}
        if path == "/live":
            return 200, {"status": "healthy", "timestamp": time.time()}
        if path == "/startup":
            self.started = self.started or not self.lost
            return (200, {"status": "started"}) if self.started else (503, {"status": "starting"})
        if path in {"/loading", "/embed"}:
            is_loaded = time.monotonic() - self.began >= self.startup_seconds + self.loading_seconds
            return (200, {"status": "ok"}) if is_loaded else (503, {"status": "loading"})
        if path == "/items":
            return (503 if self.lost else 200), []
        self.asked += 1
        if self.slow_once and self.lost:
            seconds, self.slow_once = self.slow_once, 0.0
            time.sleep(seconds)
        if self.hangs and self.paused:
            time.sleep(1.0)
        if time.monotonic() < self.stale_until:
            return 200, {"status": "healthy", "timestamp": time.time() - 100}
        self.latched = self.latched or (self.never_recovers and bool(self.lost))
        error = f"postgresql://shop:{SECRET}@db/shop refused" if self.leaks else "connection refused"
        names = {"db": "database", "cache": "redis"}
        checks = {
            name: {"status": "unhealthy", "error": error} if service in self.lost else {"status": "healthy"}
            for service, name in names.items()
        }
        is_well = not self.lost and not self.latched and not self.full
        return 200 if is_well else 503, {"status": "healthy" if is_well else "unhealthy", "checks": checks}


@dataclass
class FakeStack:
    """The world as a stack; the service under audit answers over real sockets."""

    world: World
    port: int
    runtime: str = "compose"
    capabilities: frozenset[Capability] = EVERYTHING
    services: tuple[str, ...] = ("api", "db", "cache", "search")
    calls: list[tuple[str, str]] = field(default_factory=list)
    instance: int = 1
    outputs: dict[str, Completed] = field(default_factory=dict)
    exited: bool = False
    health_after: float | None = None

    def endpoint(self, service: str, port: int) -> Endpoint:
        if service != "api" or self._is_away():
            raise StackError(f"{service} has no port now")
        return Endpoint(host="127.0.0.1", port=self.port)

    def _is_away(self) -> bool:
        if self.world.exits_without_database and "db" in self.world.stopped:
            self.exited = True
        is_starting = time.monotonic() - self.world.began < self.world.startup_seconds
        return self.exited or "api" in self.world.stopped or (self.instance > 1 and is_starting)

    def state(self, service: str) -> ServiceState:
        status = "running"
        if service in self.world.stopped or (service == "api" and self.exited):
            status = "exited"
        elif service in self.world.paused:
            status = "paused"
        health = None
        if service == "db" and self.health_after is not None:
            health = "healthy" if time.monotonic() > self.health_after else "starting"
        instance = f"{service}-{self.instance}"
        return ServiceState(
            service=service, status=status, instance=instance, started_at="2027-01-15T08:00:00+00:00", health=health
        )

    def stop(self, service: str) -> None:
        self.calls.append(("stop", service))
        self.world.stopped.add(service)

    def start(self, service: str) -> None:
        self.calls.append(("start", service))
        self.world.stopped.discard(service)
        if service == "api":
            self.exited = False
            self.world.restart()

    def pause(self, service: str) -> None:
        self.calls.append(("pause", service))
        self.world.paused.add(service)

    def unpause(self, service: str) -> None:
        self.calls.append(("unpause", service))
        self.world.paused.discard(service)

    def recreate(self, service: str) -> None:
        self.calls.append(("recreate", service))
        self.instance += 1
        self.world.restart()

    def execute(self, service: str, command: Sequence[str], *, timeout_seconds: float = 30.0) -> Completed:
        self.calls.append(("execute", " ".join(command)))
        return self.outputs.get(command[0], Completed(exit_code=0, output=""))

    def environment(self, service: str) -> Mapping[str, str]:
        return {"DATABASE_PASSWORD": SECRET, "DATABASE_NAME": "shop"} if service == "api" else {}


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def stack(world: World) -> Iterator[FakeStack]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = world.answer(self.path)
            data = json.dumps(body).encode()
            with contextlib.suppress(OSError):
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

        do_POST = do_GET  # noqa: N815  # the name is the base class's

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the name is the base class's
            pass

    class Server(http.server.ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128

        def handle_error(self, *_: object) -> None:
            pass

    with Server(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield FakeStack(world, server.server_address[1])
        server.shutdown()


@pytest.fixture
def faults(stack: FakeStack, tmp_path: Path) -> Faults:
    return Faults(stack, journal=tmp_path / "journal.jsonl", progress=say)  # type: ignore[arg-type]  # a fake


def say(what: str, *, at_most_seconds: float | None = None) -> None:
    pass


def target(*probes: Probe, **values: object) -> Target:
    found = probes or (
        Probe(kind=ProbeKind.LIVE, path="/live"),
        Probe(kind=ProbeKind.READY, path="/ready", timeout_seconds=0.2),
    )
    return Target(
        name="shop",
        folder="/srv/shop",
        service="api",
        entries=(Entry(name="direct", service="api", port=8000),),
        roles={Role.DB: ("db",), Role.REDIS: ("cache",)},
        probes={probe.kind: probe for probe in found},
        **values,  # type: ignore[arg-type]  # fields of tests
    )


MODEL = StackModel(services={"api": ServiceModel(name="api", ports=(9000,))})


def outage(stack: FakeStack, faults: Faults, wanted: Target | None = None, **values: object) -> Outage:
    declared = wanted or target()
    scenario = OutageScenario(
        target=declared,
        stack=stack,  # type: ignore[arg-type]  # a fake
        faults=faults,
        progress=say,
        asks=asks_of(declared, MODEL, timeout_seconds=PERIODS.timeout),
        **{"role": "db", "services": ("db",), "periods": PERIODS, **values},  # type: ignore[arg-type]  # fields of tests
    )
    fact = scenario.run()
    assert decode(Outage, json.loads(json.dumps(encode(fact)))) == fact
    return fact


def said(fact: Outage, phase: str, kind: str) -> list[int | None]:
    timeline = getattr(fact, phase).of(kind)
    return [span.status for span in timeline.spans if span.last_seconds >= 0]


def test_an_outage_is_seen_from_every_probe(stack: FakeStack, faults: Faults) -> None:
    fact = outage(stack, faults)
    assert said(fact, "before", "ready") == [200]
    assert said(fact, "stopped", "ready")[-1] == 503
    assert said(fact, "recovery", "ready")[-1] == 200
    assert said(fact, "paused", "ready")[-1] == 503
    assert said(fact, "resumed", "ready")[-1] == 200
    assert [said(fact, phase, "live") for phase in ("before", "stopped", "recovery", "paused", "resumed")] == [
        [200]
    ] * 5
    assert stack.calls == [("stop", "db"), ("start", "db"), ("pause", "db"), ("unpause", "db")]


def test_states_are_kept_per_phase(stack: FakeStack, faults: Faults) -> None:
    fact = outage(stack, faults)
    assert fact.stopped is not None
    state = fact.stopped.state("db")
    assert state is not None
    assert state.status == "exited"


def test_no_answer_is_counted_to_the_wrong_side(stack: FakeStack, faults: Faults) -> None:
    fact = outage(stack, faults)
    assert fact.stopped is not None
    assert fact.recovery is not None
    for phase in (fact.stopped, fact.paused):
        assert phase is not None
        last = phase.of("ready")
        assert last is not None
        assert last.spans[-1].status == 503
        assert last.spans[-1].last_seconds <= phase.seconds


def test_a_hanging_probe_is_given_the_clients_patience(stack: FakeStack, faults: Faults, world: World) -> None:
    world.hangs = True
    fact = outage(stack, faults)
    assert fact.paused is not None
    ready, live = fact.paused.of("ready"), fact.paused.of("live")
    assert ready is not None
    assert live is not None
    assert ready.spans[-1].status is None
    assert (ready.spans[-1].error or "").startswith("no answer within")
    assert live.count > 3


def test_a_probe_that_stays_down_is_recorded_and_then_cured(stack: FakeStack, faults: Faults, world: World) -> None:
    world.never_recovers = True
    fact = outage(stack, faults)
    assert said(fact, "recovery", "ready") == [503]
    assert said(fact, "paused", "ready")[0] in {200, 503}
    assert stack.calls.count(("stop", "api")) == 2
    assert not world.latched


def test_a_probe_that_ignores_the_dependency_is_watched_to_the_end(stack: FakeStack, faults: Faults) -> None:
    declared = target(Probe(kind=ProbeKind.READY, path="/live"))
    fact = outage(stack, faults, declared)
    assert fact.stopped is not None
    assert fact.stopped.seconds >= PERIODS.stopped_at_most


def test_an_answer_from_before_is_waited_out(stack: FakeStack, faults: Faults, world: World) -> None:
    world.stale_until = time.monotonic() + 0.08 + PERIODS.stopped_at_most + 0.15
    fact = outage(stack, faults)
    assert fact.stopped is not None
    assert fact.stopped.seconds > PERIODS.stopped_at_most
    assert said(fact, "stopped", "ready") == [200, 503]


def test_a_slow_first_refusal_is_not_taken_for_silence(stack: FakeStack, faults: Faults, world: World) -> None:
    world.slow_once = 0.6
    fact = outage(stack, faults, pause=False)
    assert fact.stopped is not None
    # Who asked first, the watch or the one who wants a refusal whole, is a matter of moments.
    assert statuses(fact.stopped.of("ready"))[-1] == 503


def test_secrets_are_found_and_never_kept(stack: FakeStack, faults: Faults, world: World) -> None:
    world.leaks = True
    fact = outage(stack, faults)
    assert SECRET not in json.dumps(encode(fact))
    kinds = {leak.leak.kind for leak in fact.leaks}
    assert "the value of DATABASE_PASSWORD of api" in kinds
    assert fact.secrets_searched == 1


def test_the_first_refusals_are_kept_whole(stack: FakeStack, faults: Faults) -> None:
    asked: list[bool] = []

    def ordinary() -> Exchange:
        asked.append("db" in stack.world.stopped)
        return Exchange(
            entry="direct", purpose=StatusClass.UNAVAILABLE, method="GET", url="http://api:8000/items", status=503
        )

    fact = outage(stack, faults, ordinary=ordinary)
    assert asked == [True]
    assert {(e.url, e.status) for e in fact.exchanges} == {
        ("http://api:8000/items", 503),
        ("http://api:8000/ready", 503),
    }
    assert all(e.headers for e in fact.exchanges if e.url.endswith("/ready"))


def test_a_dependency_that_takes_its_time_is_timed(
    stack: FakeStack, faults: Faults, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = stack.start

    def slow_start(service: str) -> None:
        start(service)
        stack.health_after = time.monotonic() + 0.2
        stack.world.paused.add("db")
        threading.Timer(0.25, stack.world.paused.discard, args=("db",)).start()

    stack.health_after = 0.0
    monkeypatch.setattr(stack, "start", slow_start)
    fact = outage(stack, faults, pause=False)
    assert fact.dependency_ready_seconds == pytest.approx(0.2, abs=0.15)


def test_without_pause_the_rest_is_still_seen(stack: FakeStack, faults: Faults) -> None:
    stack.capabilities = EVERYTHING - {Capability.PAUSE}
    fact = outage(stack, faults)
    assert (fact.paused, fact.resumed) == (None, None)
    assert "cannot pause" in fact.not_done["paused"]


def test_without_stop_there_is_no_outage(stack: FakeStack, faults: Faults) -> None:
    stack.capabilities = frozenset()
    with pytest.raises(UnsupportedError, match="stop and start"):
        outage(stack, faults)


def test_a_filled_limiter_is_waited_out(
    stack: FakeStack, faults: Faults, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("readiness.instruments.poller.BACK_OFF_SECONDS", 0.02)
    world.limited = True
    threading.Timer(0.3, setattr, args=(world, "limited", False)).start()
    fact = outage(stack, faults)
    assert said(fact, "before", "ready")[-1] == 200


def test_every_service_of_a_role_goes_together(stack: FakeStack, faults: Faults) -> None:
    fact = outage(stack, faults, services=("db", "cache"), pause=False)
    assert stack.calls == [("stop", "db"), ("stop", "cache"), ("start", "cache"), ("start", "db")]
    assert fact.services == ("db", "cache")


def function_of(fixture: object) -> object:
    meta = gatherer_meta(fixture._get_wrapped_function())  # type: ignore[attr-defined]  # pytest's own fixture object
    assert meta is not None
    return meta.function


@dataclass
class FakeRuntime:
    def model(self) -> StackModel:
        return MODEL


def test_a_stack_without_the_store_is_left_alone(stack: FakeStack, faults: Faults) -> None:
    declared = Target(name="x", folder="/srv/x", service="api", entries=target().entries, probes=target().probes)
    gather = function_of(probe_outage.database_outage)
    fact = gather(target=declared, stack=stack, http=None, faults=faults, runtime=FakeRuntime(), progress=say)  # type: ignore[operator]  # a gatherer
    assert fact == Outage(role="db", services=(), stack_services=stack.services)
    assert stack.calls == []


def test_a_stack_that_cannot_stop_anything_is_not_called_one_without_stores(stack: FakeStack, faults: Faults) -> None:
    stack.capabilities, stack.services = frozenset(), ()
    gather = function_of(probe_outage.database_outage)
    with pytest.raises(UnsupportedError, match="stop and start"):
        gather(target=target(), stack=stack, http=None, faults=faults, runtime=FakeRuntime(), progress=say)  # type: ignore[operator]  # a gatherer
    declined = target(declined={"roles.db": "it keeps nothing"})
    fact = gather(target=declined, stack=stack, http=None, faults=faults, runtime=FakeRuntime(), progress=say)  # type: ignore[operator]  # a gatherer
    assert fact.services == ()


def test_the_service_under_audit_is_never_its_own_dependency(stack: FakeStack) -> None:
    peers = probe_outage.stoppable(target(), stack, ("api", "db", "elsewhere"))  # type: ignore[arg-type]  # a fake
    assert peers == ("db",)


def test_other_components_are_stopped_one_by_one(
    stack: FakeStack, faults: Faults, monkeypatch: pytest.MonkeyPatch
) -> None:
    components = {"database": "db", "search": "search", "vendor": "api.vendor.example", "model": "api"}
    declared = target(Probe(kind=ProbeKind.DETAILED, path="/ready", components=components))
    monkeypatch.setattr(probe_outage, "OutageScenario", functools.partial(OutageScenario, periods=PERIODS))
    gather = function_of(probe_outage.backend_outages)
    fact = gather(  # type: ignore[operator]  # a gatherer
        target=declared, stack=stack, http=None, faults=faults, runtime=FakeRuntime(), progress=say
    )
    assert isinstance(fact, BackendOutages)
    assert [each.services for each in fact.outages] == [("search",)]
    assert set(fact.not_stoppable) == {"vendor", "model"}
    assert stack.calls == [("stop", "search"), ("start", "search")]


def test_a_component_whose_service_could_not_be_stopped_is_named(
    stack: FakeStack, faults: Faults, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: OutageScenario) -> Outage:
        raise StackError("it does not start again")

    declared = target(
        Probe(kind=ProbeKind.DETAILED, path="/ready", components={"index": "search", "full text": "search"})
    )
    monkeypatch.setattr(OutageScenario, "run", refuse)
    gather = function_of(probe_outage.backend_outages)
    fact = gather(  # type: ignore[operator]  # a gatherer
        target=declared, stack=stack, http=None, faults=faults, runtime=FakeRuntime(), progress=say
    )
    assert fact.outages == ()
    assert set(fact.not_stoppable) == {"index", "full text"}
    assert "it does not start again" in fact.not_stoppable["index"]


# At rest.


def test_the_baseline_holds_every_probe(stack: FakeStack) -> None:
    declared = target()
    asks = asks_of(declared, MODEL, timeout_seconds=1.0)
    plan = Plan(apart_seconds=0.01, concurrent=6)
    work = observe(declared.probes, asks, resolve=stack.endpoint, plan=plan, secrets={}, ages={"api": 3.5})
    fact = run_bounded(work, at_most_seconds=20)
    assert decode(ProbeBaseline, json.loads(json.dumps(encode(fact)))) == fact
    assert [answers.kind for answers in fact.asked] == ["live", "ready"]
    live = fact.asked[0]
    assert len(live.answers) == 5
    assert live.service_age_seconds == 3.5
    assert live.exchange.headers


def test_the_fast_probes_are_timed_one_by_one_and_at_once(stack: FakeStack) -> None:
    asks = asks_of(target(), MODEL, timeout_seconds=1.0)
    work = measure(asks, resolve=stack.endpoint, rounds=Rounds(sequential=12, concurrent=6), load_per_cpu=lambda: 0.4)
    fact = run_bounded(work, at_most_seconds=20)
    assert decode(ProbeLatencies, json.loads(json.dumps(encode(fact)))) == fact
    assert fact.load_per_cpu == 0.4
    (latency,) = fact.timed
    assert (latency.kind, len(latency.sequential_seconds), len(latency.concurrent_seconds)) == ("live", 12, 6)
    assert latency.statuses == {"200": 18}
    assert len(latency.control_seconds) == 3


def test_a_limiter_ends_the_timing(stack: FakeStack, world: World) -> None:
    declared = target()
    world.limited = True
    asks = asks_of(declared, MODEL, timeout_seconds=1.0)
    work = measure(asks, resolve=stack.endpoint, rounds=Rounds(sequential=12, concurrent=6), load_per_cpu=lambda: 0.0)
    (latency,) = run_bounded(work, at_most_seconds=20).timed
    assert latency.stopped_early == "a rate limiter refused request 1"
    assert latency.concurrent_seconds == ()


def test_a_service_without_a_port_is_recorded_as_silent(stack: FakeStack, world: World) -> None:
    declared = target()
    world.stopped.add("api")
    asks = asks_of(declared, MODEL, timeout_seconds=1.0)
    work = observe(declared.probes, asks, resolve=stack.endpoint, plan=Plan(apart_seconds=0.0), secrets={}, ages={})
    fact = run_bounded(work, at_most_seconds=20)
    assert {answer.status for answers in fact.asked for answer in answers.answers} == {None}


def test_the_age_of_a_service_is_the_engines(stack: FakeStack) -> None:
    age = probe_baseline.age_of(stack, "api")  # type: ignore[arg-type]  # a fake
    assert age is not None
    assert age == pytest.approx(time.time() - 1_800_000_000, abs=5)


# Cold start.

STARTUP = Probe(kind=ProbeKind.STARTUP, path="/startup")
READY = Probe(kind=ProbeKind.READY, path="/ready")
LOADING = Probe(kind=ProbeKind.LOADING, path="/loading", proof=Request(method="POST", path="/embed", json={}))


def cold(stack: FakeStack, faults: Faults, declared: Target) -> ColdStart:
    fact = ColdScenario(
        target=declared,
        stack=stack,  # type: ignore[arg-type]  # a fake
        faults=faults,
        progress=say,
        asks=asks_of(declared, MODEL, timeout_seconds=COLD.timeout),
        service="api",
        periods=COLD,
    ).run()
    assert decode(ColdStart, json.loads(json.dumps(encode(fact)))) == fact
    return fact


def statuses(timeline: object) -> list[int | None]:
    return [span.status for span in timeline.spans]  # type: ignore[attr-defined]  # a timeline


def test_a_cold_start_without_the_database_is_followed_to_its_end(stack: FakeStack, faults: Faults) -> None:
    fact = cold(stack, faults, target(STARTUP, READY))
    assert fact.dependencies == ("db",)
    assert fact.without is not None
    assert fact.with_dependencies is not None
    assert statuses(fact.without.of("startup")) == [None, 503]
    assert statuses(fact.with_dependencies.of("startup"))[-1] == 200
    assert stack.calls[:2] == [("stop", "db"), ("recreate", "api")]
    assert ("start", "db") in stack.calls
    assert fact.loading is None
    assert not fact.exited


def test_a_service_that_ends_without_its_database_is_started_again(
    stack: FakeStack, faults: Faults, world: World
) -> None:
    world.exits_without_database = True
    fact = cold(stack, faults, target(STARTUP, READY))
    assert fact.exited
    assert ("start", "api") in stack.calls
    assert fact.with_dependencies is not None
    assert statuses(fact.with_dependencies.of("startup"))[-1] == 200


def test_loading_is_watched_beside_its_proof(stack: FakeStack, faults: Faults) -> None:
    fact = cold(stack, faults, target(LOADING))
    assert fact.loading is not None
    assert fact.proof is not None
    assert statuses(fact.loading)[-2:] == [503, 200]
    assert statuses(fact.proof)[-2:] == [503, 200]
    assert "startup" in fact.not_done
    assert ("stop", "db") not in stack.calls


def test_a_crowd_comes_as_soon_as_anything_answers(stack: FakeStack, faults: Faults) -> None:
    fact = cold(stack, faults, target(LOADING))
    assert len(fact.crowd) == probe_cold_start.CROWD
    assert {answer.status for answer in fact.crowd} <= {200, 503}
    assert 503 in {answer.status for answer in fact.crowd}
    assert json.loads(fact.crowd[0].body) == {"status": "loading"}


def test_loading_without_a_proof_is_not_watched(stack: FakeStack, faults: Faults) -> None:
    fact = cold(stack, faults, target(Probe(kind=ProbeKind.LOADING, path="/loading")))
    assert "no request is declared" in fact.not_done["loading"]
    assert stack.calls == []


def test_a_start_that_could_miss_nothing_says_so(stack: FakeStack, faults: Faults) -> None:
    stack.services = ("api",)
    fact = cold(stack, faults, target(STARTUP))
    assert "no database or cache" in fact.not_done["startup"]
    assert stack.calls == []


def test_proxies_in_front_are_restarted(stack: FakeStack, faults: Faults) -> None:
    stack.services = ("api", "db", "web")
    declared = target(STARTUP, READY)
    entries = (Entry(name="proxy", service="web", port=80), *declared.entries)
    fact = cold(stack, faults, Target(**{**vars(declared), "entries": entries}))
    assert fact.without is not None
    timeline = fact.without.of("startup")
    assert timeline is not None
    assert timeline.service == "api"
    assert [call for call in stack.calls if call[1] == "web"] == [("stop", "web"), ("start", "web")]


def test_a_runtime_that_cannot_recreate_is_refused(stack: FakeStack, faults: Faults) -> None:
    stack.capabilities = frozenset({Capability.STOP})
    with pytest.raises(UnsupportedError, match="recreate"):
        cold(stack, faults, target(STARTUP))


def test_without_such_probes_nothing_is_recreated(stack: FakeStack, faults: Faults) -> None:
    gather = function_of(probe_cold_start.cold_start)
    fact = gather(target=target(), stack=stack, faults=faults, runtime=FakeRuntime(), progress=say)  # type: ignore[operator]  # a gatherer
    assert "no startup or loading probe" in fact.not_done["startup"]
    assert stack.calls == []


# A storm.


def test_a_storm_is_held_against_the_stores(stack: FakeStack, world: World) -> None:
    ask = Ask(name="basic", entry=target().entries[0], request=Request(path="/ready"), timeout_seconds=5.0)
    counter = Counter(service="db", unit="transactions", read=lambda: float(world.asked))

    def broken() -> float:
        raise StackError("no psql")

    plan = StormPlan(requests=30, seconds=0.1, at_once=5, quiet_seconds=0.02, lag_seconds=0.0)
    counters = [counter, Counter(service="cache", unit="commands", read=broken)]
    fact = storm(ask, counters, resolve=stack.endpoint, plan=plan)
    assert decode(ProbeStorm, json.loads(json.dumps(encode(fact)))) == fact
    assert (fact.sent, fact.statuses) == (30, {"200": 30})
    (count,) = fact.counts
    assert (count.quiet, count.storm) == (0.0, 30.0)
    assert fact.not_counted == {"cache": "no psql"}


def test_work_that_a_store_publishes_late_is_not_held_against_the_storm(stack: FakeStack, world: World) -> None:
    ask = Ask(name="basic", entry=target().entries[0], request=Request(path="/ready"), timeout_seconds=5.0)
    totals = iter((0.0, 0.0, 85.0, 85.0, 85.0, 86.0))
    counter = Counter(service="db", unit="transactions", read=lambda: next(totals), held_back_seconds=0.01)
    plan = StormPlan(requests=30, seconds=0.1, at_once=5, quiet_seconds=0.0, lag_seconds=0.0)
    (count,) = storm(ask, [counter], resolve=stack.endpoint, plan=plan).counts
    assert (count.quiet, count.storm) == (0.0, 1.0)


def test_a_storm_ends_at_a_limiter(stack: FakeStack, world: World) -> None:
    world.limited = True
    ask = Ask(name="basic", entry=target().entries[0], request=Request(path="/ready"), timeout_seconds=5.0)
    plan = StormPlan(requests=500, seconds=0.1, at_once=2, quiet_seconds=0.0, lag_seconds=0.0)
    assert storm(ask, [], resolve=stack.endpoint, plan=plan).sent < 10


def test_without_a_declared_cache_there_is_no_storm(stack: FakeStack) -> None:
    gather = function_of(probe_storm.probe_storm)
    declared = target(Probe(kind=ProbeKind.BASIC, path="/ready"))
    assert gather(target=declared, stack=stack, runtime=FakeRuntime(), progress=say) == ProbeStorm()  # type: ignore[operator]  # a gatherer


# Pressure.


def pressure(stack: FakeStack) -> PressureScenario:
    probe = Probe(kind=ProbeKind.BASIC, path="/ready")
    ask = ask_of(target(), MODEL, probe, 1.0)
    assert ask is not None
    periods = PressurePeriods(before=0.05, change=0.3, settled=0.02, stale=0.5, interval=0.01)
    return PressureScenario(stack=stack, probe=probe, ask=ask, progress=say, periods=periods)  # type: ignore[arg-type]  # a fake


def test_pressure_is_applied_and_taken_back(stack: FakeStack, world: World) -> None:
    def use() -> float:
        world.full = True
        return 0.99

    fact = pressure(stack).run("disk", "api", use=use, free=lambda: setattr(world, "full", False))
    for phase, status in ((fact.before, 200), (fact.under, 503), (fact.freed, 200)):
        assert phase is not None
        assert phase.timelines[0].spans[-1].status == status
    assert fact.used_ratio == 0.99
    assert decode(ResourcePressure, json.loads(json.dumps(encode(ResourcePressure(pressures=(fact,))))))


def test_what_cannot_be_used_up_is_freed_all_the_same(stack: FakeStack) -> None:
    freed: list[bool] = []

    def use() -> float:
        raise StackError("read-only")

    fact = pressure(stack).run("disk", "api", use=use, free=lambda: freed.append(True))
    assert (fact.problem, freed) == ("read-only", [True])


def test_what_did_not_stay_used_up_is_told_and_freed(stack: FakeStack, world: World) -> None:
    freed: list[bool] = []

    def see() -> None:
        raise StackError("the kernel ended it")

    fact = pressure(stack).run("memory", "api", use=lambda: 0.95, free=lambda: freed.append(True), see=see)
    assert (fact.problem, fact.under, freed) == ("the kernel ended it", None, [True])


def df(size: int, available: int) -> Completed:
    line = f"tmpfs {size // 1024} {(size - available) // 1024} {available // 1024} 5% /data"
    return Completed(exit_code=0, output=f"Filesystem 1024-blocks Used Available Capacity Mounted on\n{line}\n")


def test_a_disk_that_is_not_ours_is_never_filled(stack: FakeStack) -> None:
    stack.outputs["df"] = df(500 * 1024**3, 100 * 1024**3)
    with pytest.raises(StackError, match="not the small disk"):
        fill_disk(stack, "api", "/data")  # type: ignore[arg-type]  # a fake
    assert [call[1].split()[0] for call in stack.calls] == ["df"]


def test_the_small_disk_is_filled_to_its_brim(stack: FakeStack) -> None:
    stack.outputs["df"] = df(DISK_BYTES, DISK_BYTES // 2)
    fill_disk(stack, "api", "/data/")  # type: ignore[arg-type]  # a fake
    assert stack.calls[1][1].endswith("/data/.readiness-fill")


@pytest.mark.parametrize("limit", ["max", str(1 << 62)])
def test_memory_without_a_limit_is_not_used_up(stack: FakeStack, limit: str) -> None:
    stack.outputs["sh"] = Completed(exit_code=0, output=f"{limit}\n1000000\n")
    with pytest.raises(StackError, match="no memory limit"):
        use_memory(stack, "api")  # type: ignore[arg-type]  # a fake


def test_memory_is_used_below_its_limit(stack: FakeStack) -> None:
    limit = 400 * 1024**2
    stack.outputs["sh"] = Completed(exit_code=0, output=f"{limit}\n{limit}\ninactive_file {limit // 25}\n")
    assert use_memory(stack, "api") == pytest.approx(0.96)  # type: ignore[arg-type]  # a fake
    free_memory(stack, "api")  # type: ignore[arg-type]  # a fake
    assert "kill" in stack.calls[-1][1]


def test_memory_that_cannot_be_taken_is_no_pressure(stack: FakeStack, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine, or where the kernel ends the process that takes it."""
    monkeypatch.setattr(probe_pressure, "TAKING_SECONDS", 0.01)
    limit = 400 * 1024**2
    stack.outputs["sh"] = Completed(exit_code=0, output=f"{limit}\n{limit // 4}\n")
    with pytest.raises(StackError, match="in 3 attempts"):
        use_memory(stack, "api")  # type: ignore[arg-type]  # a fake
    assert sum("sleep 9417" in call[1] and "head" in call[1] for call in stack.calls) == 3
    assert sum("kill" in call[1] for call in stack.calls) == 3
    with pytest.raises(StackError, match="did not stay used up"):
        see_used(stack, "api")  # type: ignore[arg-type]  # a fake


def test_without_declared_resources_no_second_stack_is_started(stack: FakeStack) -> None:
    def variants(_: object) -> None:
        raise AssertionError

    gather = function_of(probe_pressure.resource_pressure)
    declared = target(Probe(kind=ProbeKind.BASIC, path="/ready"))
    fact = gather(target=declared, stack=stack, variants=variants, runtime=FakeRuntime(), progress=say)  # type: ignore[operator]  # a gatherer
    assert fact == ResourcePressure()


def test_a_runtime_without_small_disks_is_refused(stack: FakeStack) -> None:
    stack.capabilities = EVERYTHING - {Capability.TMPFS}
    gather = function_of(probe_pressure.resource_pressure)
    declared = target(Probe(kind=ProbeKind.BASIC, path="/ready", disk={"service": "api", "path": "/data"}))
    with pytest.raises(UnsupportedError, match="small disk"):
        gather(target=declared, stack=stack, variants=None, runtime=FakeRuntime(), progress=say)  # type: ignore[operator]  # a gatherer


# Asking.


def test_a_probe_is_asked_through_the_first_entry_with_its_base() -> None:
    entry = Entry(name="proxy", service="web", port=80, base="/api")
    declared = Target(name="x", folder="/srv/x", entries=(entry,))
    ask = ask_of(declared, MODEL, Probe(kind=ProbeKind.LIVE, path="/live"))
    assert ask is not None
    assert ask.url == "http://web:80/api/live"


def test_a_probe_with_a_port_of_its_own_is_asked_there() -> None:
    ask = ask_of(target(), MODEL, Probe(kind=ProbeKind.READY, path="/ready", port=9090))
    assert ask is not None
    assert ask.url == "http://api:9090/ready"


def test_a_probe_of_another_service_is_asked_at_its_declared_port() -> None:
    model = StackModel(services={"embed": ServiceModel(name="embed", ports=(7000,))})
    ask = ask_of(target(), model, Probe(kind=ProbeKind.LOADING, path="/health", service="embed"))
    assert ask is not None
    assert ask.url == "http://embed:7000/health"


def test_a_probe_without_a_place_is_not_asked() -> None:
    nowhere = Target(name="x", folder="/srv/x")
    assert ask_of(nowhere, MODEL, Probe(kind=ProbeKind.LIVE, path="/live")) is None
    assert ask_of(nowhere, MODEL, Probe(kind=ProbeKind.LIVE, path="/live", service="db")) is None


def sample(sent: float, status: int | None = 200, body: str = "", error: str | None = None) -> Sample:
    return Sample(sent=sent, seconds=0.01, unix=sent, status=status, body=body, error=error)


def test_equal_answers_become_one_span() -> None:
    samples = [sample(10 + n, body=json.dumps({"status": "ok", "n": n, "id": f"{n:032x}"})) for n in range(50)]
    (span,) = spans_of(samples, zero=12.0, secrets={})
    assert (span.first_seconds, span.last_seconds, span.count) == (-2.0, 47.0, 50)
    assert json.loads(span.last_body)["n"] == 49


def test_another_word_is_another_answer() -> None:
    samples = [sample(1, body='{"status": "ok"}'), sample(2, body='{"status": "down"}'), sample(3, 503)]
    assert len(spans_of(samples, zero=0.0, secrets={})) == 3


def test_nobody_there_is_one_thing_however_it_is_said() -> None:
    words = ("ConnectionRefusedError: [Errno 111]", "EOFError: closed", "ConnectionResetError: reset")
    samples = [sample(n, None, error=words[n % 3]) for n in range(9)] + [sample(9, None, error="no answer within 15 s")]
    assert [span.count for span in spans_of(samples, zero=0.0, secrets={})] == [9, 1]


def test_noise_is_bounded() -> None:
    samples = [sample(n, body=f"word{chr(97 + n % 26)}{chr(97 + n // 26 % 26)}") for n in range(600)]
    assert len(spans_of(samples, zero=0.0, secrets={})) == 1


def test_ordinary_words_are_no_secrets(stack: FakeStack, monkeypatch: pytest.MonkeyPatch) -> None:
    variables = {
        "POSTGRES_PASSWORD": "postgres",
        "POSTGRES_USER": "postgres",
        "JWT_SECRET": "x" * 20,
        "TOKEN_TTL": "360000",
    }
    monkeypatch.setattr(stack, "environment", lambda service: variables if service == "api" else {})
    assert known_secrets(stack) == {"JWT_SECRET of api": "x" * 20}  # type: ignore[arg-type]  # a fake
