"""``python -m shop``: the API, one process unless ``WEB_CONCURRENCY`` asks for more.

One process holds one health cache and one set of local buckets, so "once per process" is once per container; more
capacity is better more containers behind the proxy.
"""

from __future__ import annotations

import signal
import sys
from types import FrameType
from typing import TYPE_CHECKING, Any

import uvicorn

from . import defects, logs, settings, tracking
from .main import create_app
from .resources import Resources
from .server import DEFAULT_SHUTDOWN_SECONDS, Server

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from .settings import Settings

__all__ = ["application", "main"]

#: As uvicorn itself ends when its port is taken.
STARTUP_FAILURE = 3


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
    _serve(app, config, resources=resources)


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


def _serve(app: ASGIApp | str, config: Settings, *, resources: Resources | None = None, **more: Any) -> None:
    seconds = DEFAULT_SHUTDOWN_SECONDS if defects.is_on("shutdown-variable-ignored") else int(config.shutdown_seconds)
    settings: dict[str, Any] = {
        "host": config.api_host,
        "port": config.api_port,
        "log_config": None,
        "access_log": False,  # RequestContext logs requests, with their id
        "server_header": False,
        "proxy_headers": False,  # ForwardedFrom knows the proxy by its token
        "timeout_keep_alive": 75,  # longer than the proxy keeps its connections, so that it never writes into a closing one
        "timeout_graceful_shutdown": None if defects.is_on("drain-unbounded") else seconds,
        "limit_concurrency": 1000,
        "backlog": 1024,
        **more,
    }
    if resources is None:
        uvicorn.run(app, **settings)
    else:
        server = Server(uvicorn.Config(app, **settings), resources)
        server.run()
        if not server.started:
            sys.exit(STARTUP_FAILURE)


if __name__ == "__main__":
    main()
