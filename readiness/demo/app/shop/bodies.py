"""Which bodies are taken in at all: layers that refuse before anything is parsed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException

from . import defects
from .errors import error_response

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["BodyLimit", "JsonOnly"]

#: Of a defect: what the setting is by default, and then stays.
FIXED_BYTES = 64 * 1024


class BodyLimit:
    """Refuses bodies above the limit: by their announced length, else as soon as they exceed it."""

    def __init__(self, app: ASGIApp, *, max_bytes: int) -> None:
        self._app = app
        self._max_bytes = FIXED_BYTES if defects.is_on("body-limit-fixed") else max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or answer 413."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        length = Headers(scope=scope).get("content-length", "0")
        if length.isdecimal() and int(length) > self._max_bytes:
            await error_response(scope, 413, headers={"Connection": "close"})(scope, receive, send)
            return
        received = 0
        most = None if defects.is_on("body-limit-by-length-only") else self._max_bytes

        async def count() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if most is not None and received > most:
                raise _TooLargeError
            return message

        await self._app(scope, count, send)


class _TooLargeError(HTTPException):
    """The body grew beyond the limit while it was read; FastAPI passes on HTTP errors alone."""

    def __init__(self) -> None:
        super().__init__(413, headers={"Connection": "close"})


class JsonOnly:
    """Refuses bodies under any other content type: a page elsewhere can send text/plain without asking first."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or answer 415."""
        if scope["type"] == "http" and _has_body(Headers(scope=scope)):
            kind = Headers(scope=scope).get("content-type", "").split(";")[0].strip().lower()
            if kind != "application/json":
                if not defects.is_on("content-type-unchecked"):
                    await error_response(scope, 415)(scope, receive, send)
                    return
                MutableHeaders(scope=scope)["content-type"] = "application/json"
        await self._app(scope, receive, send)


def _has_body(headers: Headers) -> bool:
    return headers.get("content-length", "0") != "0" or "transfer-encoding" in headers
