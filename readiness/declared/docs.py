"""The ``docs`` section: where the API is described, and for whom."""

from __future__ import annotations

from dataclasses import dataclass

from readiness.target import Target

__all__ = ["Docs", "docs_of"]


@dataclass(frozen=True, kw_only=True)
class Docs:
    """Where the API is described.

    Attributes:
        pages: paths of pages that show the document.
        document: path of the OpenAPI document; empty where not declared.
        info: path of the service's short description of itself; empty where not declared.
        is_public: the documents are open in production by intention.
    """

    pages: tuple[str, ...] = ()
    document: str = ""
    info: str = ""
    is_public: bool = False


def docs_of(target: Target) -> Docs:
    """The section, or what it says when it says nothing."""
    raw = target.extra.get("docs") or {}
    return Docs(
        pages=tuple(raw.get("pages") or ()),
        document=raw.get("document", ""),
        info=raw.get("info", ""),
        is_public=raw.get("production") == "open",
    )
