"""The pools of database connections: section ``pool`` of ``readiness.yaml``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from readiness.target import Target

__all__ = ["POOL_EXAMPLE", "Pool", "pools_of"]

POOL_EXAMPLE = "pool:\n  SERVICE: {size: 20, overflow: 10, wait_seconds: 30, processes: 1}"


@dataclass(frozen=True, kw_only=True)
class Pool:
    """The pool of one service.

    Attributes:
        size, overflow: connections that are kept, and more at a rush.
        wait_seconds: how long a request waits for one.
        processes: of the service, each with a pool of its own.
        replicas: of the service in production.
    """

    size: int
    overflow: int = 0
    wait_seconds: float = 30.0
    processes: int = 1
    replicas: int = 1

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
