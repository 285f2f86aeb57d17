"""Facts are gathered once, failures included, by whichever worker comes first."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from readiness.check import Impact
from readiness.exceptions import RecordingError, UnsupportedError
from readiness.gather import gatherer
from readiness.gather._declare import GathererMeta
from readiness.gather._store import FactStore, read_spans
from readiness.verdict import Inconclusive, NotApplicable


@dataclass(frozen=True, kw_only=True)
class Fact:
    value: int


def meta(function: Any, name: str = "fact", impact: Impact = Impact.OBSERVES, seconds: float = 1.0) -> GathererMeta:
    return GathererMeta(
        name=name, impact=impact, fact=Fact, instruments=("progress",), function=function, at_most_seconds=seconds
    )


def store(folder: Path, **values: Any) -> FactStore:
    return FactStore(folder=folder, instrument=lambda name: name, **values)


class Counter:
    def __init__(self, error: Exception | None = None) -> None:
        self.calls, self.error = 0, error

    def __call__(self, progress: str) -> Fact:
        self.calls += 1
        if self.error is not None:
            raise self.error
        return Fact(value=self.calls)


def test_a_fact_is_gathered_once_for_all_workers(tmp_path: Path) -> None:
    gather = Counter()
    assert store(tmp_path, worker="a").obtain(meta(gather)) == Fact(value=1)
    assert store(tmp_path, worker="b").obtain(meta(gather)) == Fact(value=1)
    assert gather.calls == 1


@pytest.mark.parametrize(
    ("error", "raised", "text"),
    [
        (NotApplicable("no database"), NotApplicable, "no database"),
        (Inconclusive("silent", supply="x: 1", undeclared="x"), Inconclusive, "silent"),
        (UnsupportedError("pause a service", runtime="attached"), Inconclusive, "needs pause a service"),
        (ZeroDivisionError("ours"), Inconclusive, "our bug"),
    ],
)
def test_a_failed_gathering_is_kept_and_never_repeated(
    tmp_path: Path, error: Exception, raised: type[Exception], text: str
) -> None:
    gather = Counter(error)
    for worker in ("a", "b"):
        with pytest.raises(raised, match=text):
            store(tmp_path, worker=worker).obtain(meta(gather))
    assert gather.calls == 1


def test_what_an_inconclusive_fact_lacks_survives_the_store(tmp_path: Path) -> None:
    gather = Counter(Inconclusive("silent", supply="x: 1", undeclared="x"))
    with pytest.raises(Inconclusive):
        store(tmp_path).obtain(meta(gather))
    with pytest.raises(Inconclusive) as caught:
        store(tmp_path).obtain(meta(gather))
    assert (caught.value.supply, caught.value.undeclared) == ("x: 1", "x")


def test_a_worker_that_would_wait_gathers_another_fact_meanwhile(tmp_path: Path) -> None:
    under_way, release = threading.Event(), threading.Event()

    def slow(progress: str) -> Fact:
        under_way.set()
        release.wait(10)
        return Fact(value=1)

    def other(progress: str) -> Fact:
        release.set()
        return Fact(value=2)

    plan = (meta(slow, "slow", seconds=9), meta(other, "other"))
    first = threading.Thread(target=lambda: store(tmp_path, worker="a").obtain(plan[0]))
    first.start()
    assert under_way.wait(10)
    assert store(tmp_path, worker="b", plan=plan).obtain(plan[0]) == Fact(value=1)
    first.join()
    assert {(span.worker, span.name) for span in read_spans(tmp_path) if span.kind == "gather"} == {
        ("a", "slow"),
        ("b", "other"),
    }


def test_who_perturbs_waits_until_nobody_else_is_at_work_and_does_other_things_meanwhile(tmp_path: Path) -> None:
    under_way, release = threading.Event(), threading.Event()
    seen: list[str] = []

    def watching(progress: str) -> Fact:
        under_way.set()
        release.wait(10)
        seen.append("watched")
        return Fact(value=1)

    def storm(progress: str) -> Fact:
        seen.append("storm")
        return Fact(value=2)

    def other(progress: str) -> Fact:
        seen.append("other")
        release.set()
        return Fact(value=3)

    plan = (meta(watching, "watching"), meta(storm, "storm", Impact.PERTURBS), meta(other, "other"))
    first = threading.Thread(target=lambda: store(tmp_path, worker="a").obtain(plan[0]))
    first.start()
    assert under_way.wait(10)
    assert store(tmp_path, worker="b", plan=plan).obtain(plan[1]) == Fact(value=2)
    first.join()
    assert seen == ["other", "watched", "storm"]


def test_two_workers_never_wait_for_each_other(tmp_path: Path) -> None:
    """One perturbs and needs the target; the other wanted to gather the target, and is held up by the first."""
    target = meta(Counter(), "target")
    other_begins = threading.Event()

    def storm(progress: str) -> Fact:
        other.start()
        assert other_begins.wait(10)
        time.sleep(0.1)  # until the other one holds the lock of the target and waits for the host
        return first.obtain(target, meanwhile=False)

    def want_target() -> None:
        other_begins.set()
        store(tmp_path, worker="b").obtain(target)

    first = store(tmp_path, worker="a")
    other = threading.Thread(target=want_target, daemon=True)
    done: list[Fact] = []
    both = threading.Thread(
        target=lambda: done.append(first.obtain(meta(storm, "storm", Impact.PERTURBS))), daemon=True
    )
    both.start()
    both.join(20)
    assert done == [Fact(value=1)]


def test_a_fact_that_others_are_gathered_with_needs_no_lease_of_its_own(tmp_path: Path) -> None:
    inner = meta(Counter(), "inner")

    def storm(progress: str) -> Fact:
        return worker.obtain(inner, meanwhile=False)

    worker = store(tmp_path)
    assert worker.obtain(meta(storm, "storm", Impact.PERTURBS)) == Fact(value=1)


def test_a_refused_impact_gathers_nothing(tmp_path: Path) -> None:
    gather = Counter()
    refusing = store(tmp_path, refusal=lambda impact: "not here" if impact is Impact.DISRUPTS else "")
    with pytest.raises(Inconclusive, match="not here"):
        refusing.obtain(meta(gather, impact=Impact.DISRUPTS))
    assert gather.calls == 0


def test_the_stack_is_put_right_after_each_gathering(tmp_path: Path) -> None:
    impacts: list[Impact] = []
    store(tmp_path, after=impacts.append).obtain(meta(Counter(), impact=Impact.DISRUPTS))
    assert impacts == [Impact.DISRUPTS]


def test_a_replay_reads_and_never_gathers(tmp_path: Path) -> None:
    gather = Counter()
    store(tmp_path).obtain(meta(gather))
    replay = FactStore(folder=tmp_path, is_replay=True)
    assert replay.obtain(meta(gather)) == Fact(value=1)
    with pytest.raises(Inconclusive, match="holds no fact 'other'"):
        replay.obtain(meta(gather, "other"))


def test_a_damaged_record_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "fact.json").write_text("{half")
    with pytest.raises(RecordingError, match="cannot be read"):
        store(tmp_path).obtain(meta(Counter()))
    (tmp_path / "other.json").write_text(json.dumps({"fact": {"value": "seven"}}))
    with pytest.raises(RecordingError, match="expected"):
        store(tmp_path).obtain(meta(Counter(), "other"))


def test_a_span_cut_short_is_left_out(tmp_path: Path) -> None:
    store(tmp_path).obtain(meta(Counter()))
    with (tmp_path / "spans-main.jsonl").open("a") as file:
        file.write('{"worker": "ma')
    assert len(read_spans(tmp_path)) == 1


def test_a_gatherer_that_asks_for_a_fact_is_refused() -> None:
    with pytest.raises(TypeError, match="asks for responses"):

        @gatherer(impact=Impact.OBSERVES)
        def nested(responses: Fact) -> Fact:
            return responses


def test_a_gatherer_without_a_fact_is_refused() -> None:
    with pytest.raises(TypeError, match="return annotation"):

        @gatherer(impact=Impact.OBSERVES)
        def shapeless(progress: object):  # type: ignore[no-untyped-def]  # noqa: ANN202  # the mistake under test
            return None
