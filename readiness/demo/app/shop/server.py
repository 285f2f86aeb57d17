"""The server, and how it ends: it accepts nothing new, finishes what is open, gives everything back, and says so."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING

import structlog
import uvicorn

from . import defects

if TYPE_CHECKING:
    import socket

    from .resources import Resources

__all__ = ["DEFAULT_SHUTDOWN_SECONDS", "Server"]

DEFAULT_SHUTDOWN_SECONDS = 20
LOOK_SECONDS = 0.05

log = structlog.get_logger(__name__)


class Server(uvicorn.Server):
    """uvicorn drains by itself; readiness falls with the first step, and every step is logged."""

    def __init__(self, config: uvicorn.Config, resources: Resources) -> None:
        super().__init__(config)
        self._resources = resources

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin the shutdown, at the next turn of the loop."""
        if defects.is_on("signal-ignored"):
            return
        if defects.is_on("exit-at-once"):
            os._exit(0)
        if self.should_exit and defects.is_on("second-signal-forces"):
            self.force_exit = True
        super().handle_exit(sig, frame)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Finish what is open, within the timeout."""
        self._resources.draining_since = time.monotonic()
        if defects.is_on("shutdown-silent"):
            logging.disable(logging.CRITICAL)
        log.info("shutdown started", timeout_seconds=self.config.timeout_graceful_shutdown)
        if defects.is_on("drain-accepts"):
            await self._wait_while(lambda: bool(self.server_state.tasks))
        if defects.is_on("drain-cuts-requests"):
            # Not in the middle of an answer: a query that is cut takes its database connection with it, at times.
            for connection in [c for c in self.server_state.connections if not _is_answering(c)]:
                connection.transport.abort()
        if defects.is_on("idle-connections-hold-up"):
            for server in self.servers:
                server.close()
            await self._wait_while(lambda: any(map(_is_idle, self.server_state.connections)))
        await super().shutdown(sockets)
        if defects.is_on("shutdown-never-ends"):
            threading.Thread(target=time.sleep, args=(3600,)).start()
        log.info("shutdown finished")

    async def _wait_while(self, is_open: Callable[[], bool]) -> None:
        """Of a defect: wait within the timeout before anything else is done, which then has what is left of it."""
        timeout = self.config.timeout_graceful_shutdown
        deadline = time.monotonic() + (timeout or 0)
        while is_open() and not self.force_exit and time.monotonic() < deadline:  # noqa: ASYNC110  # nothing tells
            await asyncio.sleep(LOOK_SECONDS)
        # uvicorn waits as asyncio does, for parts of a second too.
        self.config.timeout_graceful_shutdown = max(0.0, deadline - time.monotonic())  # type: ignore[assignment]


def _is_idle(connection: object) -> bool:
    cycle = getattr(connection, "cycle", None)
    return cycle is None or cycle.response_complete


def _is_answering(connection: object) -> bool:
    cycle = getattr(connection, "cycle", None)
    return cycle is not None and cycle.response_started and not cycle.response_complete
