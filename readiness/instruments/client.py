"""One HTTP request at a time, bounded in bytes, headers and time, never following a redirect.

The target is hostile until proven otherwise: nothing it sends can grow, stall or redirect this client.
Concurrency and load belong to other instruments: a shared httpx client collapses under them.
"""

from __future__ import annotations

import contextlib
import http.cookiejar
import socket
import threading
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

import httpx

from readiness.exceptions import UnsupportedError
from readiness.facts.http import Exchange, StatusClass
from readiness.instruments.poller import NO_ANSWER
from readiness.runtime import Capability
from readiness.target import Entry, Request

if TYPE_CHECKING:
    from types import TracebackType

    from readiness.runtime import Stack

__all__ = ["MAX_BODY_BYTES", "MAX_HEADERS", "SAFE_METHODS", "HttpClient"]

#: They change nothing where they are understood (RFC 9110, 9.2.1).
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})

#: An answer is read up to here; more proves nothing that the first MiB does not.
MAX_BODY_BYTES = 1024 * 1024
#: What of it becomes evidence.
KEPT_BODY_BYTES = 64 * 1024
#: A sound answer has a few dozen headers; h11 bounds their total at 64 KiB by itself.
MAX_HEADERS = 200
MAX_HEADER_CHARS = 16 * 1024


class HttpClient:
    """Asks a stack's entries. Ports are resolved anew for every request, because a restart moves them.

    Args:
        stack: where the entries are.
        timeout_seconds: bound on a whole exchange, connecting included.
    """

    def __init__(self, stack: Stack, *, timeout_seconds: float = 15.0) -> None:
        self._stack = stack
        self._timeout_seconds = timeout_seconds
        # The proxy's certificate is the stack's own; whether it is a good one is judged by the TLS family, not here.
        # trust_env would send loopback traffic to the machine's proxy.
        self._client = httpx.Client(  # nosec B501
            verify=False,  # noqa: S501
            follow_redirects=False,
            trust_env=False,
            # A jar would log in whoever asks next: who somebody is, is said per request.
            cookies=http.cookiejar.CookieJar(http.cookiejar.DefaultCookiePolicy(allowed_domains=[])),
        )

    def __enter__(self) -> Self:
        """Use as a context manager to close the connections."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def send(
        self,
        entry: Entry,
        request: Request,
        *,
        purpose: StatusClass = StatusClass.OK,
        headers: Mapping[str, str] | None = None,
        timeout_seconds: float | None = None,
        kept_bytes: int = KEPT_BODY_BYTES,
    ) -> Exchange:
        """Send one request and record what came back; a refusal, a reset or silence is recorded, not raised.

        The connection is always a new one: a kept one would hide how a restarted service answers. ``kept_bytes`` is for
        who has to read the whole of an answer, up to :data:`MAX_BODY_BYTES`.

        Raises:
            StackError: the entry leads nowhere.
            UnsupportedError: the request may change something, and the stack is somebody's running system.
        """
        if request.method.upper() not in SAFE_METHODS and Capability.WRITE not in self._stack.capabilities:
            raise UnsupportedError(
                Capability.WRITE,
                runtime=self._stack.runtime,
                hint="allow it with --readiness-allow=active, or audit a throw-away copy",
            )
        if request.service is not None or request.port is not None:
            # Past the entry: neither its base nor its TLS nor its headers are this port's.
            service, port = request.service or entry.service, request.port or entry.port
            entry = Entry(name=entry.name, service=service, port=port)
        bound = timeout_seconds or self._timeout_seconds
        scheme = "https" if entry.https else "http"
        path = f"{entry.base}{request.path}"
        shown = f"{scheme}://{entry.service}:{entry.port}{path}"
        sent = {
            "connection": "close",
            "user-agent": "readiness-audit",
            **entry.headers,
            **request.headers,
            **(headers or {}),
        }
        content, content_type = request.content()
        if content_type and not any(name.lower() == "content-type" for name in sent):
            sent["content-type"] = content_type
        if entry.server_name and not any(name.lower() == "host" for name in sent):
            sent["host"] = entry.server_name
        extensions = {"sni_hostname": entry.server_name} if entry.https and entry.server_name else {}
        started = time.monotonic()
        status: int | None = None
        received: tuple[tuple[str, str], ...] = ()
        body, error = b"", None
        try:
            where = self._stack.endpoint(entry.service, entry.port)
            host = f"[{where.host}]" if ":" in where.host else where.host
            with (
                _Deadline(bound) as deadline,
                self._client.stream(
                    request.method,
                    f"{scheme}://{host}:{where.port}{path}",
                    headers=sent,
                    content=content or None,
                    timeout=httpx.Timeout(bound),
                    extensions={**extensions, "trace": deadline.watch},
                ) as response,
            ):
                status = response.status_code
                received = tuple(
                    (name.decode("latin-1"), value.decode("latin-1")[:MAX_HEADER_CHARS])
                    for name, value in response.headers.raw[:MAX_HEADERS]
                )
                for chunk in response.iter_raw():
                    body += chunk[: MAX_BODY_BYTES - len(body)]
                    if len(body) >= MAX_BODY_BYTES or time.monotonic() - started > bound:
                        break
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as problem:
            is_late = isinstance(problem, httpx.TimeoutException) or time.monotonic() - started >= bound
            error = f"{NO_ANSWER} {bound:g} s" if is_late else f"{type(problem).__name__}: {problem}"[:500]
        return Exchange(
            entry=entry.name,
            purpose=purpose,
            method=request.method,
            url=shown,
            https=entry.https,
            status=status,
            headers=received,
            request_headers=tuple(sent.items()),
            body=body[:kept_bytes].decode("utf-8", "replace"),
            body_bytes=len(body),
            seconds=time.monotonic() - started,
            error=error,
        )


class _Deadline:
    """Ends an exchange's connection when its time is up.

    The library's timeouts bound one read each: an answer that comes in drops, or begins with *100 Continue* again and
    again, would hold this client for ever.
    """

    def __init__(self, seconds: float) -> None:
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True
        self._socket: socket.socket | None = None

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()

    def watch(self, event: str, info: dict[str, Any]) -> None:
        """Take the connection's socket from the library's trace; under TLS the wrapped one replaces the plain one."""
        if event in {"connection.connect_tcp.complete", "connection.start_tls.complete"}:
            self._socket = info["return_value"].get_extra_info("socket")

    def _end(self) -> None:
        if self._socket is not None:
            with contextlib.suppress(OSError):
                # Not the method of a TLS socket: it takes the cipher away under the thread that reads.
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)
