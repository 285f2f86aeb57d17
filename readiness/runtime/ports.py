"""Free TCP ports on the loopback address, held for as long as a stack lives.

A port that is merely free now can be lost while its service is stopped: any outgoing connection of this machine may
be given it. So ports are taken outside the range that the kernel hands out, and a second run on this machine is kept
away by an abstract socket that the kernel itself releases when its holder dies.
"""

from __future__ import annotations

import contextlib
import random
import socket
from pathlib import Path

from readiness.exceptions import StackError

__all__ = ["LOOPBACK", "PortLease"]

LOOPBACK = "127.0.0.1"
#: Below the usual ephemeral range (32768 and up on Linux) and above what well-known programs listen on.
LOWEST, HIGHEST = 20000, 32000
EPHEMERAL_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
ATTEMPTS = 200


class PortLease:
    """Takes ports one by one and gives all of them back at :meth:`close`."""

    def __init__(self) -> None:
        self._holds: list[socket.socket] = []
        # Two runs that start in the same moment must not try the same sequence.
        self._random = random.SystemRandom()

    def take(self) -> int:
        """A port on which nothing listens, at any address of this machine.

        Raises:
            StackError: none was found.
        """
        low, high = _range()
        for _ in range(ATTEMPTS):
            port = self._random.randrange(low, high)
            hold = socket.socket(socket.AF_UNIX)
            try:
                hold.bind(f"\0readiness-port-{port}")
                _prove_free(port)
            except OSError:
                hold.close()
                continue
            self._holds.append(hold)
            return port
        raise StackError(f"no free TCP port between {low} and {high} on this machine")

    def close(self) -> None:
        """Give the ports back; idempotent."""
        while self._holds:
            self._holds.pop().close()


def _prove_free(port: int) -> None:
    """Raise OSError where anything holds the port, on whatever address.

    Binding the wildcard address collides with every listener; nothing ever listens on this socket.
    """
    with contextlib.closing(socket.socket()) as trial:
        trial.bind(("", port))


def _range() -> tuple[int, int]:
    """From where to where to look: outside the ephemeral range where that leaves enough."""
    try:
        first, last = (int(word) for word in EPHEMERAL_RANGE.read_text(encoding="ascii").split())
    except (OSError, ValueError):
        return LOWEST, HIGHEST
    below, above = (LOWEST, min(HIGHEST, first)), (max(LOWEST, last + 1), 65536)
    return max(below, above, key=lambda bounds: (bounds[1] - bounds[0] >= ATTEMPTS, -bounds[0]))
