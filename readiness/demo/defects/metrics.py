"""Metrics that mislead whoever looks at them, and alerts that do not come."""

from __future__ import annotations

from readiness.demo.defects._defect import Defect, api

__all__ = ["DEFECTS"]

DEFECTS: tuple[Defect, ...] = (
    api("exposition-invalid", "One line of the metrics does not parse", "metrics.endpoint", part="exposition"),
    api("counter-stuck", "The counter of requests never moves", "metrics.http_counter", part="request counter"),
    api("counter-twice", "Every request is counted twice", "metrics.http_counter", part="request counter"),
    api("system-metric-constant", "The system metrics are made up", "metrics.system", part="system gauges"),
    api(
        "alert-series-missing",
        "An alert watches a metric that is not there",
        "alerts.rules_valid",
        part="latency metric",
    ),
    Defect(
        name="alert-threshold-differs",
        title="An alert fires at 5 % where 1 % is published",
        detected_by=("alerts.thresholds_agree",),
        declares={"alerts": {"rules": ["defects/alerts-loose.yml"]}},
        part="alert rules",
    ),
)
