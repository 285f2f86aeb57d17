"""Errors that tell too much, look like something else, leave no trace, or do more harm than one answer."""

from __future__ import annotations

from readiness.demo.defects._defect import Defect, api

__all__ = ["DEFECTS"]

DEFECTS: tuple[Defect, ...] = (
    api("trace-in-500", "The stack trace is in the answer", "errors.no_stack_trace", part="500"),
    api(
        "plain-500",
        "Unhandled exceptions are answered in plain text",
        "errors.structured_500",
        "errors.consistent_format",
        "errors.request_id_in_body",
        part="500",
    ),
    api("sql-in-503", "The failed query is in the answer", "errors.no_stack_trace", part="503"),
    api("host-in-503", "The database's address is in the answer", "errors.no_sensitive_info", part="503"),
    api(
        "outage-hangs",
        "Without its stores the shop answers after half a minute",
        "errors.dependency_down_clean",
        part="503",
    ),
    api(
        "outage-apology", "Without its stores the shop apologises with 200", "errors.dependency_down_clean", part="503"
    ),
    api("other-format-for-404", "404 has the framework's own format", "errors.consistent_format"),
    api(
        "id-missing-in-error-body",
        "Errors do not name the request in their body",
        "errors.request_id_in_body",
        part="500",
    ),
    api(
        "other-id-in-error-body",
        "Errors name another request in their body than in their header",
        "errors.request_id_in_body",
        part="500",
    ),
    api("errors-unlogged", "Unhandled errors are not logged", "errors.logged", part="error log"),
    api(
        "errors-logged-without-trace",
        "Unhandled errors are logged without their trace",
        "errors.logged",
        part="error log",
    ),
    api(
        "errors-end-the-process", "After some unhandled errors the process ends", "errors.survives", part="error route"
    ),
    api(
        "errors-leak-connections",
        "Every further unhandled error keeps a connection",
        "errors.survives",
        part="error route",
    ),
)
