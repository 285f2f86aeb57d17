"""``python -m shop``: the API, one process unless ``WEB_CONCURRENCY`` asks for more.

One process holds one health cache and one set of local buckets, so "once per process" is once per container; more
capacity is better more containers behind the proxy.
"""

from __future__ import annotations

import signal
from types import FrameType
from typing import TYPE_CHECKING, Any

import uvicorn

from . import logs, settings, tracking
from .main import create_app
from .resources import Resources

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from .settings import Settings

__all__ = ["application", "main"]


def main() -> None:
    """Serve until SIGTERM, finish what is open, exit 0; exit 1 when the database refuses our credentials."""
    config = settings.load()
    if config.web_concurrency > 1:
        _configure(config)
        # Each process makes the application for itself: connections must not be shared between them.
        _serve(f"{__package__}.__main__:application", config, workers=config.web_concurrency, factory=True)
        return
    app, resources = _build(config)

    def end(_signal: int, _frame: FrameType | None) -> None:
        raise SystemExit(1 if resources.fatal else 0)

    # uvicorn drains on SIGTERM, and raises it again when it has finished: a clean end is exit code 0.
    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    _serve(app, config)


def application() -> ASGIApp:
    """What one of several processes serves."""
    app, _ = _build(settings.load())
    return app


def _build(config: Settings) -> tuple[ASGIApp, Resources]:
    _configure(config)
    resources = Resources.of(config)
    return create_app(resources), resources


def _configure(config: Settings) -> None:
    logs.configure(level=config.log_level, service="api", folder=config.log_path, file_bytes=config.log_file_bytes)
    tracking.configure(config)


def _serve(app: ASGIApp | str, config: Settings, **more: Any) -> None:
    uvicorn.run(
        app,
        host=config.api_host,
        port=config.api_port,
        log_config=None,
        access_log=False,  # RequestContext logs requests, with their id
        server_header=False,
        proxy_headers=False,  # ForwardedFrom knows the proxy by its token
        timeout_keep_alive=75,  # longer than the proxy keeps its connections, so that it never writes into a closing one
        timeout_graceful_shutdown=int(config.shutdown_seconds),
        limit_concurrency=1000,
        backlog=1024,
        **more,
    )


if __name__ == "__main__":
    main()
