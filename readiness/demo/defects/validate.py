"""Input that is taken in although it should be refused, refused although it is fine, or answered as our own fault."""

from __future__ import annotations

from readiness.demo.defects._defect import Defect, api

__all__ = ["DEFECTS"]

DEFECTS: tuple[Defect, ...] = (
    api(
        "body-limit-by-length-only",
        "Bodies without a Content-Length are not limited",
        "validate.max_body",
        part="body limit",
    ),
    api("body-limit-fixed", "MAX_BODY_BYTES changes nothing", "validate.max_body", part="body limit"),
    api("content-type-unchecked", "Whatever it says it is, a body is read as JSON", "validate.content_type"),
    api("batch-unlimited", "A batch may hold any number of texts", "validate.batch_32"),
    api("input-counts-bytes", "The limit of a text is counted in bytes", "validate.input_10000"),
    api("nul-in-text", "A NUL character reaches the database, which refuses it", "validate.bad_input_4xx"),
)
