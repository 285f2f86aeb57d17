"""What the same stack does outside production, as far as pages of other origins and API documents are concerned."""

from __future__ import annotations

from dataclasses import dataclass

from readiness.facts.cors import CrossOriginAnswer
from readiness.facts.docs import DocumentAnswer, OpenApi

__all__ = ["Development"]


@dataclass(frozen=True, kw_only=True)
class Development:
    """One look at the development variant.

    Attributes:
        reason: why there was no such variant to look at; the rest is then what is known without it.
        cross_origin: what unlisted origins are told.
        documents: what is shown of the API.
        openapi: the document that is served, else the declared one.
    """

    reason: str = ""
    cross_origin: tuple[CrossOriginAnswer, ...] = ()
    documents: tuple[DocumentAnswer, ...] = ()
    openapi: OpenApi | None = None
