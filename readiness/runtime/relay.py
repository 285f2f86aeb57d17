"""Ports of the copy inside the network name space of a confined program, which has no way out but these.

Inside, somebody listens where the owner's stack would; outside, :mod:`readiness.runtime.port_relays` leads each connection
to the copy. Between them is a socket in the folder that both see. This file is also loaded by ``confine.py``, from inside
and before it lets go of this machine's files, so it imports nothing but what Python has.
"""

from __future__ import annotations

import contextlib
import fcntl
import socket
import struct
import threading
from collections.abc import Callable, Iterable

__all__ = ["listen", "paired", "raise_loopback", "serve"]

BUFFER_BYTES = 256 * 1024
BACKLOG = 128
#: linux/sockios.h, linux/if.h.
_GET_FLAGS, _SET_FLAGS, _UP = 0x8913, 0x8914, 0x1


def raise_loopback() -> None:
    """Switch the loopback interface of this network name space on.

    Raises:
        OSError: the kernel refuses.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        request = struct.pack("16sh14x", b"lo", 0)
        (flags,) = struct.unpack("16xh14x", fcntl.ioctl(asked, _GET_FLAGS, request))
        fcntl.ioctl(asked, _SET_FLAGS, struct.pack("16sh14x", b"lo", flags | _UP))


def listen(ports: Iterable[int]) -> list[socket.socket]:
    """Listen on every port of this name space's loopback, by both families where it has both.

    Raises:
        OSError: the kernel refuses.
    """
    listening = []
    for port in ports:
        listening.append(_listening(socket.AF_INET, "127.0.0.1", port))
        with contextlib.suppress(OSError):  # a machine without IPv6
            listening.append(_listening(socket.AF_INET6, "::1", port))
    return listening


def serve(listening: Iterable[socket.socket], folder: str) -> None:
    """Lead each connection to the socket in ``folder`` that is called as its port; returns when nobody listens."""

    def lead_to(path: str) -> Callable[[], socket.socket]:
        def lead() -> socket.socket:
            out = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                out.connect(path)
            except OSError:
                out.close()
                raise
            return out

        return lead

    threads = [
        threading.Thread(target=_accepting, args=(one, lead_to(f"{folder}/{one.getsockname()[1]}")))
        for one in listening
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def paired(first: socket.socket, lead: Callable[[], socket.socket]) -> None:
    """Pass on what comes at ``first`` and at what ``lead`` connects to, both ways, until both have ended.

    Each direction ends by itself: whoever has said all may still be answered. Memory is that of two buffers.
    """
    with first:
        try:
            second = lead()
        except OSError:
            return
        with second:
            back = threading.Thread(target=_pass_on, args=(second, first), daemon=True)
            back.start()
            _pass_on(first, second)
            back.join()


def _listening(family: int, host: str, port: int) -> socket.socket:
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((host, port))
        made.listen(BACKLOG)
    except OSError:
        made.close()
        raise
    return made


def _accepting(listening: socket.socket, lead: Callable[[], socket.socket]) -> None:
    while True:
        try:
            came, _ = listening.accept()
        except OSError:
            return
        threading.Thread(target=paired, args=(came, lead), daemon=True).start()


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    buffer = memoryview(bytearray(BUFFER_BYTES))
    try:
        while size := source.recv_into(buffer):
            target.sendall(buffer[:size])
    except OSError:
        # Whoever is cut off on one side is cut off on the other.
        for each in (source, target):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        return
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)
