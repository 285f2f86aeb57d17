"""Stores that forget, and keys that do not hold."""

from __future__ import annotations

from readiness.demo.defects._defect import Defect, api

__all__ = ["DEFECTS"]

DEFECTS: tuple[Defect, ...] = (
    Defect(
        name="redis-save-points-only",
        title="Redis writes snapshots only: below a thousand changes a minute nothing before a clean stop",
        detected_by=("persist.redis_crash", "persist.redis_save_points", "persist.queue_survives"),
        environment={"cache": {"REDIS_ARGS": "--appendonly no --save 60 1000"}},
        part="cache",
    ),
    Defect(
        name="redis-without-persistence",
        title="Redis keeps everything in memory alone",
        detected_by=(
            "persist.redis_crash",
            "persist.redis_restart",
            "persist.redis_save_points",
            "persist.queue_survives",
            "drain.restart_no_data_loss",
        ),
        environment={"cache": {"REDIS_ARGS": "--appendonly no"}},
        part="cache",
    ),
    Defect(
        name="redis-evicts-queue",
        title="A full Redis throws away any key, waiting jobs too",
        detected_by=("persist.queue_survives", "persist.redis_save_points"),
        environment={"cache": {"REDIS_ARGS": "--maxmemory-policy allkeys-lru"}},
        part="cache",
    ),
    Defect(
        name="redis-without-volume",
        title="Redis writes into its container",
        detected_by=("persist.named_volumes", "persist.redis_restart"),
        compose="defects/overlays/redis-without-volume.yaml",
        part="cache",
    ),
    Defect(
        name="database-without-volume",
        title="The database's volume is an anonymous one, which no new container gets",
        detected_by=("persist.named_volumes", "persist.recreate"),
        compose="defects/overlays/database-without-volume.yaml",
        part="db",
    ),
    Defect(
        name="database-data-elsewhere",
        title="The database keeps its data beside the directory where its volume is",
        detected_by=("persist.named_volumes", "persist.recreate"),
        compose="defects/overlays/database-data-elsewhere.yaml",
        part="db",
    ),
    api(
        "idempotency-in-memory",
        "Which keys were used is known to the process alone",
        "persist.idempotency_keys",
        part="idempotency",
    ),
    api(
        "idempotency-key-poisoned",
        "A key whose first attempt failed is under way for ever",
        "persist.idempotency_keys",
        part="idempotency",
    ),
)
