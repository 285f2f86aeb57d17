"""Logs as python-json-logger writes them: one JSON object per line, in Python's own words for its fields."""

import contextvars
import logging
import os
import warnings

#: The id of the request that is being answered; set by the middleware.
request_id = contextvars.ContextVar("request_id", default=None)


class WithRequestId(logging.Filter):
    """Gives every line the id of its request."""

    def filter(self, record):
        record.request_id = request_id.get()
        # Django hands its request over, which no line can hold.
        record.__dict__.pop("request", None)
        return True


class NotRefused(logging.Filter):
    """Django's line about an answer, only where the service failed: the line of the request tells the rest."""

    def filter(self, record):
        return getattr(record, "status_code", 500) >= 500


def logging_of():
    """The configuration, for Django and for gunicorn alike."""
    # A warning of Python's is a line as well.
    logging.captureWarnings(True)
    warnings.simplefilter("default")
    level = os.environ.get("LOG_LEVEL", "INFO")
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"request_id": {"()": WithRequestId}, "failed": {"()": NotRefused}},
        "formatters": {
            "json": {
                "()": "pythonjsonlogger.json.JsonFormatter",
                "format": "%(levelname)s %(name)s %(message)s %(request_id)s",
                "timestamp": True,
            },
            "text": {"format": "%(asctime)s %(levelname)-8s %(name)s %(message)s [%(request_id)s]"},
        },
        "handlers": {
            "stdout": {
                "class": "logging.StreamHandler",
                "stream": "ext://sys.stdout",
                "formatter": "text" if os.environ.get("LOG_AS_TEXT") == "1" else "json",
                "filters": ["request_id"],
            }
        },
        "root": {"handlers": ["stdout"], "level": level},
        "loggers": {
            "gunicorn.error": {
                "handlers": ["stdout"],
                "level": level,
                "propagate": False,
                "qualname": "gunicorn.error",
            },
            "django": {"handlers": ["stdout"], "level": level, "propagate": False},
            "django.request": {"handlers": ["stdout"], "filters": ["failed"], "level": level, "propagate": False},
            "django.server": {"handlers": [], "propagate": False},
        },
    }
