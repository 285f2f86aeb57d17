"""Asks health probes as probers do: a new connection each time, every probe on its own beat, bounded in time and bytes.

Everything runs in one event loop of its own thread, so that the caller can stop and start services meanwhile, and a
probe that hangs delays no other one. No HTTP client library sits in between: a shared one serialises requests under
load, and none of them bounds a whole exchange.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import threading
import time
import urllib.parse
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Self, TypeVar

import h11

from readiness.exceptions import StackError
from readiness.runtime import Endpoint
from readiness.target import Entry, Request

__all__ = ["NO_ANSWER", "Ask", "Poller", "Sample", "ask_once", "burst", "loopback_server", "run_bounded", "where_is"]

T = TypeVar("T")

#: Health answers are small; more than this is read and thrown away with the connection.
MAX_BODY_BYTES = 64 * 1024
MAX_HEADERS = 200
MAX_HEADER_CHARS = 16 * 1024
#: A limiter that says no is not asked at full speed again: the audit must not keep its own window full.
BACK_OFF_SECONDS = 2.0
#: How the error of an exchange begins that took too long.
NO_ANSWER = "no answer within"

Resolve = Callable[[str, int], Endpoint]


@dataclass(frozen=True, kw_only=True)
class Ask:
    """One question: which request, where, and what it is called.

    Attributes:
        name: under which the samples are kept; unique in a poller.
        timeout_seconds: bound on the whole exchange, connecting included.
        interval_seconds: its own beat, where it is not the poller's.
        source: the address of this machine that it is sent from, where that matters.
    """

    name: str
    entry: Entry
    request: Request
    timeout_seconds: float = 15.0
    interval_seconds: float | None = None
    source: str | None = None

    @property
    def url(self) -> str:
        """As the owner would write it: service name and container port."""
        scheme = "https" if self.entry.https else "http"
        return f"{scheme}://{self.entry.service}:{self.entry.port}{self.entry.base}{self.request.path}"


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One answer, or the lack of one. ``sent`` is monotonic; ``unix`` this machine's clock at the end."""

    sent: float
    seconds: float
    unix: float
    status: int | None = None
    error: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    body: str = ""


class Poller:
    """Asks several questions again and again until it is closed.

    Args:
        asks: the questions; names are unique.
        resolve: where a service's port is right now; asked anew after every failure, because a restart moves ports.
        interval_seconds: from one request of a question to its next, where the answer comes sooner.
    """

    def __init__(self, asks: Sequence[Ask], *, resolve: Resolve, interval_seconds: float = 0.25) -> None:
        self._asks, self._resolve, self._interval = tuple(asks), resolve, interval_seconds
        self._samples: dict[str, list[Sample]] = {ask.name: [] for ask in self._asks}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._gate: asyncio.Event | None = None
        self._idle: dict[str, bool] = {ask.name: True for ask in self._asks}
        self._ready = threading.Event()
        self._task: asyncio.Task[None] | None = None
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="readiness-poller", daemon=True)

    def __enter__(self) -> Self:
        """Start asking."""
        self._thread.start()
        self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        """Stop asking; requests under way are given up."""
        if self._loop is not None and self._task is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended by itself
                self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join(10)

    def samples(self, name: str) -> tuple[Sample, ...]:
        """Everything that is known of a question so far, in the order sent.

        Raises:
            RuntimeError: the poller has died, which is our bug; the cause is chained.
        """
        if self._failure is not None:
            raise RuntimeError("the poller died") from self._failure
        return tuple(self._samples[name])

    def wait(self, until: Callable[[], bool], *, at_most_seconds: float, at_least_seconds: float = 0.0) -> bool:
        """Let it ask until ``until`` holds; whether it did within ``at_most_seconds``. Looks every 50 ms."""
        began = time.monotonic()
        while (now := time.monotonic() - began) < at_most_seconds:
            if now >= at_least_seconds and until():
                return True
            time.sleep(0.05)
        return until()

    @contextlib.contextmanager
    def quiet(self, *, at_most_seconds: float) -> Iterator[None]:
        """Send nothing new for the block, which starts when every request under way has ended (or time is up).

        So no request spans the change that the block makes, and no answer is counted to the wrong side of it.
        """
        self._set_gate(is_open=False)
        try:
            self.wait(lambda: all(self._idle.values()), at_most_seconds=at_most_seconds)
            yield
        finally:
            self._set_gate(is_open=True)

    def _set_gate(self, *, is_open: bool) -> None:
        gate = self._gate
        if self._loop is None or gate is None:
            return
        done = threading.Event()

        def switch() -> None:
            gate.set() if is_open else gate.clear()
            done.set()

        with contextlib.suppress(RuntimeError):  # the loop has ended; samples() reports why
            self._loop.call_soon_threadsafe(switch)
            done.wait(5)

    def _run(self) -> None:
        try:
            asyncio.run(self._main())
        except asyncio.CancelledError:
            pass
        except BaseException as error:  # noqa: BLE001  # reported by samples() in the caller's thread
            self._failure = error
        finally:
            self._ready.set()

    async def _main(self) -> None:
        self._loop, self._gate, self._task = asyncio.get_running_loop(), asyncio.Event(), asyncio.current_task()
        self._gate.set()
        self._ready.set()
        async with asyncio.TaskGroup() as group:
            for ask in self._asks:
                group.create_task(self._beat(ask))

    async def _beat(self, ask: Ask) -> None:
        assert self._gate is not None  # noqa: S101  # set before any beat starts
        where: Endpoint | None = None
        while True:
            await self._gate.wait()
            # No await between the gate and this line: a closed gate finds every question idle or under way.
            self._idle[ask.name] = False
            if where is None:
                where = await where_is(self._resolve, ask)
            sample = await ask_once(ask, where)
            self._samples[ask.name].append(sample)
            self._idle[ask.name] = True
            if sample.status is None:
                where = None
            pause = (
                BACK_OFF_SECONDS
                if sample.status == HTTPStatus.TOO_MANY_REQUESTS
                else ask.interval_seconds or self._interval
            )
            await asyncio.sleep(max(0.0, pause - sample.seconds))


