from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest

from readiness.check import Impact
from readiness.facts._codec import decode, encode
from readiness.facts.embedded import ConcurrentInference
from readiness.facts.http import Exchange, StatusClass
from readiness.gather import concurrent_inference as module
from readiness.gather import gatherer_meta
from readiness.gather.concurrent_inference import Sizes, text_of
from readiness.target import Entry, Limit, Probe, ProbeKind, Request, Target
from tests.gather.asked import FakeStack

ONE = Request(method="POST", path="/embed", json={"text": "hello"})
BATCH = {"method": "POST", "path": "/embed/batch", "json": {"texts": ["hello"]}}
TARGET = Target(
    name="shop",
    folder="/srv/shop",
    service="api",
    entries=(Entry(name="direct", service="api", port=8000),),
    probes={ProbeKind.LOADING: Probe(kind=ProbeKind.LOADING, path="/health/model", proof=ONE)},
    extra={"validation": {"batch": {"request": BATCH, "at": "texts", "items": 5}}},
)


META = gatherer_meta(module.concurrent_inference._get_wrapped_function())
assert META is not None
GATHER = META.function


def vector_of(text: str) -> list[float]:
    return [float(text.count(letter)) + len(text) / 100 for letter in "aeioumnt0123456789"]


@dataclass
class Service:
    """Embeds texts; as told, mixes up those that come at the same moment."""

    mode: str = "sound"
    limit: int = 10_000
    asked: list[Request] = field(default_factory=list)
    buffer: str = ""
    busy: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)
    several: threading.Event = field(default_factory=threading.Event)

    def send(self, entry: Entry, request: Request, **_: Any) -> Exchange:
        with self.lock:
            self.asked.append(request)
            number = len(self.asked)
            self.busy += 1
            if self.busy > 1:
                self.several.set()
        try:
            status, body = self.answer(request, number)
        finally:
            with self.lock:
                self.busy -= 1
        return Exchange(
            entry=entry.name,
            purpose=StatusClass.OK,
            method=request.method,
            url=request.path,
            https=False,
            status=status,
            body=json.dumps(body),
        )

    def answer(self, request: Request, number: int) -> tuple[int, object]:
        data: Mapping[str, Any] = request.json
        if number > self.limit:
            return 429, {}
        if self.mode == "no vector":
            return 200, {"ok": True}
        if request.path == "/embed/batch" and self.mode == "queues batches":
            return 202, {"job": 1}
        if request.path == "/embed/batch":
            texts: Iterable[str] = data["texts"]
            return 200, {"embeddings": [vector_of(t) for t in (sorted(texts) if self.mode == "sorts" else texts)]}
        text = data["text"]
        is_crowd = number > Sizes.texts + Sizes.repeats + 2
        if self.mode == "mixes" and is_crowd:
            self.buffer = text
            self.several.wait(0.05)
            text = self.buffer
        if self.mode == "fails" and is_crowd:
            return 500, {}
        return 200, {"embedding": vector_of(text)}


def run(service: Service, target: Target = TARGET) -> ConcurrentInference:
    return cast(
        "ConcurrentInference",
        GATHER(target=target, stack=FakeStack({"api": {}}), http=service, progress=lambda *_, **__: None),
    )


def test_the_texts_are_distinct_and_not_in_the_order_of_their_lengths() -> None:
    texts = [text_of(number) for number in range(60)]
    assert len(set(texts)) == 60
    assert sorted(texts, key=len) != texts


def test_a_sound_service_gives_everybody_their_own_vector() -> None:
    service = Service()
    seen = run(service)
    assert decode(ConcurrentInference, encode(seen)) == seen
    assert META is not None
    assert META.impact is Impact.PERTURBS
    assert seen.request == "POST /embed"
    assert seen.alone == len(seen.at_once) == Sizes.texts
    assert {(e.text, e.difference) for e in seen.at_once} == {(n, 0.0) for n in range(Sizes.texts)}
    assert all(e.nearest == e.text and not e.error for e in seen.at_once)
    assert seen.smallest_distance > 0.03
    assert seen.repeated_difference == 0
    assert [(b.others, b.nearest == b.sent, len(b.sent)) for b in seen.batches] == [
        (False, True, 5),
        (True, True, 5),
        (True, True, 5),
    ]
    assert len(service.asked) < 100


