"""Errors that do not reach the tracker, or more than errors that does."""

from __future__ import annotations

from readiness.demo.defects._defect import Defect, api

__all__ = ["DEFECTS"]

DEFECTS: tuple[Defect, ...] = (
    api(
        "unhandled-not-sent", "Unforeseen errors are not sent to the tracker", "sentry.captures", part="tracker sending"
    ),
    api(
        "tracker-environment-missing",
        "Events do not tell the environment",
        "sentry.context",
        part="tracker tags",
    ),
    api("tracker-secrets-sent", "Events hold tokens and passwords", "sentry.scrubbed", part="tracker contents"),
    api("traces-all-sent", "Every request is traced, not a tenth", "sentry.sampling", part="tracker sampling"),
    api(
        "tracker-blocks-requests",
        "A failing request waits for the tracker",
        "sentry.outage_harmless",
        part="tracker sending",
    ),
)