async def where_is(resolve: Resolve, ask: Ask) -> Endpoint | None:
    """Where to ask, or None while nobody knows. In a thread: an engine may take its time."""
    try:
        return await asyncio.to_thread(resolve, ask.entry.service, ask.entry.port)
    except (StackError, OSError):
        return None


async def ask_once(ask: Ask, where: Endpoint | None) -> Sample:
    """Send one request over a new connection; refusal, reset, garbage and silence are recorded, not raised."""
    sent = time.monotonic()
    if where is None:
        return Sample(
            sent=sent, seconds=0.0, unix=time.time(), error="no address: the service has no reachable port now"
        )
    status: int | None = None
    headers: tuple[tuple[str, str], ...] = ()
    body, error = b"", None
    try:
        async with asyncio.timeout(ask.timeout_seconds), _connection(ask, where) as (reader, writer):
            status, headers, body = await _exchange(ask, reader, writer)
    except TimeoutError:
        status, error = None, f"{NO_ANSWER} {ask.timeout_seconds:g} s"
    except (OSError, h11.ProtocolError, EOFError) as problem:
        status, error = None, f"{type(problem).__name__}: {problem}"[:300]
    return Sample(
        sent=sent,
        seconds=time.monotonic() - sent,
        unix=time.time(),
        status=status,
        error=error,
        headers=headers,
        body=body.decode("utf-8", "replace"),
    )


@contextlib.asynccontextmanager
async def _connection(ask: Ask, where: Endpoint) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    entry, local = ask.entry, (ask.source, 0) if ask.source else None
    context = _unverified() if entry.https else None
    name = (entry.server_name or where.host) if entry.https else None
    reader, writer = await asyncio.open_connection(
        where.host, where.port, ssl=context, server_hostname=name, local_addr=local
    )
    try:
        yield reader, writer
    finally:
        # Not waited for: the peer may never close its side.
        writer.transport.abort()


