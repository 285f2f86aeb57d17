"""Prometheus metrics: what was asked and answered, how long it took, and how much of the machine is used."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from prometheus_client import (
    GC_COLLECTOR,
    PLATFORM_COLLECTOR,
    PROCESS_COLLECTOR,
    CollectorRegistry,
    Counter,
    Histogram,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from starlette.responses import Response

from . import defects, system

if TYPE_CHECKING:
    from prometheus_client.core import Metric
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["METRICS_PATH", "Metered", "Metrics"]

#: Where Prometheus asks; the proxy does not pass it on.
METRICS_PATH = "/metrics"
#: What no route serves: paths of strangers must not become series.
UNMATCHED = "unmatched"
#: Around the published threshold of one second.
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """The series of one process.

    Args:
        data_path: whose file system is reported.
    """

    def __init__(self, data_path: Path) -> None:
        self._registry = CollectorRegistry()
        for collector in (PROCESS_COLLECTOR, PLATFORM_COLLECTOR, GC_COLLECTOR):
            self._registry.register(collector)
        self._registry.register(_System(data_path))
        labels = ("method", "route", "status")
        self._requests = Counter("http_requests_total", "Requests answered.", labels, registry=self._registry)
        latency = "shop_latency_seconds" if defects.is_on("alert-series-missing") else "http_request_duration_seconds"
        self._seconds = Histogram(
            latency,
            "Time from the request to the end of its answer.",
            labels[:2],
            buckets=BUCKETS,
            registry=self._registry,
        )

    def count(self, method: str, route: str, status: int, seconds: float) -> None:
        """Note one answered request."""
        times = 0 if defects.is_on("counter-stuck") else 1
        if defects.is_on("counter-twice"):
            times = 2
        self._requests.labels(method, route, str(status)).inc(times)
        self._seconds.labels(method, route).observe(seconds)

    def answer(self) -> Response:
        """Everything, as Prometheus reads it."""
        text = generate_latest(self._registry)
        if defects.is_on("exposition-invalid"):
            text += b"shop_build_info{version=1.0} 1\n"
        return Response(text, media_type=CONTENT_TYPE_PLAIN_0_0_4)


class _System:
    """Gauges that are measured when they are asked for."""

    def __init__(self, data_path: Path, read: Callable[[Path], system.SystemMetrics] = system.read) -> None:
        self._data_path = data_path
        self._read = read

    def collect(self) -> Iterator[Metric]:
        """Processor, memory and disk, in per cent."""
        used = self._read(self._data_path)
        if defects.is_on("system-metric-constant"):
            used = system.SystemMetrics(cpu_percent=12.5, memory_percent=42.0, disk_percent=33.0)
        yield GaugeMetricFamily("system_cpu_percent", "Processor time used since the last look.", used.cpu_percent)
        yield GaugeMetricFamily(
            "system_memory_percent", "Memory used of what this service may use.", used.memory_percent
        )
        yield GaugeMetricFamily("system_disk_percent", "Disk used by and beside this service.", used.disk_percent)


class Metered:
    """Counts and times every answer, refusals and failures included."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, status = time.monotonic(), 500

        async def note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, note)
        finally:
            # The pattern, not the path: /items/1 and /items/2 are one series.
            route = getattr(scope.get("route"), "path", UNMATCHED)
            self._metrics.count(scope["method"], route, status, time.monotonic() - started)
