"""Request ids that are missing, shared, forged or lost on the way."""

from __future__ import annotations

from readiness.demo.defects._defect import Defect, api

__all__ = ["DEFECTS"]

ID = "request id"

DEFECTS: tuple[Defect, ...] = (
    api(
        "id-missing-on-errors",
        "Error answers carry no request id",
        "reqid.on_errors",
        "errors.request_id_in_body",
        part=ID,
    ),
    api("id-constant", "Every request has the same id", "reqid.header", "reqid.in_logs", part=ID),
    api("id-inbound-unchecked", "Whatever the caller sends becomes the request id", "reqid.inbound_safe", part=ID),
    api(
        "id-not-in-logs",
        "Log lines carry no request id",
        "reqid.in_logs",
        "errors.logged",
        part="request id in the log",
    ),
    api(
        "id-of-another-request",
        "A line carries the id of the latest request, not of its own",
        "reqid.in_logs",
        part="request id in the log",
    ),
    api("id-not-passed-to-worker", "Jobs do not carry the id of their request", "reqid.cross_service"),
)
