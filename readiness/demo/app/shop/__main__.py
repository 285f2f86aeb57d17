"""``python -m shop``: the API, one process.

One process holds one health cache and one set of local buckets, so "once per process" is once per container; more
capacity is more containers behind the proxy.
"""

from __future__ import annotations

import signal
from types import FrameType

import uvicorn

from . import logs, settings, tracking
from .main import create_app
from .resources import Resources


def main() -> None:
    """Serve until SIGTERM, finish what is open, exit 0; exit 1 when the database refuses our credentials."""
    config = settings.load()
    logs.configure(level=config.log_level, service="api", folder=config.log_path, file_bytes=config.log_file_bytes)
    tracking.configure(config)
    resources = Resources.of(config)

    def end(_signal: int, _frame: FrameType | None) -> None:
        raise SystemExit(1 if resources.fatal else 0)

    # uvicorn drains on SIGTERM, and raises it again when it has finished: a clean end is exit code 0.
    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    uvicorn.run(
        create_app(resources),
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
    )


if __name__ == "__main__":
    main()
