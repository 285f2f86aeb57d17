from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from readiness.demo.app.shop import system
from readiness.demo.app.shop.metrics import UNMATCHED, Metered, Metrics, _System
from readiness.metrics.exposition import faults_of, read


def shown(metrics: Metrics) -> str:
    return bytes(metrics.answer().body).decode()


def counts(metrics: Metrics) -> dict[str, float]:
    return {s.words: s.value for s in read(shown(metrics)).series if s.name == "http_requests_total"}


def serve(metrics: Metrics, scope: dict[str, Any], *, status: int | None = 200) -> None:
    async def app(inner: Any, _receive: Any, send: Any) -> None:
        inner.update(scope.get("matched", {}))
        if status is None:
            raise RuntimeError("nobody foresaw it")
        await send({"type": "http.response.start", "status": status})

    async def send(_message: Any) -> None:
        pass

    async def receive() -> Any:
        raise AssertionError

    asyncio.run(Metered(app, metrics)({"type": "http", "method": "GET", "path": "/items/3"}, receive, send))  # type: ignore[arg-type]  # a plain ASGI application


class Route:
    path = "/items/{item_id}"


def test_requests_are_counted_by_route_and_status(tmp_path: Path) -> None:
    metrics = Metrics(tmp_path)
    for _ in range(3):
        serve(metrics, {"matched": {"route": Route()}})
    serve(metrics, {}, status=404)
    assert counts(metrics) == {
        'http_requests_total{method="GET",route="/items/{item_id}",status="200"}': 3.0,
        f'http_requests_total{{method="GET",route="{UNMATCHED}",status="404"}}': 1.0,
    }


def test_what_nobody_foresaw_counts_as_a_failure(tmp_path: Path) -> None:
    metrics = Metrics(tmp_path)
    with pytest.raises(RuntimeError, match="nobody foresaw"):
        serve(metrics, {}, status=None)
    assert list(counts(metrics)) == [f'http_requests_total{{method="GET",route="{UNMATCHED}",status="500"}}']


def test_the_exposition_is_sound_before_and_after_the_first_request(tmp_path: Path) -> None:
    metrics = Metrics(tmp_path)
    assert faults_of(shown(metrics), metrics.answer().media_type or "") == ()
    serve(metrics, {})
    assert faults_of(shown(metrics), "text/plain") == ()
    assert "http_request_duration_seconds" in read(shown(metrics)).announced


def test_the_machine_is_measured_at_each_look(tmp_path: Path) -> None:
    figures = iter(system.SystemMetrics(cpu_percent=n, memory_percent=n + 1, disk_percent=n + 2) for n in (1.0, 10.0))
    gauges = _System(tmp_path, lambda _: next(figures))
    looks = [{family.name: family.samples[0].value for family in gauges.collect()} for _ in range(2)]
    assert looks[0] == {"system_cpu_percent": 1.0, "system_memory_percent": 2.0, "system_disk_percent": 3.0}
    assert looks[1]["system_cpu_percent"] == 10.0


@pytest.mark.parametrize(
    ("defect", "expected"),
    [("counter-stuck", [0.0]), ("counter-twice", [2.0])],
)
def test_a_defect_of_the_counter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, defect: str, expected: list[float]
) -> None:
    monkeypatch.setenv("SHOP_DEFECTS", defect)
    metrics = Metrics(tmp_path)
    serve(metrics, {})
    assert list(counts(metrics).values()) == expected


def test_an_invalid_exposition_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_DEFECTS", "exposition-invalid")
    assert len(faults_of(shown(Metrics(tmp_path)), "text/plain")) == 1