def _unverified() -> ssl.SSLContext:
    """The stack's certificate is its own; whether it is a good one is judged elsewhere."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # without the authorities, whose loading takes 40 ms
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


async def _exchange(
    ask: Ask, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> tuple[int, tuple[tuple[str, str], ...], bytes]:
    protocol = h11.Connection(our_role=h11.CLIENT)
    writer.write(_request_bytes(ask, protocol))
    await writer.drain()
    status, headers, body = 0, tuple[tuple[str, str], ...](), b""
    while len(body) < MAX_BODY_BYTES:
        event = protocol.next_event()
        if event is h11.NEED_DATA:
            data = await reader.read(64 * 1024)
            if not data and status == 0:
                raise EOFError("the connection was closed before an answer")
            protocol.receive_data(data)
        elif isinstance(event, h11.Response):
            status = event.status_code
            raw = event.headers.raw_items()[:MAX_HEADERS]
            headers = tuple((n.decode("latin-1"), v.decode("latin-1")[:MAX_HEADER_CHARS]) for n, v in raw)
        elif isinstance(event, h11.Data):
            body += bytes(event.data)
        elif isinstance(event, h11.EndOfMessage | h11.ConnectionClosed):
            break
    return status, headers, body[:MAX_BODY_BYTES]


def _request_bytes(ask: Ask, protocol: h11.Connection) -> bytes:
    content, content_type = ask.request.content()
    sent = {"Host": host_header(ask.entry), "User-Agent": "readiness-audit", "Accept": "*/*", "Connection": "close"}
    if content_type:
        sent["Content-Type"] = content_type
    if content or ask.request.method not in {"GET", "HEAD", "OPTIONS", "DELETE"}:
        sent["Content-Length"] = str(len(content))
    own = {name.lower() for name in (*ask.entry.headers, *ask.request.headers)}
    lines = [(name, value) for name, value in sent.items() if name.lower() not in own]
    lines += [*ask.entry.headers.items(), *ask.request.headers.items()]
    parts = [protocol.send(h11.Request(method=ask.request.method, target=target_of(ask), headers=lines)) or b""]
    if content:
        parts.append(protocol.send(h11.Data(data=content)) or b"")
    return b"".join([*parts, protocol.send(h11.EndOfMessage()) or b""])


def target_of(ask: Ask) -> str:
    """The request target, with characters escaped that a request line cannot carry."""
    return urllib.parse.quote(f"{ask.entry.base}{ask.request.path}", safe="/%:@?&=+$,;~*'()!-._[]") or "/"


def host_header(entry: Entry) -> str:
    """The authority that the owner's own callers would send."""
    if entry.server_name:
        return entry.server_name
    is_default = entry.port == (443 if entry.https else 80)
    return "localhost" if is_default else f"localhost:{entry.port}"


async def burst(
    ask: Ask, where: Endpoint, *, count: int, at_once: int, over_seconds: float = 0.0, stop_on: Callable[[Sample], bool]
) -> list[Sample]:
    """Send ``count`` requests, at most ``at_once`` under way, spread evenly over ``over_seconds``.

    Ends early with the first sample for which ``stop_on`` holds: a limiter's refusal, for example.
    """
    samples: list[Sample] = []
    slots = asyncio.Semaphore(at_once)
    stopped = asyncio.Event()

    async def one() -> None:
        try:
            sample = await ask_once(ask, where)
            samples.append(sample)
            if stop_on(sample):
                stopped.set()
        finally:
            slots.release()

    began = time.monotonic()
    async with asyncio.TaskGroup() as group:
        for number in range(count):
            due = began + over_seconds * number / count
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            await slots.acquire()
            if stopped.is_set():
                slots.release()
                break
            group.create_task(one())
    return sorted(samples, key=lambda sample: sample.sent)


@contextlib.asynccontextmanager
async def loopback_server() -> AsyncIterator[Endpoint]:
    """A server of our own that answers at once: what it seems to take is what this machine and this client cost."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, EOFError, asyncio.LimitOverrunError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        host, port = server.sockets[0].getsockname()[:2]
        yield Endpoint(host=host, port=port)


def run_bounded(work: Coroutine[Any, Any, T], *, at_most_seconds: float) -> T:
    """Run ``work`` in an event loop of its own thread: the caller's thread may have a loop already.

    Raises:
        TimeoutError: it took longer.
    """
    results: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(asyncio.run(asyncio.wait_for(work, at_most_seconds)))
        except BaseException as error:  # noqa: BLE001  # raised again in the caller's thread
            errors.append(error)

    thread = threading.Thread(target=run, name="readiness-asker", daemon=True)
    thread.start()
    thread.join(at_most_seconds + 5)
    if errors:
        raise errors[0]
    if not results:
        raise TimeoutError(f"no result within {at_most_seconds:g} s")
    return results[0]
