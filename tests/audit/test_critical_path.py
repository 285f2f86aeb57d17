"""The critical path is the chain of work that bounded the run."""

from __future__ import annotations

from readiness.audit.critical_path import critical_path
from readiness.gather._store import Span


def span(worker: str, name: str, began: float, ended: float, kind: str = "gather") -> Span:
    return Span(worker=worker, name=name, kind=kind, began=began, ended=ended)


def names(spans: list[Span], *, judged: float) -> list[str]:
    return [step.name for step in critical_path(spans, began=0.0, judging_began=judged)]


def test_the_slowest_worker_bounds_the_run() -> None:
    spans = [
        span("a", "start", 1, 3, "start"),
        span("a", "long", 3, 30),
        span("b", "start", 1, 4, "start"),
        span("b", "short", 4, 9),
    ]
    assert names(spans, judged=30.1) == ["start and collect", "start", "long", "grade and render"]


def test_waiting_for_another_worker_leads_to_what_it_did() -> None:
    spans = [span("a", "long", 1, 20), span("b", "wait for long", 2, 20, "wait"), span("b", "next", 20.05, 25)]
    assert names(spans, judged=25) == ["start and collect", "long", "next", "grade and render"]


def test_no_work_is_no_path() -> None:
    assert names([], judged=2.0) == ["start and collect", "grade and render"]
