"""Something that listens in a stopped service's place, accepts whoever connects, lets them go, and knows when they came.

In containers it is a container (see :mod:`readiness.runtime.stand_in`), so that it is met under the service's own name.
Among local processes it is a thread of ours on the port that the stopped service left free.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Protocol

from readiness.exceptions import StackError
from readiness.runtime import Stack
from readiness.runtime.stand_in import LISTENS, arrivals_in, stand_in_name

__all__ = ["LocalStandIn", "StandingIn", "standing_in"]

#: More are not kept: a loop without a pause is told by far fewer.
MAX_ARRIVALS = 5000
LISTENS_SECONDS = 10.0


class StandingIn(Protocol):
    """What stands in, while it does."""

    def arrivals(self) -> tuple[float, ...]:
        """When connections came so far: seconds since 1970, in order."""


class LocalStandIn:
    """A listener of this process.

    Args:
        ports: of the loopback address.

    Raises:
        OSError: somebody else has one of them.
    """

    def __init__(self, host: str, ports: Sequence[int]) -> None:
        self._arrivals: list[float] = []
        self._lock = threading.Lock()
        self._servers = [socket.create_server((host, port), backlog=128) for port in ports]
        self._threads = [
            threading.Thread(target=self._accept, args=(server,), name="readiness stand-in", daemon=True)
            for server in self._servers
        ]
        for thread in self._threads:
            thread.start()

    def arrivals(self) -> tuple[float, ...]:
        """When connections came so far."""
        with self._lock:
            return tuple(sorted(self._arrivals))

    def close(self) -> None:
        """Stop listening, so that the service itself can."""
        for server in self._servers:
            with contextlib.suppress(OSError):
                server.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
            server.close()
        for thread in self._threads:
            thread.join(5)

    def _accept(self, server: socket.socket) -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with self._lock:
                if len(self._arrivals) < MAX_ARRIVALS:
                    self._arrivals.append(time.time())
            connection.close()


class _Container:
    def __init__(self, stack: Stack, name: str) -> None:
        self._stack, self._name = stack, name

    def arrivals(self) -> tuple[float, ...]:
        return arrivals_in(self._stack.logs(self._name, tail=MAX_ARRIVALS + 10))


@contextlib.contextmanager
def standing_in(stack: Stack, service: str, ports: Sequence[int]) -> Iterator[StandingIn]:
    """Let something listen where ``service``, which is stopped, would; yields it, and ends it before the block is left.

    Args:
        stack: started with a stand-in for the service, where it is one of containers.
        service: in whose place.
        ports: its container ports.

    Raises:
        StackError: nothing listens there; says why.
    """
    if stack.runtime == "process":
        try:
            places = [stack.endpoint(service, port) for port in ports]
            local = LocalStandIn(places[0].host, [place.port for place in places])
        except OSError as error:
            raise StackError(f"nothing can listen in the place of {service}: {error}") from error
        try:
            yield local
        finally:
            local.close()
        return
    name = stand_in_name(service)
    deadline = time.monotonic() + LISTENS_SECONDS
    while LISTENS not in (said := stack.logs(name, tail=20)):
        if time.monotonic() > deadline or not stack.state(name).is_running:
            raise StackError(f"nothing listens in the place of {service}: {said.strip()[-300:]}")
        time.sleep(0.1)
    try:
        yield _Container(stack, name)
    finally:
        stack.stop(name)
