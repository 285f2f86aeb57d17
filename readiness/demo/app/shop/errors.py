"""The one shape of every error: ``{"error": {"code", "message", "request_id"[, "fields"]}}``."""

from __future__ import annotations

import asyncio
import os
import traceback
import uuid
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import asyncpg
import structlog
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException

from . import defects, tracking

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.requests import Request
    from starlette.types import Scope

__all__ = ["error_response", "install"]

log = structlog.get_logger(__name__)

#: How long a client should leave us alone when a dependency is away.
RETRY_AFTER_SECONDS = 5


def error_response(
    scope: Scope,
    status: int,
    *,
    code: str | None = None,
    message: str | None = None,
    headers: Mapping[str, str] | None = None,
    fields: Sequence[Mapping[str, Any]] = (),
    retry_after: int | None = None,
) -> JSONResponse:
    """An error answer; without a code or a message the status speaks for itself."""
    phrase = HTTPStatus(status).phrase
    body: dict[str, Any] = {
        "code": code or phrase.lower().replace(" ", "_"),
        "message": message or phrase,
        "request_id": scope.get("state", {}).get("request_id"),
    }
    if defects.is_on("other-id-in-error-body"):
        body["request_id"] = uuid.uuid4().hex
    if defects.is_on("id-missing-in-error-body"):
        del body["request_id"]
    if fields:
        body["fields"] = fields
    if retry_after is not None:
        body["retry_after"] = retry_after
    return JSONResponse({"error": body}, status_code=status, headers=dict(headers or {}))


def install(app: FastAPI) -> None:
    """Give the application's errors the one shape."""

    @app.exception_handler(HTTPException)
    async def _http(request: Request, error: HTTPException) -> JSONResponse:
        if error.status_code == HTTPStatus.NOT_FOUND and defects.is_on("other-format-for-404"):
            return JSONResponse({"detail": error.detail}, status_code=404)
        return error_response(request.scope, error.status_code, message=error.detail, headers=error.headers)

    @app.exception_handler(RequestValidationError)
    async def _invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        # Without the input: it may be a password.
        fields = [{"at": [str(part) for part in e["loc"]], "problem": e["msg"]} for e in error.errors()]
        return error_response(request.scope, 422, message="The request is not valid", fields=fields)

    @app.exception_handler(Exception)
    async def _unforeseen(request: Request, error: Exception) -> Response:
        tracking.foresee_nothing(error)
        # Logged by RequestContext, to which Starlette raises it again. Nothing of it is told.
        if defects.is_on("plain-500"):
            return PlainTextResponse("Internal Server Error", status_code=500)
        told = "".join(traceback.format_exception(error)) if defects.is_on("trace-in-500") else None
        return error_response(request.scope, 500, message=told)

    async def _unavailable(request: Request, error: Exception) -> JSONResponse:
        log.warning("dependency failed", reason=type(error).__name__, path=request.url.path)
        tracking.report(error)
        if defects.is_on("outage-hangs"):
            await asyncio.sleep(30)
        return error_response(
            request.scope,
            200 if defects.is_on("outage-apology") else 503,
            message=_words(),
            headers={"Retry-After": str(RETRY_AFTER_SECONDS)},
        )

    for kind in (SQLAlchemyError, asyncpg.PostgresError, asyncpg.InterfaceError, RedisError, OSError):
        app.add_exception_handler(kind, _unavailable)


def _words() -> str:
    """What is said of a dependency that is away: nothing of where it is, or what was asked of it."""
    if defects.is_on("host-in-503"):
        host, port = os.environ.get("DATABASE_HOST"), os.environ.get("DATABASE_PORT", "5432")
        return f"Connect call failed ('{host}', {port})"
    if defects.is_on("sql-in-503"):
        return "The statement failed: SELECT items.id, items.name FROM items ORDER BY items.id"
    return "A part of the shop is not available; please try again"
