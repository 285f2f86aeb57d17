"""Stacks that do not start."""

from __future__ import annotations

from readiness.demo.defects._defect import Defect

__all__ = ["DEFECTS"]

DEFECTS: tuple[Defect, ...] = (
    Defect(
        name="wrong-database-password",
        title="The API and the worker have another password than the database",
        detected_by=("start.stack",),
        environment={service: {"DATABASE_PASSWORD": "not-the-databases-password"} for service in ("api", "worker")},
    ),
)