def test_a_shared_buffer_shows() -> None:
    seen = run(Service(mode="mixes"))
    assert any(e.nearest != e.text for e in seen.at_once)


def test_an_order_that_is_lost_shows() -> None:
    seen = run(Service(mode="sorts"))
    assert {b.difference for b in seen.batches} == {0.0}
    assert all(b.nearest != b.sent and sorted(b.nearest) == sorted(b.sent) for b in seen.batches)


def test_failures_of_the_crowd_are_told() -> None:
    seen = run(Service(mode="fails"))
    assert {e.error for e in seen.at_once} == {"status 500"}


def test_what_is_limited_is_no_failure() -> None:
    seen = run(Service(limit=60))
    assert [e.error for e in seen.at_once] == [""] * Sizes.texts
    assert 429 in {e.status for e in seen.at_once}


def test_a_declared_limit_is_kept() -> None:
    service = Service()
    run(service, replace(TARGET, limits=(Limit(path="/embed", requests=40),)))
    assert len(service.asked) <= 40


def test_a_batch_is_sent_only_where_one_is_declared() -> None:
    seen = run(Service(), replace(TARGET, extra={}))
    assert seen.batches == ()
    assert seen.batch_not_done == "no batch is declared"
    declared = {"validation": {"batch": {"request": BATCH, "at": "items", "items": 5}}}
    assert "has no items" in run(Service(), replace(TARGET, extra=declared)).batch_not_done


def test_a_batch_that_gets_no_vectors_alone_is_not_sent_among_others() -> None:
    service = Service(mode="queues batches")
    seen = run(service)
    assert [(batch.others, batch.nearest) for batch in seen.batches] == [(False, ())]
    assert "alone is answered with status 202" in seen.batch_not_done
    assert sum(request.path == "/embed/batch" for request in service.asked) == 1


def test_an_answer_without_a_vector_is_told() -> None:
    seen = run(Service(mode="no vector"))
    assert seen.no_vector
    assert "exactly one vector" in seen.not_done


@pytest.mark.parametrize(
    "target", [replace(TARGET, probes={}, extra={}), replace(TARGET, declined={"probes.loading": "loads nothing"})]
)
def test_without_such_a_request_nothing_is_sent(target: Target) -> None:
    service = Service()
    assert run(service, target).not_done == "no request is declared that embeds a text"
    assert service.asked == []


def test_without_a_repeat_there_is_no_difference() -> None:
    seen = run(Service(limit=31))
    assert (seen.alone, seen.repeated_difference, seen.repeated_seconds) == (30, None, None)


def test_a_slow_service_is_asked_for_a_bounded_time() -> None:
    now = 0.0
    waited: list[float] = []

    class Slow(Service):
        def send(self, entry: Entry, request: Request, *, timeout_seconds: float = 0.0, **_: Any) -> Exchange:
            nonlocal now
            waited.append(timeout_seconds)
            now += min(8.0, timeout_seconds)
            return replace(super().send(entry, request), seconds=8.0)

    lab = module.InferenceLab(
        http=cast("Any", Slow()), entry=TARGET.entries[0], progress=lambda *_, **__: None, clock=lambda: now
    )
    seen = lab.run([(ONE, ("text",))], None)
    assert seen.alone == 4
    assert (seen.alone_seconds, seen.repeated_seconds) == (8.0, 8.0)
    assert now <= lab.sizes.all_seconds + 2
    assert max(waited) == lab.sizes.timeout


def test_a_refusal_from_the_first_is_told() -> None:
    assert "not accepted: 429" in run(Service(limit=0)).not_done
    assert "did not go on" in run(Service(limit=2)).not_done
