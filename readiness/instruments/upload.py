"""Sends a large body and watches for an answer all the while; nothing hides an answer that comes before the end.

HTTP client libraries send the whole body first. A service that refuses early answers while they still write, then closes,
and what they report is a broken pipe.
"""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import h11

from readiness.instruments.poller import NO_ANSWER, host_header
from readiness.runtime import Endpoint
from readiness.target import Entry

__all__ = ["Upload", "upload"]

CHUNK_BYTES = 32 * 1024
MAX_BODY_BYTES = 64 * 1024
MAX_HEADERS = 200
#: A small send buffer: what the kernel holds back would count as sent.
SEND_BUFFER_BYTES = 64 * 1024


@dataclass(frozen=True, kw_only=True)
class Upload:
    """How it ended.

    Attributes:
        sent_bytes: of the body, handed to the kernel when the answer was complete.
        error: why there is no answer; None where there is one, however the sending ended.
    """

    sent_bytes: int
    seconds: float
    status: int | None = None
    headers: tuple[tuple[str, str], ...] = ()
    body: str = ""
    error: str | None = None


def upload(
    where: Endpoint,
    entry: Entry,
    *,
    method: str,
    path: str,
    headers: Mapping[str, str],
    size: int,
    tail: bytes,
    is_announced: bool,
    pauses: Sequence[int] = (),
    pause_seconds: float = 1.0,
    timeout_seconds: float = 20.0,
    at_pause: Callable[[], None] = lambda: None,
) -> Upload:
    """Send ``size`` bytes: spaces, then ``tail``, so that JSON is complete at the very end only.

    Args:
        where: where to send it.
        entry: whether that speaks TLS, and which headers it wants.
        method: of the request.
        path: of the request, the entry's base included.
        headers: of the request.
        size: of the whole body.
        tail: its last bytes.
        is_announced: with a ``Content-Length``; else in chunks.
        pauses: after so many bytes nothing is sent for a while, so that an answer on its way arrives before the
            sender's next byte makes the peer reset the connection; 0 is before the first byte.
        pause_seconds: how long.
        timeout_seconds: bound on everything.
        at_pause: called after every pause, and about every MiB.
    """
    return _Sender(
        where, entry, headers=headers, size=size, tail=tail, is_announced=is_announced, seconds=timeout_seconds
    ).run(method, path, pauses=pauses, pause_seconds=pause_seconds, at_pause=at_pause)


