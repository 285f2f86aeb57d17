"""The API's description: closed in production, complete elsewhere, and never a word about what is inside."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import FastAPI
from fastapi.openapi.docs import get_redoc_html, get_swagger_ui_html
from fastapi.openapi.utils import get_openapi
from fastapi.security import HTTPBearer

from . import defects

if TYPE_CHECKING:
    from fastapi.responses import HTMLResponse

    from .settings import Settings

__all__ = ["BEARER", "DESCRIPTION", "VERSION", "information", "install"]

VERSION = "1.0.0"
DESCRIPTION = """\
Items for sale, and texts that are worked on in the background.

**Login.** Register with `POST /auth/register`, then `POST /auth/login` answers with a short-lived access token (a JWT),
which goes into `Authorization: Bearer …`, and sets a refresh cookie, with which `POST /auth/refresh` gives a new one.

**Limits.** A user, else an address, may send {limit} requests per minute. Every answer says where the caller stands
(`X-RateLimit-Limit`, `X-RateLimit-Remaining`, `X-RateLimit-Reset`); beyond the limit the answer is 429 with
`Retry-After`.
"""
#: Beside a route's dependency it puts the scheme into the document; who the token is from is decided there.
BEARER = HTTPBearer(
    bearerFormat="JWT",
    description="The access token that `POST /auth/login` answers with, valid for 15 minutes.",
    auto_error=False,
)
#: The viewers come from a content network and style themselves; no other answer of the service allows that.
VIEWER_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' https://cdn.jsdelivr.net; "
    "style-src 'self' 'unsafe-inline' https://cdn.jsdelivr.net https://fonts.googleapis.com; "
    "font-src https://fonts.gstatic.com; img-src 'self' data: https://fastapi.tiangolo.com https://cdn.redoc.ly; "
    "worker-src blob:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)


def install(app: FastAPI, settings: Settings) -> None:
    """Serve the document and its two viewers, where they belong."""
    app.openapi = lambda: _document(app)  # type: ignore[method-assign]  # the framework's own way to replace it
    is_open = not settings.is_production and not defects.is_on("docs-closed-in-development")
    if is_open or (settings.is_production and defects.is_on("docs-open-in-production")):
        app.add_api_route("/docs", _swagger, include_in_schema=False)
        app.add_api_route("/redoc", _redoc, include_in_schema=False)
    if is_open or (settings.is_production and defects.is_on("openapi-open-in-production")):
        app.add_api_route("/openapi.json", app.openapi, include_in_schema=False)


def information(settings: Settings) -> dict[str, Any]:
    """What the service is and can do, for people who try it."""
    told: dict[str, Any] = {
        "name": "Shop",
        "version": VERSION,
        "capabilities": ["items", "jobs", "embeddings"],
        "authentication": "bearer",
    }
    if defects.is_on("api-info-leaks"):
        url = settings.database_url
        told["database"] = url.render_as_string(hide_password=False)
    return told


def _document(app: FastAPI) -> dict[str, Any]:
    if app.openapi_schema is None:
        document = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        if defects.is_on("operation-undescribed"):
            del document["paths"]["/items"]["get"]["description"]
        if defects.is_on("operation-undocumented"):
            del document["paths"]["/me"]
        app.openapi_schema = document
    return app.openapi_schema


async def _swagger() -> HTMLResponse:
    return _with_policy(get_swagger_ui_html(openapi_url="/openapi.json", title="Shop"))


async def _redoc() -> HTMLResponse:
    return _with_policy(get_redoc_html(openapi_url="/openapi.json", title="Shop"))


def _with_policy(page: HTMLResponse) -> HTMLResponse:
    page.headers["Content-Security-Policy"] = VIEWER_POLICY
    return page
