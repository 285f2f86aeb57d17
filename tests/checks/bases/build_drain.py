"""Writes ``drain.json``: the recorded facts of a service that drains well, for the cases of ``drain.*``.

Run it after a change of the facts: ``python tests/checks/bases/build_drain.py``. A test compares the two.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from readiness.facts._codec import encode
from readiness.facts.drain import (
    Bounded,
    DrainBound,
    DrainCleanup,
    DrainRuns,
    Ending,
    Fate,
    Kind,
    SecondSignal,
    Sessions,
    Stop,
    Tracked,
    Written,
)
from readiness.target import Entry, Role, Target

HALF, EMBED, LOCKED = "POST /items, half sent", "POST /embed, half sent", "GET /items, its tables locked"
LOG = (
    '{"event": "shutdown started"}',
    '{"event": "database closed"}',
    '{"event": "redis closed"}',
    '{"event": "shutdown complete"}',
)


def held(kind: Kind, name: str, status: int, shape: str, *, ended: float = 3.02) -> Tracked:
    return Tracked(
        kind=kind,
        name=name,
        sent_seconds=-0.2 if kind is Kind.LOCKED else -0.98,
        released_seconds=3.0,
        ended_seconds=ended,
        fate=Fate.FINISHED,
        status=status,
        shape=shape,
    )


def in_flight() -> tuple[Tracked, ...]:
    return (
        held(Kind.WRITE, HALF, 201, "id,name,price_cents"),
        held(Kind.WRITE, HALF, 201, "id,name,price_cents", ended=3.05),
        held(Kind.UPLOAD, EMBED, 200, "embedding"),
        held(Kind.LOCKED, LOCKED, 200, "items"),
    )


def new(sent: float, *, is_served: bool = False) -> Tracked:
    fate, status = (Fate.FINISHED, 200) if is_served else (Fate.REFUSED, None)
    return Tracked(
        kind=Kind.NEW, name="GET /health/live", sent_seconds=sent, ended_seconds=sent + 0.01, fate=fate, status=status
    )


def idle(ended: float) -> Tracked:
    return Tracked(
        kind=Kind.IDLE,
        name="an idle connection",
        sent_seconds=-0.3,
        released_seconds=-0.2,
        ended_seconds=ended,
        fate=Fate.FINISHED,
        status=200,
    )


def quick(sent: float) -> Tracked:
    return Tracked(
        kind=Kind.QUICK,
        name="POST /items",
        sent_seconds=sent,
        ended_seconds=sent + 0.02,
        fate=Fate.FINISHED,
        status=201,
    )


def ending(seconds: float, **values: Any) -> Ending:
    told = {"watched_seconds": seconds + 0.1, "grace_seconds": 30.0, "exit_code": 0, **values}
    return Ending(signal="SIGTERM", seconds=seconds, **told)


def sessions() -> Sessions:
    return Sessions(service="db", before=6, after=2)


def drain_runs() -> DrainRuns:
    fresh = tuple(new(tenth / 10, is_served=tenth < 1) for tenth in range(-10, 33, 3))
    stopped = Stop(
        ending=ending(3.3),
        requests=(*in_flight(), quick(-0.5), quick(-0.3), *fresh),
        written=(
            Written(id="7", name=HALF, acknowledged_seconds=3.02, is_there=True),
            Written(id="8", name=HALF, acknowledged_seconds=3.05, is_there=True),
            Written(id="5", name="POST /items", acknowledged_seconds=-0.48, is_there=True),
            Written(id="6", name="POST /items", acknowledged_seconds=-0.28, is_there=True),
        ),
        ready=((-0.5, 200), (-0.2, 200), (0.1, 0), (0.4, 0)),
        sessions=sessions(),
        log=LOG,
    )
    control = tuple(held(r.kind, r.name, r.status or 0, r.shape) for r in in_flight())
    alone = Stop(ending=ending(0.6, grace_seconds=None), requests=tuple(idle(0.2) for _ in range(20)), log=LOG)
    return DrainRuns(service="api", entry="direct", control=control, stopped=stopped, idle=alone)


def bounded(timeout: float, *, late: float | None) -> Bounded:
    cut = Tracked(
        kind=Kind.WRITE,
        name=HALF,
        sent_seconds=-0.98,
        ended_seconds=timeout + 0.2,
        fate=Fate.RESET,
        detail="closed without an answer",
    )
    whole = None if late is None else held(Kind.WRITE, HALF, 201, "id,name,price_cents", ended=late)
    return Bounded(timeout_seconds=timeout, ending=ending(timeout + 0.4), held=cut, late=whole)


def second() -> SecondSignal:
    told = bounded(4.0, late=None)
    return SecondSignal(timeout_seconds=4.0, sent_seconds=1.02, ending=told.ending, held=told.held)


def target() -> Target:
    return Target(
        name="shop",
        folder="shop",
        service="api",
        entries=(Entry(name="direct", service="api", port=8000),),
        roles={Role.APP: ("api",), Role.DB: ("db",), Role.REDIS: ("cache",)},
        extra={
            "record": {
                "create": {"method": "POST", "path": "/items", "json": {"name": "Kettle"}},
                "read": "/items/{id}",
            },
            "drain": {
                "timeout_seconds": 20,
                "env": "SHUTDOWN_SECONDS",
                "second_signal": "ignored",
                "logged": {
                    "start": "shutdown started",
                    "steps": ["database closed", "redis closed"],
                    "complete": "shutdown complete",
                },
            },
        },
    )


def build() -> dict[str, Any]:
    facts = {
        "target": target(),
        "drain_runs": drain_runs(),
        "drain_bound": DrainBound(
            has_engine=True,
            deployed=bounded(20.0, late=17.05),
            lowered=bounded(4.0, late=None),
            second=second(),
            variable="SHUTDOWN_SECONDS",
        ),
        "drain_cleanup": DrainCleanup(store="cache", ending=ending(1.2), sessions=sessions(), log=LOG),
    }
    return {name: encode(fact) for name, fact in facts.items()}


if __name__ == "__main__":
    place = Path(__file__).with_name("drain.json")
    place.write_text(json.dumps(build(), indent=1) + "\n", "utf-8")
