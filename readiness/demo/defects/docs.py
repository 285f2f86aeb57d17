"""API documents that are open where they should not be, or say what is not so."""

from __future__ import annotations

from readiness.demo.defects._defect import Defect, api

__all__ = ["DEFECTS"]

DEFECTS: tuple[Defect, ...] = (
    api("docs-open-in-production", "The pages of the API's documents are open in production", "docs.off_in_production"),
    api(
        "openapi-open-in-production",
        "The pages are closed in production, the document is not",
        "docs.off_in_production",
    ),
    api("docs-closed-in-development", "Developers get no documents either", "docs.on_in_development", part="document"),
    api("operation-undescribed", "An operation has no description", "docs.openapi_complete", part="document"),
    api("operation-undocumented", "An operation is missing in the document", "docs.openapi_complete", part="document"),
    api(
        "documented-limit-wrong",
        "The document promises another rate limit",
        "docs.rate_limits_documented",
        part="document",
    ),
    api("api-info-leaks", "The API's description of itself holds the database's URL", "docs.api_info"),
)
