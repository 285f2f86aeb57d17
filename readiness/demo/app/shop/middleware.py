"""Layers around the application, all pure ASGI. Their order is made in :mod:`shop.main`."""

from __future__ import annotations

import re
import secrets
import time
import uuid
from typing import TYPE_CHECKING

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException

from .errors import error_response

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from .settings import Settings

__all__ = ["BodyLimit", "ForwardedFrom", "RequestContext"]

log = structlog.get_logger(__name__)

#: A caller's own request id is kept when it cannot be mistaken for anything else in a log.
REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")
#: The largest body any route has a use for.
BODY_BYTES_MAX = 64 * 1024
#: Probers ask every few seconds; their lines would drown the others.
UNLOGGED_PREFIX = "/health"


class RequestContext:
    """Names the request, logs its end, and answers for what nobody foresaw."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        asked = Headers(scope=scope).get("x-request-id", "")
        request_id = asked if REQUEST_ID.fullmatch(asked) else uuid.uuid4().hex
        scope["state"]["request_id"] = request_id
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        started, status = time.monotonic(), 0

        async def note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message).setdefault("X-Request-ID", request_id)
            await send(message)

        try:
            await self._app(scope, receive, note)
        except Exception:
            log.exception("unhandled error", method=scope["method"], path=scope["path"])
            if status == 0:
                await error_response(scope, 500)(scope, receive, note)
        finally:
            if not scope["path"].startswith(UNLOGGED_PREFIX):
                log.info(
                    "request",
                    method=scope["method"],
                    path=scope["path"],
                    status=status,
                    seconds=round(time.monotonic() - started, 4),
                    client=(scope.get("client") or ("",))[0],
                )


class ForwardedFrom:
    """Believes ``X-Forwarded-For`` and ``-Proto`` from our proxy alone, which proves itself by a shared token.

    An address list would have to name the proxy's address, which changes with every restart.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._token = settings.proxy_token.get_secret_value()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Replace client and scheme where the proxy vouches for them."""
        if scope["type"] == "http":
            headers = Headers(scope=scope)
            if secrets.compare_digest(headers.get("x-proxy-token", "").encode(), self._token.encode()):
                if client := headers.get("x-forwarded-for"):
                    scope["client"] = (client.split(",")[-1].strip(), 0)
                scope["scheme"] = headers.get("x-forwarded-proto", scope["scheme"])
        await self._app(scope, receive, send)


class BodyLimit:
    """Refuses bodies above the limit: by their announced length, else as soon as they exceed it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or answer 413."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        length = Headers(scope=scope).get("content-length", "0")
        if length.isdecimal() and int(length) > BODY_BYTES_MAX:
            await error_response(scope, 413, headers={"Connection": "close"})(scope, receive, send)
            return
        received = 0

        async def count() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > BODY_BYTES_MAX:
                raise _TooLargeError
            return message

        await self._app(scope, count, send)


class _TooLargeError(HTTPException):
    """The body grew beyond the limit while it was read; FastAPI passes on HTTP errors alone."""

    def __init__(self) -> None:
        super().__init__(413, headers={"Connection": "close"})
