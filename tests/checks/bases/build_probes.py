"""Writes ``probes.json``: the recorded facts of a sound service with every kind of probe, for ``probe.*`` and ``start.*``.

Run it after a change of the facts: ``python tests/checks/bases/build_probes.py``. A test compares the two.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from readiness.facts._codec import encode
from readiness.facts.http import Exchange, StatusClass
from readiness.facts.probes import (
    Answer,
    BackendOutages,
    ColdStart,
    Latency,
    Outage,
    Phase,
    Pressure,
    ProbeAnswers,
    ProbeBaseline,
    ProbeLatencies,
    ProbeStorm,
    ResourcePressure,
    ServiceSnapshot,
    Span,
    StoreCount,
    Timeline,
)
from readiness.facts.start import ServiceStart, StackStart
from readiness.target import Entry, Probe, ProbeKind, Request, Role, Target

UNIX = 1_800_000_000.0  # the zero of every phase
BOTH = {"database": "db", "redis": "cache"}
COMPONENT = {"db": "database", "cache": "redis", "search": "search"}
SERVICES = ("api", "db", "cache", "search")
REFUSED = "ConnectionRefusedError: [Errno 111] Connect call failed"
PROBES = {
    "live": Probe(
        kind=ProbeKind.LIVE,
        path="/health/live",
        timeout_seconds=5.0,
        status="healthy",
        reports=("timestamp", "uptime_seconds"),
    ),
    "ready": Probe(kind=ProbeKind.READY, path="/health/ready", timeout_seconds=3.0, status="healthy", components=BOTH),
    "startup": Probe(kind=ProbeKind.STARTUP, path="/health/startup", timeout_seconds=3.0, components=BOTH),
    "legacy": Probe(kind=ProbeKind.LEGACY, path="/health", timeout_seconds=5.0),
    "basic": Probe(
        kind=ProbeKind.BASIC,
        path="/api/health",
        timeout_seconds=10.0,
        cache_seconds=10.0,
        components=BOTH,
        disk={"service": "api", "path": "/data"},
        memory={"service": "api"},
    ),
    "detailed": Probe(
        kind=ProbeKind.DETAILED,
        path="/health/detailed",
        timeout_seconds=10.0,
        components={**BOTH, "model": "api", "search": "search"},
        reports=("timestamp", "system_metrics", "alerts", "latency_ms"),
    ),
    "loading": Probe(
        kind=ProbeKind.LOADING,
        path="/health/model",
        status="ok",
        proof=Request(method="POST", path="/embed", json={"text": "teapot"}, expect=(200,)),
    ),
}


def check(name: str, lost: str, at: float) -> dict[str, Any]:
    if COMPONENT.get(lost) == name:
        return {"status": "unhealthy", "error": "connection refused"}
    return {"status": "healthy", "response_time_ms": round(1.234 + at % 1 + len(name) / 100, 3)}


def component(name: str, lost: str, at: float) -> dict[str, Any]:
    if COMPONENT.get(lost) == name:
        return {"name": name, "status": "unhealthy", "message": "connection refused", "latency_ms": None}
    return {"name": name, "status": "healthy", "message": "answers", "latency_ms": round(1.5 + at % 1, 3)}


def body(kind: str, at: float, lost: str = "") -> str:
    word = "unhealthy" if lost else "healthy"
    iso = datetime.fromtimestamp(UNIX + at, UTC).isoformat()
    stores = {name: check(name, lost, at) for name in ("database", "redis")}
    components = [component(name, lost, at) for name in ("database", "redis", "model", "search")]
    bodies: dict[str, dict[str, Any]] = {
        "live": {"status": "healthy", "timestamp": round(UNIX + at, 3), "uptime_seconds": round(20 + at, 3)},
        "ready": {"status": "healthy" if lost == "search" else word, "checks": stores},
        "startup": {"status": "started"},
        "legacy": {"status": "ok"},
        "basic": {"status": word, "timestamp": iso, "checks": {**stores, "disk": {"status": "healthy"}}},
        "detailed": {
            "status": word,
            "timestamp": iso,
            "system_metrics": {"cpu_percent": round(5 + at, 1), "memory_percent": 40.2, "disk_percent": 61.5},
            "components": components,
            "alerts": [
                {"component": c["name"], "message": c["message"]} for c in components if c["status"] != "healthy"
            ],
        },
        "loading": {"status": "ok"},
    }
    return json.dumps(bodies[kind])


def span(
    first: float, last: float, text: str, *, status: int | None = 200, last_text: str = "", slow: float = 0.02
) -> Span:
    return Span(
        first_seconds=first,
        last_seconds=last,
        count=1 + int((last - first) / 0.25),
        status=status,
        error=None if status else text,
        slowest_seconds=slow,
        body=text if status else "",
        last_body=last_text if last_text != text else "",
    )


def measured(kind: str, first: float, last: float, *, lost: str = "", slow: float = 0.02) -> Span:
    """Answers that were each measured anew."""
    status = 503 if lost else 200
    return span(first, last, body(kind, first, lost), status=status, last_text=body(kind, last, lost), slow=slow)


def repeated(kind: str, first: float, last: float, *, of: float, lost: str = "") -> Span:
    """One cached answer, measured at ``of``, given again and again."""
    return span(first, last, body(kind, of, lost), status=503 if lost else 200)


def timeline(kind: str, *spans: Span) -> Timeline:
    path = PROBES[kind].path if kind in PROBES else "/embed"
    return Timeline(kind=kind, url=f"http://api:8000{path}", entry="direct", service="api", spans=spans)


def states(lost: str = "", status: str = "exited") -> tuple[ServiceSnapshot, ...]:
    started = "2027-01-15T07:59:40+00:00"
    return tuple(
        ServiceSnapshot(
            service=name, status=status if name == lost else "running", instance=f"{name}-1", started_at=started
        )
        for name in SERVICES
    )


def phase(seconds: float, *timelines: Timeline, lost: str = "", status: str = "exited") -> Phase:
    return Phase(seconds=seconds, zero_unix_seconds=UNIX, timelines=timelines, states=states(lost, status))


def outage(role: str, service: str, *, falling: tuple[str, ...], pause: bool = True) -> Outage:
    def without(end: float, slow: float, status: str) -> Phase:
        def spans(kind: str) -> tuple[Span, ...]:
            if kind not in falling:
                return (measured(kind, 0.1, end - 0.1),)
            if kind == "basic":
                return repeated(kind, 0.1, 6.9, of=-3.0), measured(kind, 7.1, end - 0.1, lost=service, slow=slow)
            return (measured(kind, 0.1, end - 0.1, lost=service, slow=slow),)

        return phase(end, *(timeline(kind, *spans(kind)) for kind in PROBES), lost=service, status=status)

    def again(end: float) -> Phase:
        def spans(kind: str) -> tuple[Span, ...]:
            if kind not in falling:
                return (measured(kind, 0.1, end - 0.1),)
            if kind == "basic":
                return repeated(kind, 0.1, 1.8, of=-8.0, lost=service), measured(kind, 2.0, end - 0.1)
            return measured(kind, 0.1, 0.1, lost=service), measured(kind, 0.3, end - 0.1)

        return phase(end, *(timeline(kind, *spans(kind)) for kind in PROBES))

    return Outage(
        role=role,
        services=(service,),
        stack_services=SERVICES,
        before=phase(2.0, *(timeline(kind, measured(kind, 0.0, 1.75)) for kind in PROBES)),
        stopped=without(16.0, 0.02, "exited"),
        recovery=again(3.0),
        paused=without(12.0, 1.1, "paused") if pause else None,
        resumed=again(3.0) if pause else None,
        secrets_searched=3,
        not_done={} if pause else {"paused": "not part of this scenario"},
    )


def answers(kind: str) -> ProbeAnswers:
    def answer(at: float) -> Answer:
        return Answer(at_seconds=at, unix_seconds=UNIX + at + 0.02, status=200, seconds=0.02, body=body(kind, at))

    quiet = tuple(answer(round(0.35 * number, 2)) for number in range(5))
    exchange = Exchange(
        entry="direct",
        purpose=StatusClass.PROBE,
        method="GET",
        url=f"http://api:8000{PROBES[kind].path}",
        status=200,
        body=quiet[0].body,
        body_bytes=len(quiet[0].body),
        seconds=0.02,
    )
    busy = (answer(3.0), answer(5.0)) if kind == "detailed" else ()
    return ProbeAnswers(kind=kind, exchange=exchange, answers=quiet, busy=busy, service_age_seconds=20.6)


def latency(kind: str) -> Latency:
    return Latency(
        kind=kind,
        url=f"http://api:8000{PROBES[kind].path}",
        sequential_seconds=(0.005,) * 40,
        concurrent_seconds=(0.06,) * 10,
        control_seconds=(0.001,) * 10,
        statuses={"200": 50},
    )


def cold_start() -> ColdStart:
    starting, loading = json.dumps({"status": "starting"}), json.dumps({"status": "loading"})
    return ColdStart(
        service="api",
        dependencies=("db",),
        without=phase(
            8.0,
            timeline("startup", span(0.0, 2.0, REFUSED, status=None), span(2.1, 7.9, starting, status=503)),
            timeline("ready", span(0.0, 2.0, REFUSED, status=None), measured("ready", 2.1, 7.9, lost="db")),
            lost="db",
        ),
        with_dependencies=phase(
            3.0,
            timeline("startup", span(0.0, 1.5, starting, status=503), measured("startup", 1.6, 2.9)),
            timeline("ready", measured("ready", 0.0, 1.5, lost="db"), measured("ready", 1.6, 2.9)),
        ),
        loading=timeline(
            "loading",
            span(0.0, 2.0, REFUSED, status=None),
            span(2.05, 3.55, loading, status=503),
            measured("loading", 3.6, 4.9),
        ),
        proof=timeline(
            "proof",
            span(0.0, 1.9, REFUSED, status=None),
            span(2.1, 3.4, loading, status=503),
            span(3.65, 4.9, '{"embedding": [0.1]}'),
        ),
        crowd=tuple(
            Answer(at_seconds=2.1, unix_seconds=UNIX + 2.2, status=503, seconds=0.02 + number / 100, body=loading)
            for number in range(20)
        ),
    )


def pressure(resource: str, used: float) -> Pressure:
    return Pressure(
        resource=resource,
        service="api",
        used_ratio=used,
        before=phase(1.5, timeline("basic", measured("basic", 0.0, 1.4))),
        under=phase(
            9.0, timeline("basic", repeated("basic", 0.0, 5.0, of=-4.0), measured("basic", 5.2, 8.9, lost=resource))
        ),
        freed=phase(
            9.0, timeline("basic", repeated("basic", 0.0, 6.0, of=-4.0, lost=resource), measured("basic", 6.2, 8.9))
        ),
    )


def build() -> dict[str, Any]:
    target = Target(
        name="shop",
        folder="/srv/shop",
        service="api",
        entries=(Entry(name="direct", service="api", port=8000),),
        roles={Role.APP: ("api",), Role.DB: ("db",), Role.REDIS: ("cache",), Role.SEARCH: ("search",)},
        probes={ProbeKind(kind): probe for kind, probe in PROBES.items()},
    )
    counts = (
        StoreCount(service="db", unit="transactions", quiet=3.0, quiet_seconds=3.0, storm=8.0, storm_seconds=6.0),
        StoreCount(service="cache", unit="commands", quiet=6.0, quiet_seconds=3.0, storm=14.0, storm_seconds=6.0),
    )
    started = tuple(
        ServiceStart(service=name, state="running", health="healthy", is_ready=True, seconds=seconds, needs=needs)
        for name, seconds, needs in (
            ("db", 1.0, ()),
            ("cache", 0.5, ()),
            ("api", 3.0, ("db", "cache")),
            ("search", 2.0, ()),
        )
    )
    facts = {
        "target": target,
        "stack_start": StackStart(runtime="compose", is_up=True, seconds=6.2, services=started),
        "probe_baseline": ProbeBaseline(asked=tuple(answers(kind) for kind in PROBES)),
        "probe_latencies": ProbeLatencies(timed=tuple(latency(kind) for kind in ("live", "basic", "legacy"))),
        "database_outage": outage("db", "db", falling=("ready", "basic", "detailed")),
        "cache_outage": outage("redis", "cache", falling=("ready", "basic", "detailed")),
        "backend_outages": BackendOutages(
            outages=(outage("other", "search", falling=("detailed",), pause=False),),
            not_stoppable={"model": "api is not a service of this stack that can be stopped"},
        ),
        "cold_start": cold_start(),
        "probe_storm": ProbeStorm(
            kind="basic", url="http://api:8000/api/health", sent=500, seconds=4.6, statuses={"200": 500}, counts=counts
        ),
        "resource_pressure": ResourcePressure(pressures=(pressure("disk", 0.99), pressure("memory", 0.955))),
    }
    return {name: encode(fact) for name, fact in facts.items()}


if __name__ == "__main__":
    Path(__file__).with_name("probes.json").write_text(
        json.dumps(build(), indent=1, ensure_ascii=False) + "\n", "utf-8"
    )
