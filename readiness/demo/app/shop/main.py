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
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response

from . import errors, probes, routes, tracking
from .database import Admin, ConfigurationRefusedError, migrate_patiently
from .limiter import RateLimit, TokenBuckets
from .metrics import METRICS_PATH, Metered
from .middleware import BodyLimit, ForwardedFrom, RequestContext
from .model import ModelLoadingError
from .resources import Resources
from .security import SecurityHeaders

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
    buckets = TokenBuckets(resources.redis, limit=settings.rate_limit_per_minute)
    # Innermost first. Whatever a layer answers by itself passes those listed after it, so the headers come last.
    layers: ASGIApp = RateLimit(create_api(resources), buckets, resources.tokens)
    layers = BodyLimit(layers)
    layers = CORSMiddleware(
        layers,
        allow_origins=settings.origins,
        allow_methods=["GET", "POST", "DELETE"],
        allow_headers=["Authorization", "Content-Type"],
        max_age=600,
    )
    layers = ForwardedFrom(layers, settings)
    layers = RequestContext(layers)
    # Around all that answers, so that refusals and failures count.
    layers = Metered(layers, resources.metrics)
    return SecurityHeaders(layers, settings)


def create_api(resources: Resources) -> FastAPI:
    """The routes, without the layers around them.

    The server answers from the first moment on; schema and model come in the background, and the probes say how far
    they are. So a database that is late delays readiness, never liveness.
    """
    settings = resources.settings

    @contextlib.asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        psutil.cpu_percent(interval=None)  # the first call only sets the mark that later ones measure from
        background = [asyncio.create_task(_prepare_schema(resources)), asyncio.create_task(_load_model(resources))]
        yield
        for task in background:
            task.cancel()
        await asyncio.gather(*background, return_exceptions=True)
        await resources.close()

    is_documented = not settings.is_production
    app = FastAPI(
        title="Shop",
        lifespan=lifespan,
        docs_url="/docs" if is_documented else None,
        redoc_url=None,
        openapi_url="/openapi.json" if is_documented else None,
    )
    app.include_router(probes.router(resources))
    app.include_router(routes.router(resources), dependencies=[tracking.who(resources.tokens)])
    app.add_api_route(METRICS_PATH, resources.metrics.answer, include_in_schema=False)
    app.mount("/static", _Static(directory=STATIC))
    errors.install(app)

    @app.exception_handler(ModelLoadingError)
    async def _loading(request: Request, _error: ModelLoadingError) -> Response:
        return errors.error_response(request.scope, 503, message="The model is loading", headers={"Retry-After": "2"})

    return app


async def _prepare_schema(resources: Resources) -> None:
    try:
        await migrate_patiently(resources.engine, admin=await _admin(resources))
    except ConfigurationRefusedError as error:
        # Waiting cannot help, and a service that stays up half configured hides it: end, and say why.
        log.critical("database authentication failed: check DATABASE_NAME, _USER and _PASSWORD", reason=str(error))
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
