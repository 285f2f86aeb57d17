"""Starts that go wrong when the database is late."""

from __future__ import annotations

from readiness.demo.defects._defect import Defect, api

__all__ = ["DEFECTS"]

DEFECTS: tuple[Defect, ...] = (
    api("exits-when-database-late", "The API ends when its database is not there yet", "retry.db_late", part="retry"),
    api("retries-without-pause", "The API asks for its database without a pause", "retry.db_backoff", part="retry"),
    api(
        "retries-silently",
        "The API waits for its database and says nothing",
        "retry.logged",
        "retry.exhausted_clear",
        part="retry",
    ),
)
