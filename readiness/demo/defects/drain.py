"""Shutdowns that cut, lose, hang, or say nothing."""

from __future__ import annotations

from readiness.demo.defects._defect import Defect, api

__all__ = ["DEFECTS"]

DEFECTS: tuple[Defect, ...] = (
    api("drain-cuts-requests", "The stop cuts what is in flight", "drain.inflight_completes", part="stop"),
    api(
        "drain-cuts-streams",
        "During the drain an export ends after the page that it is at",
        "drain.inflight_completes",
        part="stop/stream",
    ),
    api(
        "exit-at-once",
        "The stop signal ends the process on the spot, with exit code 0",
        "drain.inflight_completes",
        "drain.db_connections_closed",
        "drain.completion_logged",
        part="stop",
    ),
    api(
        "signal-ignored",
        "The stop signal is ignored, and the service is killed",
        "drain.exit_code",
        "drain.all_containers",
        "drain.pid1_forwards",
        "drain.refuses_new",
        "drain.db_connections_closed",
        "drain.completion_logged",
        "drain.timeout_30s",
        "drain.timeout_configurable",
        part="stop",
    ),
    api("drain-accepts", "New requests are served while the service drains", "drain.refuses_new", part="stop/new"),
    api(
        "drain-loses-writes",
        "Writes during the drain are acknowledged and rolled back",
        "drain.inflight_write_commits",
        part="stop/writes",
    ),
    api("connections-left-open", "The database pool is left open", "drain.db_connections_closed", part="stop/database"),
    api(
        "drain-unbounded",
        "The drain waits for ever",
        "drain.timeout_30s",
        "drain.timeout_configurable",
        part="stop",
    ),
    api(
        "shutdown-variable-ignored",
        "The shutdown timeout's variable is ignored",
        "drain.timeout_configurable",
        part="stop/timeout",
    ),
    api(
        "second-signal-forces",
        "A second stop signal ends the drain at once",
        "drain.second_signal",
        part="stop/second",
    ),
    api(
        "shutdown-never-ends",
        "A thread keeps the process alive after its shutdown",
        "drain.exit_code",
        "drain.all_containers",
        "drain.timeout_30s",
        "drain.timeout_configurable",
        part="stop",
    ),
    api("idle-connections-hold-up", "The shutdown waits for idle connections", "drain.keepalive", part="stop"),
    api("shutdown-silent", "The shutdown logs nothing", "drain.completion_logged", part="stop/log"),
    api("redis-closed-first", "Redis is closed before the database", "drain.ordered", part="stop/log"),
    api(
        "failed-step-ends-shutdown",
        "A failing step of the shutdown leaves out the rest",
        "drain.cleanup_errors_tolerated",
        part="stop/database",
    ),
    Defect(
        name="grace-period-short",
        title="The grace period is the engine's default",
        detected_by=("drain.grace_period_fits",),
        compose="defects/overlays/api-grace-period-short.yaml",
        part="stop/grace",
    ),
    Defect(
        name="signal-kept-by-shell",
        title="A shell starts the service and keeps the stop signal to itself",
        detected_by=(
            "drain.exit_code",
            "drain.all_containers",
            "drain.pid1_forwards",
            "drain.refuses_new",
            "drain.db_connections_closed",
            "drain.completion_logged",
            "drain.timeout_30s",
            "drain.timeout_configurable",
        ),
        compose="defects/overlays/api-started-by-a-shell.yaml",
        part="stop",
    ),
)
