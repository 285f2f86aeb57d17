"""Layers around the application, all pure ASGI. Their order is made in :mod:`shop.main`."""

from __future__ import annotations

import re
import secrets
import time
import uuid
from typing import TYPE_CHECKING, Any

import structlog
from starlette.datastructures import Headers, MutableHeaders

from . import defects, logs
from .errors import error_response

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from .settings import Settings

__all__ = ["ForwardedFrom", "RequestContext"]

log = structlog.get_logger(__name__)

#: A caller's own request id is kept when it cannot be mistaken for anything else in a log.
REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")
#: Probers ask every few seconds; their lines would drown the others.
UNLOGGED_PREFIX = "/health"


class RequestContext:
    """Names the request, logs its end, and answers for what nobody foresaw."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._latest = ""  # for a defect alone: what belongs to one request must not live here

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = self._latest = _request_id(Headers(scope=scope).get("x-request-id", ""))
        scope["state"]["request_id"] = request_id
        structlog.contextvars.clear_contextvars()
        if not defects.is_on("id-not-in-logs"):
            structlog.contextvars.bind_contextvars(request_id=request_id)
        peer = (scope.get("client") or ("",))[0]
        started, status = time.monotonic(), 0
        log.debug("request begins", method=scope["method"], path=scope["path"])

        async def note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                if status < logs.CLIENT_ERROR or not defects.is_on("id-missing-on-errors"):
                    headers.setdefault("X-Request-ID", request_id)
                seconds = 0.001 if defects.is_on("process-time-constant") else time.monotonic() - started
                headers["X-Process-Time"] = f"{seconds:.6f}"
            await send(message)

        try:
            await self._app(scope, receive, note)
        except Exception as error:
            name = type(error).__name__
            is_traced = not defects.is_on("errors-logged-without-trace")
            if not defects.is_on("errors-unlogged"):
                facts = {"method": scope["method"], "path": scope["path"], "error_type": name}
                log.exception("unhandled error", exc_info=is_traced, **facts)
            if status == 0:
                await error_response(scope, 500)(scope, receive, note)
        finally:
            if not scope["path"].startswith(UNLOGGED_PREFIX):
                log.log(
                    logs.level_of(status), "request", **self._facts(scope, status, time.monotonic() - started, peer)
                )

    def _facts(self, scope: Scope, status: int, seconds: float, peer: str) -> dict[str, Any]:
        """What the line of a request says; the query stays out of it, because clients put secrets there."""
        facts: dict[str, Any] = {
            "method": scope["method"],
            "path": scope["path"],
            "status": status,
            "seconds": round(seconds, 4),
            # ForwardedFrom has put the proxy's client here by now.
            "client": (scope.get("client") or ("",))[0],
        }
        if defects.is_on("log-without-duration"):
            del facts["seconds"]
        if defects.is_on("log-query-strings") and scope["query_string"]:
            facts["path"] += "?" + scope["query_string"].decode("latin-1")
        if defects.is_on("log-request-headers"):
            facts["headers"] = dict(Headers(scope=scope))
        if defects.is_on("log-proxy-address"):
            facts["client"] = peer
        if defects.is_on("log-forwarded-believed") and (claimed := Headers(scope=scope).get("x-forwarded-for")):
            facts["client"] = claimed.split(",")[0].strip()
        if defects.is_on("id-of-another-request"):
            facts["request_id"] = self._latest
        return facts


def _request_id(asked: str) -> str:
    if REQUEST_ID.fullmatch(asked) or (asked and defects.is_on("id-inbound-unchecked")):
        return asked
    return uuid.UUID(int=1).hex if defects.is_on("id-constant") else uuid.uuid4().hex


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
                if client := _client(headers.get("x-forwarded-for", "")):
                    scope["client"] = (client, 0)
                scope["scheme"] = headers.get("x-forwarded-proto", scope["scheme"])
        await self._app(scope, receive, send)


def _client(forwarded_for: str) -> str:
    """Whom our proxy saw: it adds that one last. What stands before was written by the client itself."""
    if defects.is_on("client-not-forwarded"):
        return ""
    hops = forwarded_for.split(",")
    return hops[0 if defects.is_on("leftmost-forwarded-trusted") else -1].strip()
