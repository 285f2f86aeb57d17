"""Which pages of other origins may read answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.cors import CORSMiddleware

from . import defects

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from .settings import Settings

__all__ = ["cross_origin"]

#: Front ends under development, wherever their server listens.
DEVELOPERS = r"http://(localhost|127\.0\.0\.1)(:\d{1,5})?"
#: Browsers ask again after at most two hours anyway (Chromium).
PREFLIGHT_SECONDS = 600


def cross_origin(app: ASGIApp, settings: Settings) -> ASGIApp:
    """Pages of the configured origins may read answers, also as a logged-in user; in development local ones may too."""
    origins, pattern = _allowed(settings)
    app = CORSMiddleware(
        app,
        allow_origins=origins,
        allow_origin_regex=pattern,
        allow_methods=["GET", "POST", "DELETE"],
        allow_headers=["Authorization", "Content-Type"],
        allow_credentials=True,
        max_age=0 if defects.is_on("cors-preflight-uncached") else PREFLIGHT_SECONDS,
    )
    return _Unvaried(app) if defects.is_on("cors-vary-missing") else app


def _allowed(settings: Settings) -> tuple[list[str], str | None]:
    """The list, and a pattern for what cannot be listed."""
    origins, pattern = settings.origins, None
    if not settings.is_production and not defects.is_on("cors-strict-in-development"):
        pattern = DEVELOPERS
    if defects.is_on("cors-reflects-any"):
        pattern = ".*"
    if defects.is_on("cors-null-allowed"):
        origins = [*origins, "null"]
    if defects.is_on("cors-suffix-accepted"):
        pattern = "|".join([*(f"{origin}.*" for origin in settings.origins), *([pattern] if pattern else [])])
    if defects.is_on("cors-placeholder-in-production"):
        origins = [*origins, "https://app.example.com"]
    if defects.is_on("cors-second-origin-forgotten"):
        origins = origins[:1]
    if defects.is_on("cors-origins-fixed"):
        origins = ["https://app.shop.internal", "https://admin.shop.internal"]
    return origins, pattern


class _Unvaried:
    """A defect: caches are not told that answers differ by origin."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def forget(message: Message) -> None:
            if message["type"] == "http.response.start" and "origin" in Headers(scope=scope):
                headers = MutableHeaders(scope=message)
                kept = [name for name in headers.get("vary", "").split(", ") if name != "Origin"]
                del headers["vary"]
                if any(kept):
                    headers["vary"] = ", ".join(kept)
            await send(message)

        await self._app(scope, receive, forget if scope["type"] == "http" else send)
