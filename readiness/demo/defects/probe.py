"""Health probes that lie, hang or tell too much."""

from __future__ import annotations

from readiness.demo.defects._defect import Defect, api

__all__ = ["DEFECTS"]

DEFECTS: tuple[Defect, ...] = (
    api("health-requires-login", "The health endpoint asks for a login", "probe.health_ok", part="healthz"),
    api("live-timestamp-frozen", "Liveness tells the time of the start", "probe.live", part="live"),
    api("live-checks-database", "Liveness fails with the database", "probe.live_no_deps", part="live"),
    api("ready-omits-redis", "Readiness does not list Redis", "probe.ready", part="ready"),
    api("ready-constant-times", "Readiness makes its response times up", "probe.ready", part="ready"),
    api("ready-ignores-database", "Readiness stays green without the database", "probe.ready_503_db", part="ready"),
    api("ready-ignores-redis", "Readiness stays green without Redis", "probe.ready_503_redis", part="ready"),
    api(
        "unhealthy-with-200",
        "Readiness says unhealthy with status 200",
        "probe.ready_503_db",
        "probe.ready_503_redis",
        part="ready",
    ),
    api("ready-never-recovers", "Readiness stays red after an outage", "probe.recovers", part="ready"),
    api("ready-hangs", "Readiness hangs with a hanging dependency", "probe.hang_bounded", part="ready"),
    api("startup-always-ok", "The startup probe succeeds before the start has", "probe.startup", part="startup"),
    api(
        "legacy-checks-database",
        "The shallow health endpoint fails with the database",
        "probe.legacy_shallow",
        part="legacy",
    ),
    api("basic-always-ok", "The health endpoint is 200 without database or Redis", "probe.basic_503", part="basic"),
    api("health-uncached", "Every health request asks the database", "probe.cache_10s", part="basic"),
    api("health-stale", "A health answer is reused for a minute", "probe.cache_10s", part="basic"),
    api("live-slow", "Liveness takes 0.3 s", "probe.fast", part="live"),
    api("detailed-omits-latency", "The detailed report has no latencies", "probe.detailed", part="detailed"),
    api(
        "detailed-lies", "The detailed report calls every component healthy", "probe.detailed_truthful", part="detailed"
    ),
    api(
        "detailed-overall-ok",
        "The detailed report's status ignores its components",
        "probe.aggregates_backends",
        part="detailed",
    ),
    api("disk-memory-ignored", "The health endpoint ignores disk and memory", "probe.disk_memory", part="basic"),
    api("metrics-constant", "The system metrics are made up", "probe.system_metrics", part="detailed"),
    api("alerts-empty", "The alerts are always empty", "probe.alerts_field", part="detailed"),
    api("loading-answers-200", "The model's endpoint is 200 while it loads", "probe.loading_503", part="model"),
    api("model-status-error", "The model's endpoint says error with status 200", "probe.status_ok_body", part="model"),
    api(
        "error-leaks-dsn", "Readiness tells the database's address and password", "probe.error_sanitised", part="ready"
    ),
)
