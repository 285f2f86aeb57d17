from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from typing import Any

import pytest

from readiness.facts._codec import decode, encode
from readiness.facts.http import Exchange, StatusClass
from readiness.facts.sinks import SinkPause
from readiness.gather import gatherer_meta, sink_pause
from readiness.runtime import Capability
from readiness.target import Entry, Paths, Request, Role, Target

ENTRIES = (Entry(name="proxy", service="web", port=80), Entry(name="direct", service="api", port=8000))


class World:
    """A stack whose service waits for the sink, or not; it is its own client and its own faults."""

    services = ("web", "api", "cache")
    runtime = "process"

    def __init__(self, *, waits: bool = False, capabilities: frozenset[Capability] = frozenset(Capability)) -> None:
        self.waits, self.capabilities = waits, capabilities
        self.frozen: list[str] = []
        self.asked: list[tuple[str, str]] = []
        self.is_frozen = False

    def send(self, entry: Entry, request: Request, *, timeout_seconds: float) -> Exchange:
        self.asked.append((entry.name, request.path))
        is_late = self.is_frozen and self.waits
        return Exchange(
            entry=entry.name,
            purpose=StatusClass.OK,
            method="GET",
            url=request.path,
            status=None if is_late else 200,
            seconds=timeout_seconds if is_late else 0.002,
        )

    @contextlib.contextmanager
    def paused(self, service: str, *, at_most_seconds: float) -> Iterator[None]:
        self.frozen.append(service)
        self.is_frozen = True
        yield
        self.is_frozen = False


def gather(world: World, **metrics: Any) -> SinkPause:
    target = Target(
        name="shop",
        folder="shop",
        entries=ENTRIES,
        roles={Role.PROXY: ("web",)},
        paths=Paths(static=Request(path="/app.css")),
        extra={"metrics": metrics},
    )
    meta = gatherer_meta(sink_pause.sink_pause._get_wrapped_function())
    assert meta is not None
    fact: SinkPause = meta.function(target=target, stack=world, http=world, faults=world)
    return fact


def test_the_service_is_asked_past_the_proxy_before_and_while_the_sink_hangs() -> None:
    world = World()
    fact = gather(world, sink="cache")
    assert world.frozen == ["cache"]
    assert (len(fact.before), len(fact.during)) == (20, 20)
    assert set(world.asked) == {("direct", "/app.css")}
    assert decode(SinkPause, json.loads(json.dumps(encode(fact)))) == fact


def test_answers_that_do_not_come_are_kept_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sink_pause, "FROZEN_SECONDS", 0.0)
    fact = gather(World(waits=True), sink="cache", unrelated="/else")
    assert [(answer.status, answer.seconds) for answer in fact.during] == [(None, 4.0)]
    assert fact.path == "/else"


@pytest.mark.parametrize(
    ("metrics", "capabilities", "reason"),
    [
        ({}, frozenset(Capability), "no sink"),
        ({"sink": "queue"}, frozenset(Capability), "queue is no service"),
        ({"sink": "cache"}, frozenset(Capability) - {Capability.PAUSE}, "needs a pause"),
    ],
)
def test_what_cannot_be_done_is_not_done(
    metrics: dict[str, str], capabilities: frozenset[Capability], reason: str
) -> None:
    world = World(capabilities=capabilities)
    assert reason in gather(world, **metrics).not_done
    assert world.frozen == world.asked == []
