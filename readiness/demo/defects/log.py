"""Logs that cannot be read by machines, or that say too little, too much or what is not so."""

from __future__ import annotations

from readiness.demo.defects._defect import Defect, api

__all__ = ["DEFECTS"]

CLIENT = "client in the access line"

DEFECTS: tuple[Defect, ...] = (
    api("log-traceback-as-text", "Tracebacks are logged as text over many lines", "log.json"),
    api("log-local-time", "Log lines carry local time without offset", "log.iso8601"),
    api("log-debug-in-production", "Debug lines are logged in production", "log.level_production"),
    api("log-errors-as-info", "Requests that fail with 500 are logged at INFO", "log.level_by_status"),
    api("log-without-duration", "The access line lacks the duration", "log.access_line"),
    api("log-query-strings", "Paths are logged with their query", "log.no_secrets"),
    api("log-request-headers", "All request headers are logged", "log.no_secrets"),
    api("process-time-constant", "X-Process-Time is made up", "log.process_time"),
    api("log-proxy-address", "The proxy's address is logged as the client's", "log.client_ip", part=CLIENT),
    api("log-forwarded-believed", "Anybody's X-Forwarded-For is logged as the client", "log.client_ip", part=CLIENT),
    api("usage-waits-for-redis", "Every request waits until Redis has counted it", "log.metrics_nonblocking"),
    api("log-file-unbounded", "The log file never rotates", "log.rotation"),
    api("error-file-has-everything", "The error log file holds every line", "log.error_file"),
)