class _Sender:
    def __init__(
        self,
        where: Endpoint,
        entry: Entry,
        *,
        headers: Mapping[str, str],
        size: int,
        tail: bytes,
        is_announced: bool,
        seconds: float,
    ) -> None:
        self._where, self._entry, self._headers = where, entry, headers
        self._size, self._tail, self._is_announced = size, tail, is_announced
        self._began = time.monotonic()
        self._deadline = self._began + seconds
        self._seconds = seconds
        self._protocol = h11.Connection(our_role=h11.CLIENT)
        self._status: int | None = None
        self._received: tuple[tuple[str, str], ...] = ()
        self._body = b""
        self._sent = 0
        self._is_over = False
        self._problem: str | None = None

    def run(
        self, method: str, path: str, *, pauses: Sequence[int], pause_seconds: float, at_pause: Callable[[], None]
    ) -> Upload:
        try:
            with contextlib.closing(self._connect()) as connection:
                self._send_all(connection, self._head(method, path))
                self._send_body(connection, sorted(pauses), pause_seconds, at_pause)
                while not self._done() and self._left() > 0:
                    self._listen(connection, self._left())
        except (OSError, h11.ProtocolError) as problem:
            self._problem = self._problem or f"{type(problem).__name__}: {problem}"[:300]
        error = None
        if self._status is None:
            is_late = self._left() <= 0
            error = f"{NO_ANSWER} {self._seconds:g} s" if is_late else self._problem or "closed without an answer"
        return Upload(
            sent_bytes=self._sent,
            seconds=round(time.monotonic() - self._began, 3),
            status=self._status,
            headers=self._received,
            body=self._body.decode("utf-8", "replace"),
            error=error,
        )

    def _done(self) -> bool:
        """Whether nothing more will come; a method, because reading changes it."""
        return self._is_over

    def _left(self) -> float:
        return self._deadline - time.monotonic()

    def _connect(self) -> socket.socket:
        plain = socket.create_connection((self._where.host, self._where.port), timeout=max(0.1, self._left()))
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        if self._entry.https:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            try:
                plain = context.wrap_socket(plain, server_hostname=self._entry.server_name or self._where.host)
            except OSError:
                plain.close()
                raise
        plain.setblocking(False)
        return plain

    def _head(self, method: str, path: str) -> bytes:
        framing = ("Content-Length", str(self._size)) if self._is_announced else ("Transfer-Encoding", "chunked")
        own = {name.lower() for name in (*self._entry.headers, *self._headers)}
        usual = [("Host", host_header(self._entry)), ("User-Agent", "readiness-audit"), ("Accept", "*/*")]
        lines = [(name, value) for name, value in usual if name.lower() not in own]
        lines += [*self._entry.headers.items(), *self._headers.items(), framing, ("Connection", "close")]
        return self._protocol.send(h11.Request(method=method, target=path, headers=lines)) or b""

    def _send_body(
        self, connection: socket.socket, pauses: Sequence[int], pause_seconds: float, at_pause: Callable[[], None]
    ) -> None:
        waiting = list(pauses)
        noted = 0
        blank = b" " * CHUNK_BYTES
        while not self._done() and self._problem is None and self._left() > 0:
            if waiting and self._sent >= waiting[0]:
                waiting.pop(0)
                at_pause()
                until = time.monotonic() + pause_seconds
                while not self._done() and (left := until - time.monotonic()) > 0:
                    self._listen(connection, left)
                continue
            if self._sent - noted >= 1024 * 1024:
                noted = self._sent
                at_pause()
            if self._sent >= self._size:
                self._send_all(connection, self._protocol.send(h11.EndOfMessage()) or b"")
                return
            blanks = self._size - len(self._tail) - self._sent
            data = blank[:blanks] if blanks > 0 else self._tail[-(self._size - self._sent) :]
            self._send_all(connection, self._protocol.send(h11.Data(data=data)) or b"")
            if not self._done():
                self._sent += len(data)

    def _send_all(self, connection: socket.socket, data: bytes) -> None:
        """Send, and read whatever arrives meanwhile; stops early when the answer is complete."""
        view = memoryview(data)
        while view.nbytes > 0 and not self._done() and self._left() > 0:
            readable, writable, _ = select.select([connection], [connection], [], min(1.0, max(0.0, self._left())))
            if readable:
                self._receive(connection)
            if writable and not self._done():
                try:
                    view = view[connection.send(view) :]
                except (ssl.SSLWantReadError, ssl.SSLWantWriteError, BlockingIOError):
                    continue
                except OSError as problem:
                    # The peer has closed: what it said before is still there to be read.
                    self._problem = f"{type(problem).__name__}: {problem}"[:300]
                    while not self._done() and self._receive(connection):
                        pass
                    self._is_over = True
                    return

    def _listen(self, connection: socket.socket, seconds: float) -> None:
        pending = isinstance(connection, ssl.SSLSocket) and connection.pending() > 0
        if pending or select.select([connection], [], [], min(0.5, max(0.0, seconds)))[0]:
            self._receive(connection)

    def _receive(self, connection: socket.socket) -> bool:
        """Read once; whether anything more may come."""
        try:
            data = connection.recv(64 * 1024)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError, BlockingIOError):
            return False
        except OSError as problem:
            self._problem = self._problem or f"{type(problem).__name__}: {problem}"[:300]
            self._is_over = True
            return False
        if not data and self._status is None:
            self._problem = self._problem or "closed without an answer"
            self._is_over = True
            return False
        self._protocol.receive_data(data)
        while True:
            event = self._protocol.next_event()
            if isinstance(event, h11.Response):
                self._status = event.status_code
                raw = event.headers.raw_items()[:MAX_HEADERS]
                self._received = tuple((n.decode("latin-1"), v.decode("latin-1")[:4096]) for n, v in raw)
            elif isinstance(event, h11.Data):
                self._body = (self._body + bytes(event.data))[:MAX_BODY_BYTES]
            elif isinstance(event, h11.InformationalResponse):
                continue
            else:
                is_end = isinstance(event, h11.EndOfMessage | h11.ConnectionClosed) or event is h11.PAUSED
                self._is_over = is_end or not data
                return not self._done()
