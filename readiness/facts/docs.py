"""What the service says about its own API: pages and documents, and the short description of itself."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import Any

__all__ = ["ApiDocuments", "ApiInfo", "DocumentAnswer", "DocumentKind", "OpenApi"]


class DocumentKind(enum.StrEnum):
    """What an answer turned out to be."""

    PAGE = "page"  # a page that shows the document: Swagger UI, ReDoc and the like
    DOCUMENT = "document"  # the OpenAPI document itself
    NONE = "none"  # neither


@dataclass(frozen=True, kw_only=True)
class DocumentAnswer:
    """One path at which services show their API, and what came back to somebody who is not logged in.

    Attributes:
        entry: name of the entry it went through.
        path: as asked, below the entry's base; the whole path where the question passed the base by.
        url: as the owner would write it.
        kind: by the content, never by path or status.
        proof: the words in the answer that say so.
        is_as_user: asked as a user, and therefore not proof of what everybody gets.
        is_scriptless: the answer's policy runs no script at all, so the page stays empty in a browser.
        wants_login: who asked is told to log in first, by the status or by a page that asks for a password.
    """

    entry: str
    path: str
    url: str
    status: int | None = None
    kind: DocumentKind = DocumentKind.NONE
    proof: str = ""
    is_as_user: bool = False
    is_scriptless: bool = False
    wants_login: bool = False
    error: str | None = None

    @property
    def is_shown(self) -> bool:
        """Whether anything of the API is told."""
        return self.kind is not DocumentKind.NONE

    @property
    def label(self) -> str:
        """``"GET https://web:443/docs (proxy): 200"``: how evidence names it."""
        return f"GET {self.url} ({self.entry}): {self.status if self.status is not None else self.error}"


@dataclass(frozen=True, kw_only=True)
class ApiInfo:
    """The service's short description of itself, as one entry gives it.

    Attributes:
        data: the JSON body, None where it is none; secrets are masked.
        leaks: names of variables whose secret value the body holds.
        is_anything: a made-up path is answered alike, so nothing says that this is a description.
    """

    entry: str
    path: str
    url: str
    status: int | None = None
    data: Any = None
    leaks: tuple[str, ...] = ()
    is_anything: bool = False
    error: str | None = None

    @property
    def label(self) -> str:
        """How evidence names it."""
        return f"GET {self.url} ({self.entry}): {self.status if self.status is not None else self.error}"


@dataclass(frozen=True, kw_only=True)
class OpenApi:
    """An OpenAPI document, and what a validator says of it.

    Attributes:
        source: where it came from, for evidence.
        data: the document.
        problems: what is invalid in it, at most a few; empty where it is valid.
        not_validated: why nothing is known of its validity.
    """

    source: str
    data: dict[str, Any] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    not_validated: str = ""


@dataclass(frozen=True, kw_only=True)
class ApiDocuments:
    """What the running stack shows of its API.

    Attributes:
        answers: every usual and declared place, through every entry.
        info: the description of itself, through every entry.
        services: names of the stack's services, which are nobody else's business.
    """

    answers: tuple[DocumentAnswer, ...] = ()
    info: tuple[ApiInfo, ...] = ()
    services: tuple[str, ...] = ()
