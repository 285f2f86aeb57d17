"""Writes ``metrics.json``: a sound service's metrics around its bursts, and alert rules on them.

For the cases of ``metrics.*`` and ``alerts.*``. Run it after a change of the facts: ``python tests/checks/bases/build_metrics.py``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from readiness.facts._codec import encode
from readiness.facts.alerts import AlertRules, RuleFile
from readiness.facts.metrics import Burst, Metering, Scrape
from readiness.target import Entry, Target

URL = "http://api:8000/metrics"
RULES = """\
groups:
  - name: shop
    rules:
      - alert: HighErrorRate
        expr: sum(rate(http_requests_total{status=~"5.."}[5m])) / sum(rate(http_requests_total[5m])) > 0.01
        for: 5m
      - alert: HighMemoryUsage
        expr: system_memory_percent > 85
      - alert: Idle
        expr: rate(http_requests_total[1h]) < 0.001 unless on () absent(http_requests_total)
      - alert: InstanceDown
        expr: up == 0
"""


def exposition(*, good: int, bad: int, cpu: float, memory: float) -> str:
    return f"""\
# HELP python_info Python platform information
# TYPE python_info gauge
python_info{{version="3.11.7"}} 1.0
# HELP http_requests_total Requests answered.
# TYPE http_requests_total counter
http_requests_total{{method="GET",route="/items",status="200"}} {good}.0
http_requests_total{{method="GET",route="/boom",status="500"}} {bad}.0
# HELP http_request_duration_seconds Time of a request.
# TYPE http_request_duration_seconds histogram
http_request_duration_seconds_bucket{{le="+Inf"}} {good + bad}.0
http_request_duration_seconds_count {good + bad}.0
http_request_duration_seconds_sum 1.5
# HELP system_cpu_percent Processor.
# TYPE system_cpu_percent gauge
system_cpu_percent {cpu}
# HELP system_memory_percent Memory.
# TYPE system_memory_percent gauge
system_memory_percent {memory}
"""


def scrape(number: int, **values: Any) -> Scrape:
    return Scrape(
        url=URL,
        at_seconds=float(number),
        number=number,
        status=200,
        content_type="text/plain; version=0.0.4; charset=utf-8",
        text=exposition(**values),
    )


def metering() -> Metering:
    return Metering(
        first=scrape(1, good=1, bad=0, cpu=3.0, memory=40.0),
        quiet=scrape(2, good=1, bad=0, cpu=2.0, memory=40.0),
        good=scrape(3, good=21, bad=0, cpu=12.0, memory=40.1),
        bad=scrape(4, good=21, bad=5, cpu=9.0, memory=40.1),
        good_burst=Burst(label="GET http://api:8000/items", sent=20, statuses={"200": 20}),
        bad_burst=Burst(label="GET http://api:8000/boom", sent=5, statuses={"500": 5}),
    )


def target() -> Target:
    return Target(
        name="shop",
        folder="shop",
        service="api",
        entries=(Entry(name="direct", service="api", port=8000),),
        extra={
            "metrics": {
                "path": "/metrics",
                "requests": "http_requests_total",
                "status_label": "status",
                "system": ["system_cpu_percent", "system_memory_percent"],
            },
            "alerts": {
                "rules": ["alerts.yml"],
                "thresholds": {"HighErrorRate": 0.01, "HighMemoryUsage": {"above": 85}, "Idle": {"below": 0.001}},
            },
        },
    )


def build() -> dict[str, Any]:
    rules = AlertRules(files=(RuleFile(path="alerts.yml", text=RULES),), is_declared=True)
    facts = {"target": target(), "metering": metering(), "alert_rules": rules}
    return {name: encode(fact) for name, fact in facts.items()}


if __name__ == "__main__":
    place = Path(__file__).with_name("metrics.json")
    place.write_text(json.dumps(build(), indent=1) + "\n", "utf-8")
