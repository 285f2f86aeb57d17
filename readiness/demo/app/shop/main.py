"""The application, and the order of its layers."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import structlog
from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles
from starlette.responses import Response

from . import defects, documentation, errors, probes, routes, tracking
from .bodies import BodyLimit, JsonOnly
from .buckets import TokenBuckets
from .cross_origin import cross_origin
from .database import Admin, ConfigurationRefusedError, migrate_patiently, words_of
from .limiter import RateLimit, policies_of
from .metrics import METRICS_PATH, Metered
from .middleware import ForwardedFrom, RequestContext
from .model import ModelLoadingError
from .resources import Resources
from .security import SecurityHeaders
from .usage import Counted

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import ASGIApp

__all__ = ["create_app"]

log = structlog.get_logger(__name__)

STATIC = Path(__file__).parent / "static"


class _Static(StaticFiles):
    """Files that belong to nobody and may be kept for an hour."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        response = super().file_response(*args, **kwargs)
        response.headers.setdefault("Cache-Control", "public, max-age=3600")
        return response


def create_app(resources: Resources) -> ASGIApp:
    """The whole service: the API inside its layers."""
    settings = resources.settings
    buckets = TokenBuckets(resources.redis, policies_of(settings))
    # Innermost first. Whatever a layer answers by itself passes those listed after it, so the headers come last.
    layers: ASGIApp = JsonOnly(create_api(resources))
    is_limited = settings.is_limited and not defects.is_on("limiter-not-mounted")
    is_limited_outside = is_limited and defects.is_on("limiter-outside-headers")
    if is_limited and not is_limited_outside:
        layers = RateLimit(layers, buckets, resources.tokens)
    layers = BodyLimit(layers, max_bytes=settings.max_body_bytes)
    layers = cross_origin(layers, settings)
    layers = ForwardedFrom(layers, settings)
    layers = RequestContext(layers)
    # Around all that answers, so that refusals and failures count.
    layers = Counted(Metered(layers, resources.metrics), resources.usage)
    layers = SecurityHeaders(layers, settings)
    if is_limited_outside:
        layers = ForwardedFrom(RateLimit(layers, buckets, resources.tokens), settings)
    return layers


def create_api(resources: Resources) -> FastAPI:
    """The routes, without the layers around them.

    The server answers from the first moment on; schema and model come in the background, and the probes say how far
    they are. So a database that is late delays readiness, never liveness.
    """
    settings = resources.settings

    @contextlib.asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        psutil.cpu_percent(interval=None)  # the first call only sets the mark that later ones measure from
        if defects.is_on("loads-before-listening"):
            await resources.model.fetch()
        background = [asyncio.create_task(_prepare_schema(resources)), asyncio.create_task(_load_model(resources))]
        background.append(asyncio.create_task(resources.usage.run()))
        yield
        for task in background:
            task.cancel()
        await asyncio.gather(*background, return_exceptions=True)
        await resources.close()

    limit = 1000 if defects.is_on("documented-limit-wrong") else settings.rate_limit_per_minute
    app = FastAPI(
        title="Shop",
        version=documentation.VERSION,
        description=documentation.DESCRIPTION.format(limit=limit),
        lifespan=lifespan,
        # The document's routes are documentation's: the framework's own know no content security policy.
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
    )
    app.include_router(probes.router(resources))
    app.include_router(routes.router(resources), dependencies=[tracking.who(resources.tokens)])
    app.add_api_route(METRICS_PATH, resources.metrics.answer, include_in_schema=False)
    app.mount("/static", _Static(directory=STATIC))
    documentation.install(app, settings)
    errors.install(app)

    @app.exception_handler(ModelLoadingError)
    async def _loading(request: Request, _error: ModelLoadingError) -> Response:
        status = 500 if defects.is_on("loading-answers-500") else 503
        return errors.error_response(
            request.scope, status, message="The model is loading", headers={"Retry-After": "2"}
        )

    return app


async def _prepare_schema(resources: Resources) -> None:
    try:
        await migrate_patiently(resources.engine, admin=await _admin(resources))
    except ConfigurationRefusedError as error:
        # Waiting cannot help, and a service that stays up half configured hides it: end, and say why.
        log.critical(words_of(error), reason=str(error))
        resources.fatal = str(error)
        os.kill(os.getpid(), signal.SIGTERM)
    else:
        resources.is_schema_ready = True


async def _admin(resources: Resources) -> Admin | None:
    """The account that manages the others comes from the settings, so that nobody can register it."""
    config = resources.settings
    if config.admin_password is None:
        return None
    password_hash = await resources.passwords.hash(config.admin_password.get_secret_value())
    return Admin(name=config.admin_name, password_hash=password_hash)


async def _load_model(resources: Resources) -> None:
    await resources.model.load(at_least_seconds=resources.settings.model_load_seconds)
    log.info("model is loaded")
