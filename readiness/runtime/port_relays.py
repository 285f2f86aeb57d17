"""The outer half of the ports that a confined program finds: each leads to one port of the copy, and nowhere else."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Self

from readiness.exceptions import ReadinessError
from readiness.runtime import Endpoint
from readiness.runtime.relay import BACKLOG, paired

__all__ = ["PORTS", "PortRelays"]

#: In the shared folder.
PORTS = "ports"
CONNECT_SECONDS = 10.0


class PortRelays:
    """Listens in the shared folder for as long as the block lasts.

    Args:
        shared: a folder of the run's own; the sockets are put into a folder in it.
        ports: as the program calls them -> where each leads at the moment of a connection.

    Raises:
        OSError: the folder cannot be written.
    """

    def __init__(self, shared: Path, ports: Mapping[int, Callable[[], Endpoint]]) -> None:
        self._listening: list[socket.socket] = []
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._is_over = False
        place = shared / PORTS
        place.mkdir(mode=0o755)
        # By its descriptor: a socket's path is short, and the run's folder may be deep.
        folder = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
        try:
            for port, where in ports.items():
                made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
                self._listening.append(made)
                made.bind(f"/proc/self/fd/{folder}/{port}")
                made.listen(BACKLOG)
                threading.Thread(
                    target=self._accepting, args=(made, where), name=f"readiness port {port}", daemon=True
                ).start()
        except OSError:
            self.close()
            raise
        finally:
            os.close(folder)

    def __enter__(self) -> Self:
        """Nothing: it listens since it was made."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close every connection."""
        self.close()

    def close(self) -> None:
        """Close everything; idempotent."""
        with self._lock:
            self._is_over = True
            left = [*self._listening, *self._open]
        for each in left:
            # Who waits in accept or recv notices only this.
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        for each in self._listening:
            each.close()

    def _accepting(self, listening: socket.socket, where: Callable[[], Endpoint]) -> None:
        while True:
            try:
                came, _ = listening.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(came, where), name="readiness relay", daemon=True).start()

    def _serve(self, came: socket.socket, where: Callable[[], Endpoint]) -> None:
        def lead() -> socket.socket:
            try:
                endpoint = where()
            except ReadinessError as error:
                raise OSError(str(error)) from error
            out = socket.create_connection((endpoint.host, endpoint.port), timeout=CONNECT_SECONDS)
            out.settimeout(None)
            self._keep(out)
            return out

        self._keep(came)
        paired(came, lead)
        with self._lock:
            self._open = {each for each in self._open if each.fileno() >= 0}

    def _keep(self, connection: socket.socket) -> None:
        with self._lock:
            self._open.add(connection)
            is_over = self._is_over
        if is_over:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
