"""The pools of database connections: section ``pool`` of ``readiness.yaml``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from readiness.target import Target

__all__ = ["POOL_EXAMPLE", "RECYCLE_EXAMPLE", "Pool", "pools_of"]

POOL_EXAMPLE = "pool:\n  SERVICE: {size: 20, overflow: 10, wait_seconds: 30, processes: 1}"
RECYCLE_EXAMPLE = "pool:\n  SERVICE: {size: 20, recycle_seconds: 3600, env: {recycle_seconds: DB_POOL_RECYCLE}}"


@dataclass(frozen=True, kw_only=True)
class Pool:
    """The pool of one service.

    Attributes:
        size, overflow: connections that are kept, and more at a rush.
        wait_seconds: how long a request waits for one.
        processes: of the service, each with a pool of its own.
        replicas: of the service in production.
        recycle_seconds: how old a connection is at most when it is lent; None: as old as it gets.
        env: figure -> the variable of the service that sets it.
    """

    size: int
    overflow: int = 0
    wait_seconds: float = 30.0
    processes: int = 1
    replicas: int = 1
    recycle_seconds: float | None = None
    env: Mapping[str, str] = field(default_factory=dict)

    @property
    def per_replica(self) -> int:
        """Connections of one replica at most."""
        return (self.size + self.overflow) * self.processes

    @property
    def in_all(self) -> int:
        """Connections of all replicas at most."""
        return self.per_replica * self.replicas


def pools_of(target: Target) -> dict[str, Pool]:
    """Service -> its pool, where declared."""
    raw: dict[str, dict[str, Any]] = target.extra.get("pool") or {}
    return {service: Pool(**values) for service, values in raw.items()}
