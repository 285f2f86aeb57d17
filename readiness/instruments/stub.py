"""A stub upstream: a server of ours in the place of an external API, that records what it is asked and behaves as told.

It listens where the stack under audit can reach it and nobody else: on loopback for local processes, on the engine's own
bridge for containers. What comes in is bounded in bytes, time and number; who comes in is bounded to this machine.
How it behaves can be changed while it runs, per path and per request: that is what breakers are tried with.
"""

from __future__ import annotations

import contextlib
import enum
import ipaddress
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

import h11

from readiness.exceptions import StackError
from readiness.runtime.ports import LOOPBACK
from readiness.verdict import Inconclusive

if TYPE_CHECKING:
    from types import TracebackType

__all__ = [
    "Behaviour",
    "Kind",
    "Plan",
    "Received",
    "Script",
    "Stub",
    "Stubs",
    "answer",
    "cut",
    "garbage",
    "half",
    "hang",
]

#: A body is recorded up to here, and read to its end; error trackers and model APIs take less in one request.
MAX_BODY_BYTES = 1024 * 1024
#: A body that is longer is not read any further: the connection ends.
MAX_READ_BYTES = 16 * 1024 * 1024
MAX_HEADER_BYTES = 64 * 1024
#: Requests kept; a target that calls more often has its number counted on, and its words forgotten.
MAX_RECORDED = 10_000
#: All recorded bodies together.
MAX_RECORDED_BYTES = 64 * 1024 * 1024
MAX_CONNECTIONS = 256
#: A peer that says nothing for so long is let go; longer than any client of ours or theirs keeps a connection idle.
IDLE_SECONDS = 120.0
#: No hanging lasts longer, whatever the script says: a forgotten stub must not hold a stack for ever.
MAX_HANG_SECONDS = 600.0
BRIDGE = "bridge"


#: A body from here on is not copied for each answer.
JOINED_BYTES = 64 * 1024
OK, PARTIAL, NOT_MODIFIED = 200, 206, 304
#: More digits are no length.
_RANGE = re.compile(r"bytes=(\d{1,15})-(\d{1,15})?")


class Kind(enum.StrEnum):
    """What a stub does with a request."""

    ANSWER = "answer"
    HANG = "hang"
    CUT = "cut"
    GARBAGE = "garbage"
    HALF = "half"


#: The others say nothing that has a status.
ANSWERS = frozenset({Kind.ANSWER, Kind.HALF})


@dataclass(frozen=True, kw_only=True)
class Behaviour:
    """What happens to one request. Made by :func:`answer`, :func:`hang`, :func:`cut` and :func:`garbage`.

    Attributes:
        delay_seconds: passes before anything is sent, or for a hang, before the connection ends.
        has_ranges: a request for a part of the body gets that (RFC 9110, 14.2), as who resumes a download, or fetches it in
            parts, expects. Who asks for the first byte alone wants to know whether there are parts: that uses up no step.
    """

    kind: Kind = Kind.ANSWER
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b"{}"
    delay_seconds: float = 0.0
    has_ranges: bool = False


def answer(
    status: int = 200,
    body: bytes = b"{}",
    *,
    headers: Mapping[str, str] | None = None,
    delay_seconds: float = 0.0,
    has_ranges: bool = False,
) -> Behaviour:
    """Answer with this status, well or badly meant, at once or late. JSON where ``headers`` name no other type."""
    return Behaviour(
        status=status, body=body, headers=dict(headers or {}), delay_seconds=delay_seconds, has_ranges=has_ranges
    )


def half(body: bytes, *, headers: Mapping[str, str] | None = None, has_ranges: bool = False) -> Behaviour:
    """Announce the whole body, send half of it, and close. Who asks for the headers alone gets those, and uses up no step."""
    return Behaviour(kind=Kind.HALF, body=body, headers=dict(headers or {}), has_ranges=has_ranges)


def hang(seconds: float = MAX_HANG_SECONDS) -> Behaviour:
    """Take the request and say nothing, until :meth:`Stub.play` or the end; then the connection is cut."""
    return Behaviour(kind=Kind.HANG, delay_seconds=min(seconds, MAX_HANG_SECONDS))


def cut(*, delay_seconds: float = 0.0) -> Behaviour:
    """Take the request and reset the connection."""
    return Behaviour(kind=Kind.CUT, delay_seconds=delay_seconds)


