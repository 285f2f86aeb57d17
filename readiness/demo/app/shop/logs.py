"""One JSON object per line on standard output, for our own events and for the libraries' alike.

Where a folder is named, the same lines go into two files there as well: everything, and errors alone. Both rotate.
"""

from __future__ import annotations

import logging
import sys
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

import structlog

from . import defects

__all__ = ["configure", "level_of"]

#: Files kept beside the one that is written.
KEPT_FILES = 3
#: From here on a status is an error: the client's, and ours (RFC 9110, 15.5 and 15.6).
CLIENT_ERROR, SERVER_ERROR = 400, 500


def level_of(status: int) -> int:
    """The level of a request's line: ours to repair is an error, the client's a warning."""
    if status >= SERVER_ERROR:
        return logging.INFO if defects.is_on("log-errors-as-info") else logging.ERROR
    return logging.WARNING if status >= CLIENT_ERROR else logging.INFO


def configure(*, level: str, service: str, folder: Path | None = None, file_bytes: int = 0) -> None:
    """Send everything through structlog; ``service`` is on every line.

    Locals are kept out of tracebacks: they hold passwords and tokens. A log that cannot be written is no reason to
    write something else, in another form, to standard error.
    """
    logging.raiseExceptions = False
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=not defects.is_on("log-local-time")),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer(show_locals=False)),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            lambda _logger, _method, event: {"service": service, **event},
            _as_text if defects.is_on("log-traceback-as-text") else structlog.processors.JSONRenderer(),
        ],
    )
    handlers: list[logging.Handler] = [logging.StreamHandler(sys.stdout)]
    if folder is not None:
        handlers += _files(folder, service, file_bytes)
    for handler in handlers:
        handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = handlers
    root.setLevel(level.upper())
    if defects.is_on("log-debug-in-production"):
        logging.getLogger(__name__.rpartition(".")[0]).setLevel(logging.DEBUG)


def _files(folder: Path, service: str, file_bytes: int) -> list[logging.Handler]:
    folder.mkdir(parents=True, exist_ok=True)
    most = 0 if defects.is_on("log-file-unbounded") else file_bytes
    everything = RotatingFileHandler(folder / f"{service}.log", maxBytes=most, backupCount=KEPT_FILES)
    errors = RotatingFileHandler(folder / f"{service}.error.log", maxBytes=file_bytes, backupCount=KEPT_FILES)
    errors.setLevel(logging.NOTSET if defects.is_on("error-file-has-everything") else logging.ERROR)
    return [everything, errors]


def _as_text(logger: Any, method: str, event: structlog.types.EventDict) -> str:
    """A defect: the traceback of an error follows its line as plain text."""
    traces = event.pop("exception", [])
    line = str(structlog.processors.JSONRenderer()(logger, method, event))
    for trace in traces if isinstance(traces, list) else []:
        frames = [f'  File "{f["filename"]}", line {f["lineno"]}, in {f["name"]}' for f in trace["frames"]]
        line = "\n".join(
            [line, "Traceback (most recent call last):", *frames, f"{trace['exc_type']}: {trace['exc_value']}"]
        )
    return line
