"""Requests that are sent in two parts, and connections that stay open: what is in flight when a service is stopped.

One request has one connection, and its fate is told to the end: a whole answer, a refusal, a cut, silence.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass

import h11

from readiness.exceptions import StackError
from readiness.facts.drain import Fate, Kind, Tracked
from readiness.instruments.poller import host_header
from readiness.runtime import Stack
from readiness.target import Entry, Request

__all__ = ["Held", "Reply", "shape_of"]

CONNECT_SECONDS = 5.0
MAX_BODY_BYTES = 256 * 1024
READ_BYTES = 64 * 1024
MAX_NAMES = 40
#: Such an answer is as whole as its connection: one that is cut looks the same.
ENDLESS = "the answer tells neither its length nor its end"


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What came back; times are of the monotonic clock."""

    fate: Fate
    ended_at: float
    status: int | None = None
    content_type: str = ""
    body: bytes = b""
    detail: str = ""


class Held:
    """One request.

    Args:
        stack: where the entry is.
        entry: who is asked; its base precedes the path, its headers go along.
        request: what is sent.
        kind: what it is there for; decides what is held back until :meth:`release`.
        headers: beside the request's own.
        name: for the reader.
    """

    def __init__(
        self,
        stack: Stack,
        entry: Entry,
        request: Request,
        *,
        kind: Kind,
        headers: Mapping[str, str] | None = None,
        name: str = "",
    ) -> None:
        self._stack, self._entry, self._request, self.kind = stack, entry, request, kind
        self._headers = dict(headers or {})
        self.name = name or f"{request.method} {request.path}"
        self.sent_at: float | None = None
        self.released_at: float | None = None
        self.head_at: float | None = None
        self.reply: Reply | None = None
        self._released = asyncio.Event()
        self._is_sent = asyncio.Event()
        self._has_begun = asyncio.Event()

    def release(self, *, at: float | None = None) -> None:
        """Send what was held back; for one that was sent whole, note when what it waited for was freed."""
        self.released_at = time.monotonic() if at is None else at
        self._released.set()

    @property
    def is_pending(self) -> bool:
        """Whether neither an answer nor a release has come."""
        return self.released_at is None and self.reply is None

    async def sent(self) -> None:
        """Return when its first part is on its way, or its fate is known."""
        await self._is_sent.wait()

    async def begun(self) -> None:
        """Return when the head of its answer has come, or its fate is known."""
        await self._has_begun.wait()

    async def run(self, *, timeout_seconds: float) -> Reply:
        """Send it, wait for its end; never raises for what the service does."""
        try:
            self.reply = await asyncio.wait_for(self._exchange(), timeout_seconds)
        except TimeoutError:
            detail = f"no whole answer within {timeout_seconds:g} s"
            self.reply = Reply(fate=Fate.UNANSWERED, ended_at=time.monotonic(), detail=detail)
        finally:
            self._is_sent.set()
            self._has_begun.set()
        return self.reply

    def tracked(self, zero: float) -> Tracked:
        """As a fact, times from ``zero`` of the monotonic clock on."""
        # Of a stream the beginning alone is kept.
        shape = media_of if self.kind is Kind.STREAM else shape_of
        reply = self.reply or Reply(fate=Fate.UNANSWERED, ended_at=time.monotonic(), detail="given up")
        return Tracked(
            kind=self.kind,
            name=self.name,
            sent_seconds=round((self.sent_at or reply.ended_at) - zero, 3),
            released_seconds=None if self.released_at is None else round(self.released_at - zero, 3),
            head_seconds=None if self.head_at is None else round(self.head_at - zero, 3),
            ended_seconds=round(reply.ended_at - zero, 3),
            fate=reply.fate,
            status=reply.status,
            shape=shape(reply) if reply.fate is Fate.FINISHED else "",
            detail=reply.detail,
        )

    async def _exchange(self) -> Reply:
        try:
            where = self._stack.endpoint(self._entry.service, self._entry.port)
            reader, writer = await asyncio.wait_for(
                asyncio.open_connection(where.host, where.port, ssl=self._tls(), server_hostname=self._sni()),
                CONNECT_SECONDS,
            )
        except (OSError, TimeoutError, StackError) as problem:
            is_late = isinstance(problem, TimeoutError)
            return Reply(
                fate=Fate.UNANSWERED if is_late else Fate.REFUSED,
                ended_at=time.monotonic(),
                detail=f"{type(problem).__name__}: {problem}"[:200],
            )
        try:
            return await self._talk(reader, writer)
        except (OSError, h11.ProtocolError) as problem:
            return Reply(
                fate=Fate.RESET, ended_at=time.monotonic(), detail=f"{type(problem).__name__}: {problem}"[:200]
            )
        finally:
            writer.close()
            with contextlib.suppress(OSError, TimeoutError, asyncio.CancelledError):
                await asyncio.wait_for(writer.wait_closed(), 1.0)

    def _tls(self) -> ssl.SSLContext | None:
        if not self._entry.https:
            return None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context

    def _sni(self) -> str | None:
        return (self._entry.server_name or "localhost") if self._entry.https else None

    def _head(self, protocol: h11.Connection, size: int, content_type: str | None) -> bytes:
        own = {**self._entry.headers, **self._request.headers, **self._headers}
        names = {name.lower() for name in own}
        usual = [("Host", host_header(self._entry)), ("User-Agent", "readiness-audit"), ("Accept", "*/*")]
        if content_type:
            usual.append(("Content-Type", content_type))
        lines = [(name, value) for name, value in usual if name.lower() not in names] + list(own.items())
        if size or self._request.method in {"POST", "PUT", "PATCH"}:
            lines.append(("Content-Length", str(size)))
        lines.append(("Connection", "keep-alive" if self.kind is Kind.IDLE else "close"))
        target = f"{self._entry.base}{self._request.path}"
        return protocol.send(h11.Request(method=self._request.method, target=target, headers=lines)) or b""

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Reply:
        protocol = h11.Connection(our_role=h11.CLIENT)
        content, content_type = self._request.content()
        head = self._head(protocol, len(content), content_type)
        first, rest = head, b""
        half = len(content) // 2
        if self.kind is Kind.HEAD:
            first, rest = head[: len(head) // 2], head[len(head) // 2 :]
        elif self.kind in {Kind.WRITE, Kind.UPLOAD} and content:
            first += protocol.send(h11.Data(data=content[:half])) or b""
        elif content:
            first += protocol.send(h11.Data(data=content)) or b""
        writer.write(first)
        self.sent_at = time.monotonic()
        await writer.drain()
        self._is_sent.set()
        feeding = asyncio.create_task(self._feed(protocol, writer, rest, content[half:]))
        try:
            return await self._read(protocol, reader)
        finally:
            feeding.cancel()
            with contextlib.suppress(asyncio.CancelledError, OSError, h11.ProtocolError):
                await feeding

    async def _feed(self, protocol: h11.Connection, writer: asyncio.StreamWriter, rest: bytes, body: bytes) -> None:
        """Send what was held back, once it is released."""
        is_halved = self.kind in {Kind.WRITE, Kind.UPLOAD} and bool(body)
        if is_halved or rest:
            await self._released.wait()
        if is_halved:
            rest += protocol.send(h11.Data(data=body)) or b""
        rest += protocol.send(h11.EndOfMessage()) or b""
        if rest:
            # Where the peer has closed, what it said before is read by the other task.
            with contextlib.suppress(OSError):
                writer.write(rest)
                await writer.drain()

    async def _read(self, protocol: h11.Connection, reader: asyncio.StreamReader) -> Reply:
        status: int | None = None
        content_type, body, note = "", b"", ""
        while True:
            event, problem = await _next_event(protocol, reader)
            if isinstance(event, h11.Response):
                status = event.status_code
                content_type = next((v.decode("latin-1") for n, v in event.headers if n == b"content-type"), "")
                self.head_at = time.monotonic()
                self._has_begun.set()
                if not {name for name, _ in event.headers} & {b"content-length", b"transfer-encoding"}:
                    note = ENDLESS
            elif isinstance(event, h11.Data):
                body = (body + bytes(event.data))[:MAX_BODY_BYTES]
            elif isinstance(event, h11.EndOfMessage):
                done = Reply(
                    fate=Fate.FINISHED,
                    ended_at=time.monotonic(),
                    status=status,
                    content_type=content_type,
                    body=body,
                    detail=note if self.kind is Kind.STREAM else "",
                )
                return done if self.kind is not Kind.IDLE else await self._idle(reader, done)
            elif not isinstance(event, h11.InformationalResponse):
                break
        words = problem or ("closed without an answer" if status is None else "closed in the middle of the answer")
        return Reply(fate=Fate.RESET, ended_at=time.monotonic(), status=status, body=body, detail=words)

    async def _idle(self, reader: asyncio.StreamReader, done: Reply) -> Reply:
        """Keep the connection until the other side closes it; that is how an idle one ends well."""
        self.release()
        with contextlib.suppress(OSError):
            await reader.read(1)
        return Reply(fate=Fate.FINISHED, ended_at=time.monotonic(), status=done.status, detail="closed by the service")


async def _next_event(protocol: h11.Connection, reader: asyncio.StreamReader) -> tuple[object, str]:
    """The next event, or None and what ended the connection in the middle of something; empty for a plain end."""
    while True:
        try:
            event = protocol.next_event()
        except h11.RemoteProtocolError as error:
            # Also the end of the connection where the answer announces more.
            return None, "" if reader.at_eof() else f"no HTTP: {error}"[:200]
        if event is not h11.NEED_DATA:
            return event, ""
        try:
            protocol.receive_data(await reader.read(READ_BYTES))
        except OSError as error:
            return None, f"{type(error).__name__}: {error}"[:200]


def media_of(reply: Reply) -> str:
    """The media type, without parameters."""
    return reply.content_type.partition(";")[0].strip().lower()


def shape_of(reply: Reply) -> str:
    """What a full answer of this kind has: names of the JSON members, else the media type."""
    media = media_of(reply)
    if media.endswith(("/json", "+json")):
        try:
            value = json.loads(reply.body)
        except ValueError:
            return f"{media} that cannot be read"
        if isinstance(value, dict):
            return ",".join(sorted(value)[:MAX_NAMES])
        return f"{media} {type(value).__name__}"
    return media