def garbage(body: bytes = b"\x16\x03\x01 this is no HTTP\r\n\r\n") -> Behaviour:
    """Answer with bytes that are not HTTP, and close."""
    return Behaviour(kind=Kind.GARBAGE, body=body)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What happens to the requests of one path, one after the other: ``steps`` first, ``then`` ever after."""

    steps: tuple[Behaviour, ...] = ()
    then: Behaviour = field(default_factory=answer)


@dataclass(frozen=True, kw_only=True)
class Script:
    """How a stub behaves until the next script.

    Attributes:
        plans: path -> plan; a path covers what lies below it, the longest match decides.
        otherwise: for every other path.
    """

    plans: Mapping[str, Plan] = field(default_factory=dict)
    otherwise: Plan = field(default_factory=Plan)

    def key_for(self, path: str) -> str | None:
        """The entry of ``plans`` that decides about this path, or None."""
        plain = path.partition("?")[0]
        fitting = [p for p in self.plans if plain == p or plain.startswith(f"{p.rstrip('/')}/")]
        return max(fitting, key=len, default=None)


@dataclass(frozen=True, kw_only=True)
class Received:
    """One request as it came in. It may hold secrets: what becomes a fact of it is the gatherer's care.

    Attributes:
        at: monotonic time when it was read to its end.
        body: up to its bound; ``body_bytes`` is its real length.
        behaviour: what was done with it; ``status`` is that of the answer, None where none was given.
    """

    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    body_bytes: int
    at: float
    behaviour: Kind
    status: int | None = 200

    def first(self, name: str) -> str | None:
        """The value of the first header of this name, in any case."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


