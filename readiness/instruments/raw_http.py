"""One HTTP/1.1 request written byte by byte: what a well-behaved client library refuses to send, or sends too neatly.

Header values with control characters, a body in two halves with a wait between them, a chosen source address.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from readiness.exceptions import UnsupportedError
from readiness.instruments.client import MAX_HEADER_CHARS, MAX_HEADERS, SAFE_METHODS
from readiness.runtime import Capability

if TYPE_CHECKING:
    from readiness.runtime import Stack
    from readiness.target import Entry

__all__ = ["RawAnswer", "send_raw"]

MAX_HEAD_BYTES = 64 * 1024
CHUNK_BYTES = 16 * 1024


@dataclass(frozen=True, kw_only=True)
class RawAnswer:
    """What came back; ``status`` is None where no HTTP answer did, and ``error`` says why."""

    status: int | None = None
    headers: tuple[tuple[str, str], ...] = ()
    seconds: float = 0.0
    error: str | None = None

    def all(self, name: str) -> tuple[str, ...]:
        """Every value of a header, in order."""
        return tuple(value for key, value in self.headers if key.lower() == name.lower())


def send_raw(
    stack: Stack,
    entry: Entry,
    *,
    method: str,
    path: str,
    headers: Sequence[tuple[str, str]] = (),
    body: bytes = b"",
    body_wait_seconds: float = 0.0,
    source: str | None = None,
    timeout_seconds: float = 15.0,
) -> RawAnswer:
    """Send one request through ``entry`` and read the head of the answer, and its body up to the same bound.

    Args:
        stack: where the entry is.
        entry: its base precedes ``path``; its own headers are sent too.
        method: of the request line.
        path: of the request line, with its query.
        headers: sent as they are, in Latin-1.
        body: sent in two halves where ``body_wait_seconds`` lies between them.
        body_wait_seconds: the wait.
        source: the address of this machine to come from.
        timeout_seconds: bound on the whole exchange.

    Raises:
        StackError: the entry leads nowhere.
        UnsupportedError: the stack is somebody's running system, and the request may change something.
    """
    if method not in SAFE_METHODS and Capability.WRITE not in stack.capabilities:
        raise UnsupportedError(Capability.WRITE, runtime=stack.runtime, hint="audit a throw-away copy")
    where = stack.endpoint(entry.service, entry.port)
    host = entry.server_name or f"{where.host}:{where.port}"
    lines = [f"{method} {entry.base}{path} HTTP/1.1", f"Host: {host}", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in (*entry.headers.items(), *headers)]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    head = "\r\n".join([*lines, "", ""]).encode("latin-1", "replace")
    began, deadline = time.monotonic(), time.monotonic() + timeout_seconds
    try:
        with _connect(where.host, where.port, entry, source, timeout_seconds) as connection:
            half = len(body) // 2 if body_wait_seconds else len(body)
            connection.sendall(head + body[:half])
            if half < len(body):
                time.sleep(body_wait_seconds)
                connection.sendall(body[half:])
            received = _read(connection, deadline)
    except (OSError, ValueError) as problem:
        return RawAnswer(seconds=time.monotonic() - began, error=f"{type(problem).__name__}: {problem}"[:300])
    status, answered = _parse(received)
    error = None if status is not None else "no HTTP answer"
    return RawAnswer(status=status, headers=answered, seconds=time.monotonic() - began, error=error)


def _connect(host: str, port: int, entry: Entry, source: str | None, timeout_seconds: float) -> socket.socket:
    plain = socket.create_connection(
        (host, port), timeout=timeout_seconds, source_address=(source, 0) if source else None
    )
    if not entry.https:
        return plain
    # Whether the certificate is a good one is judged elsewhere; it belongs to a throw-away stack.
    context = ssl._create_unverified_context()  # noqa: S323, SLF001  # nosec B323
    try:
        return context.wrap_socket(plain, server_hostname=entry.server_name or host)
    except BaseException:
        plain.close()
        raise


def _read(connection: socket.socket, deadline: float) -> bytes:
    """Everything until the other side closes, the bound is reached or time is up."""
    received = b""
    while len(received) < MAX_HEAD_BYTES and (left := deadline - time.monotonic()) > 0:
        connection.settimeout(left)
        try:
            chunk = connection.recv(CHUNK_BYTES)
        except ssl.SSLEOFError:
            break
        except ConnectionResetError:
            if received:
                break
            raise
        if not chunk:
            break
        received += chunk
    return received


def _parse(received: bytes) -> tuple[int | None, tuple[tuple[str, str], ...]]:
    head = received.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
    words = head[0].split(" ", 2)
    if not words[0].startswith("HTTP/") or len(words) < 2 or not words[1].isdecimal():  # noqa: PLR2004  # version, status
        return None, ()
    pairs = (line.partition(":") for line in head[1 : MAX_HEADERS + 1] if ":" in line)
    return int(words[1]), tuple((name.strip(), value.strip()[:MAX_HEADER_CHARS]) for name, _, value in pairs)
