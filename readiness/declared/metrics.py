"""The ``metrics`` section: where Prometheus metrics are, and what they are called."""

from __future__ import annotations

from dataclasses import dataclass

from readiness.target import Target

__all__ = ["Metrics", "metrics_of"]

#: Where Prometheus itself asks when nobody says otherwise (``metrics_path``).
DEFAULT_PATH = "/metrics"


@dataclass(frozen=True, kw_only=True)
class Metrics:
    """Where the metrics are and which of them mean what; empty texts where discovery is to tell.

    Attributes:
        is_path_declared: False where the path is Prometheus' own default.
        service, port: asked directly; empty and 0 mean through an entry.
        requests: the counter of requests.
        status_label: its label that holds the status.
        system: gauges and counters of processor, memory and disk.
        sink: the service that the application pushes numbers to; empty where it pushes none.
        unrelated: a path that needs nothing of ``sink``; empty where ``paths.static`` is such a one.
    """

    path: str = DEFAULT_PATH
    is_path_declared: bool = False
    service: str = ""
    port: int = 0
    requests: str = ""
    status_label: str = ""
    system: tuple[str, ...] = ()
    sink: str = ""
    unrelated: str = ""


def metrics_of(target: Target) -> Metrics:
    """The section, or what it says when it says nothing."""
    raw = target.extra.get("metrics") or {}
    return Metrics(
        path=raw.get("path", DEFAULT_PATH),
        is_path_declared="path" in raw,
        service=raw.get("service", ""),
        port=raw.get("port", 0),
        requests=raw.get("requests", ""),
        status_label=raw.get("status_label", ""),
        system=tuple(raw.get("system") or ()),
        sink=raw.get("sink", ""),
        unrelated=raw.get("unrelated", ""),
    )