class Stub:
    """A running stub upstream. Made by :class:`Stubs`; a context manager that stops it.

    Args:
        host: address to listen on, which is also how the stack reaches it.
        script: how it behaves at first.
        clock: monotonic seconds.

    Raises:
        OSError: the address cannot be listened on.
    """

    def __init__(self, host: str, *, script: Script | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._script = script or Script()
        self._clock = clock
        self._used: dict[str | None, int] = {}
        self._received: list[Received] = []
        self._recorded_bytes = 0
        self._count = 0
        self._changed = threading.Condition()
        self._generation = 0
        self._is_closed = False
        self._connections: set[socket.socket] = set()
        self._listener = socket.create_server((host, 0), backlog=128)
        self.host = host
        self.port = int(self._listener.getsockname()[1])
        self._thread = threading.Thread(target=self._accept, name=f"stub upstream {self.port}", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        """Use as a context manager to stop it."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop it."""
        self.close()

    @property
    def url(self) -> str:
        """How the stack reaches it, without a trailing slash."""
        return f"http://{self.host}:{self.port}"

    @property
    def count(self) -> int:
        """Requests that came in so far, recorded or not."""
        with self._changed:
            return self._count

    @property
    def open_connections(self) -> int:
        """Connections that are open right now."""
        with self._changed:
            return len(self._connections)

    def play(self, script: Script) -> None:
        """Behave like this from the next request on; requests that hang are let go, their connections cut."""
        with self._changed:
            self._script = script
            self._used.clear()
            self._generation += 1
            self._changed.notify_all()

    def received(self, below: str = "/", *, since: float = 0.0) -> tuple[Received, ...]:
        """What came in below a path, from a monotonic time on, oldest first."""
        with self._changed:
            recorded = tuple(self._received)
        prefix = below.rstrip("/")
        return tuple(
            r
            for r in recorded
            if r.at >= since and (r.path.partition("?")[0] == prefix or r.path.startswith((f"{prefix}/", f"{prefix}?")))
        )

    def wait_until(self, holds: Callable[[], bool], *, seconds: float) -> bool:
        """Wait until ``holds`` is true, looked at after each request, for so many seconds at most; says whether it is."""
        deadline = time.monotonic() + seconds
        while True:
            # Outside the lock: it may look at this stub.
            seen = self.count
            if holds():
                return True
            with self._changed:
                left = deadline - time.monotonic()
                if left <= 0:
                    return False
                self._changed.wait_for(lambda seen=seen: self._count != seen, timeout=left)  # type: ignore[misc]  # bound now

    def close(self) -> None:
        """Stop listening and cut every connection; idempotent."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
            connections = list(self._connections)
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
        self._listener.close()
        for connection in connections:
            # Only its own thread may close it: the number of a closed one is given to somebody else at once.
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._thread.join(5)

    def _accept(self) -> None:
        while True:
            try:
                connection, peer = self._listener.accept()
            except OSError:
                return
            with self._changed:
                is_welcome = (
                    not self._is_closed and len(self._connections) < MAX_CONNECTIONS and _is_of_this_machine(peer[0])
                )
                if is_welcome:
                    self._connections.add(connection)
            if not is_welcome:
                _reset(connection)
                continue
            threading.Thread(target=self._serve, args=(connection,), name="stub connection", daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        connection.settimeout(IDLE_SECONDS)
        try:
            speaker = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEADER_BYTES)
            while self._one(connection, speaker):
                speaker.start_next_cycle()
        except (OSError, h11.ProtocolError):
            pass  # the peer left, or speaks no HTTP: nothing was asked
        finally:
            with self._changed:
                self._connections.discard(connection)
            connection.close()

    def _one(self, connection: socket.socket, speaker: h11.Connection) -> bool:
        """Read one request and do with it what the script says; True where the connection goes on."""
        request: h11.Request | None = None
        body, length = b"", 0
        while True:
            event = speaker.next_event()
            if event is h11.NEED_DATA:
                if speaker.they_are_waiting_for_100_continue:
                    connection.sendall(speaker.send(h11.InformationalResponse(status_code=100, headers=[])) or b"")
                speaker.receive_data(connection.recv(64 * 1024))
            elif isinstance(event, h11.Request):
                request = event
            elif isinstance(event, h11.Data):
                length += len(event.data)
                body += bytes(event.data[: MAX_BODY_BYTES - len(body)])
                if length > MAX_READ_BYTES:
                    _reset(connection)
                    return False
            else:
                break
        if request is None:
            return False  # closed between two requests
        behaviour, generation = self._note(request, body, length)
        return self._behave(connection, speaker, request, behaviour, generation)

    def _note(self, request: h11.Request, body: bytes, length: int) -> tuple[Behaviour, int]:
        path = request.target.decode("latin-1")
        with self._changed:
            key = self._script.key_for(path)
            plan = self._script.otherwise if key is None else self._script.plans[key]
            number = self._used.get(key, 0)
            behaviour = plan.steps[number] if number < len(plan.steps) else plan.then
            if plan.then.has_ranges and _range_of(request, len(plan.then.body)) == (0, 0):
                behaviour = plan.then
            elif not (behaviour.kind is Kind.HALF and request.method == b"HEAD"):
                self._used[key] = number + 1
            self._count += 1
            if len(self._received) < MAX_RECORDED and self._recorded_bytes + len(body) <= MAX_RECORDED_BYTES:
                self._recorded_bytes += len(body)
                self._received.append(
                    Received(
                        method=request.method.decode("latin-1"),
                        path=path,
                        headers=tuple((n.decode("latin-1"), v.decode("latin-1")) for n, v in request.headers),
                        body=body,
                        body_bytes=length,
                        at=self._clock(),
                        behaviour=behaviour.kind,
                        status=_status(behaviour, request) if behaviour.kind in ANSWERS else None,
                    )
                )
            self._changed.notify_all()
            return behaviour, self._generation

    def _behave(
        self,
        connection: socket.socket,
        speaker: h11.Connection,
        request: h11.Request,
        behaviour: Behaviour,
        generation: int,
    ) -> bool:
        if behaviour.delay_seconds:
            with self._changed:
                self._changed.wait_for(
                    # An answer that is late stays late under another script; only a hang is let go by it.
                    lambda: self._is_closed or (behaviour.kind is Kind.HANG and self._generation != generation),
                    timeout=min(behaviour.delay_seconds, MAX_HANG_SECONDS),
                )
        match behaviour.kind:
            case Kind.HANG | Kind.CUT:
                _reset(connection)
                return False
            case Kind.GARBAGE:
                connection.sendall(behaviour.body)
                return False
            case Kind.ANSWER | Kind.HALF:
                head, body = _written(behaviour, request)
                is_cut = behaviour.kind is Kind.HALF and request.method != b"HEAD"
                sent = body[: len(body) // 2] if is_cut else body
                events = [head, h11.Data(data=sent)]  # type: ignore[arg-type]  # anything like bytes, it says
                events += [] if is_cut else [h11.EndOfMessage()]
                parts = [part for event in events for part in speaker.send_with_data_passthrough(event) or ()]
                # Small answers go out in one piece, large ones as views of the body that everybody gets.
                for part in [b"".join(parts)] if len(body) < JOINED_BYTES else parts:
                    connection.sendall(part)
                if is_cut:
                    return False
                return speaker.our_state is h11.DONE and speaker.their_state is h11.DONE
        return False


def _written(behaviour: Behaviour, request: h11.Request) -> tuple[h11.Response, memoryview]:
    """The head and the body of an answer."""
    headers = {"content-type": "application/json", **{n.lower(): v for n, v in behaviour.headers.items()}}
    status, body = _status(behaviour, request), memoryview(behaviour.body)
    if behaviour.has_ranges:
        headers["accept-ranges"] = "bytes"
    asked = _range_of(request, len(body))
    if status == PARTIAL and asked is not None:
        headers["content-range"] = f"bytes {asked[0]}-{asked[1]}/{len(body)}"
        body = body[asked[0] : asked[1] + 1]
    if status != NOT_MODIFIED:
        headers["content-length"] = str(len(body))
    head = h11.Response(status_code=status, headers=list(headers.items()))
    return head, body[:0] if request.method == b"HEAD" or status == NOT_MODIFIED else body


def _status(behaviour: Behaviour, request: h11.Request) -> int:
    """That of the answer: of what the peer has already, or wants a part of, it is another one than the script's."""
    if behaviour.status != OK:
        return behaviour.status
    tag = next((value for name, value in behaviour.headers.items() if name.lower() == "etag"), None)
    known = [part.strip().removeprefix("W/") for part in (_header(request, b"if-none-match") or "").split(",")]
    if tag is not None and tag.removeprefix("W/") in known:
        return NOT_MODIFIED
    return PARTIAL if behaviour.has_ranges and _range_of(request, len(behaviour.body)) else OK


def _header(request: h11.Request, wanted: bytes) -> str | None:
    return next((value.decode("latin-1") for name, value in request.headers if name == wanted), None)


def _range_of(request: h11.Request, length: int) -> tuple[int, int] | None:
    """The first and the last byte of ``bytes=N-`` or ``bytes=N-M``; None where the whole is asked for, or what is not there."""
    found = _RANGE.fullmatch(_header(request, b"range") or "")
    if found is None:
        return None
    first, last = int(found[1]), min(int(found[2] or length - 1), length - 1)
    is_whole = first == 0 and not found[2]
    return (first, last) if first <= last and not is_whole else None


class Stubs:
    """Starts stub upstreams for stacks of one runtime. Call it to get a context manager that yields a running stub.

    Args:
        runtime: name of the runtime whose stacks will call: it decides on which address a stub is reachable.
        bridge: finds the address of this machine on the engine's default network.
    """

    def __init__(self, runtime: str, *, bridge: Callable[[], str] | None = None) -> None:
        self._runtime = runtime
        self._bridge = bridge or bridge_address

    @contextlib.contextmanager
    def __call__(self, script: Script | None = None) -> Iterator[Stub]:
        """Start a stub, yield it, and stop it on every way out.

        Raises:
            Inconclusive: no address of this machine is reachable from the stack; says why.
        """
        with _started(self._host(), script) as stub:
            yield stub

    def _host(self) -> str:
        if self._runtime == "process":
            return LOOPBACK
        if self._runtime == "compose":
            try:
                return self._bridge()
            except StackError as error:
                raise Inconclusive(f"no stub upstream can be reached from the containers: {error}") from error
        raise Inconclusive(
            "a system that runs elsewhere cannot be made to call a stub upstream",
            supply="audit a throw-away copy: --readiness-target",
        )


def _started(host: str, script: Script | None) -> Stub:
    try:
        return Stub(host, script=script)
    except OSError as error:
        raise Inconclusive(
            f"no stub upstream can be reached from the containers: {host}, the engine's own bridge, is not an address "
            f"of this machine ({error.strerror}); the engine runs elsewhere, in a virtual machine or without root"
        ) from error


def bridge_address() -> str:
    """This machine's IPv4 address on the engine's default network, which every container reaches that may leave its own.

    Raises:
        StackError: there is no such network, or no engine.
    """
    import docker.errors  # noqa: PLC0415  # 0.2 s; only where containers are run

    from readiness.runtime.engine import connect  # noqa: PLC0415

    client, engine = connect()
    try:
        network = client.networks.get(BRIDGE)
        configured = (network.attrs.get("IPAM") or {}).get("Config") or []
    except docker.errors.DockerException as error:
        raise StackError(f"the engine at {engine.address} shows no network called {BRIDGE}: {error}") from error
    finally:
        client.close()
    for part in configured:
        address = str((part or {}).get("Gateway") or "")
        with contextlib.suppress(ValueError):
            if ipaddress.ip_address(address).version == 4 and ipaddress.ip_address(address).is_private:  # noqa: PLR2004
                return address
    raise StackError(f"the network {BRIDGE} of the engine at {engine.address} has no private address of its own")


def _is_of_this_machine(peer: str) -> bool:
    """Whether a peer can be the stack: containers have private addresses (RFC 1918), processes loopback."""
    try:
        return ipaddress.ip_address(peer).is_private
    except ValueError:
        return False


def _reset(connection: socket.socket) -> None:
    """End a connection at once, without the courtesy of a closing handshake, as a crashed peer does."""
    with contextlib.suppress(OSError):
        # Closed with this set, the kernel sends a reset instead of an orderly end.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    connection.close()
