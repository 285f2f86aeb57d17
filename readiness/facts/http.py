"""What HTTP exchanges looked like, as seen from outside."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

__all__ = ["Exchange", "Responses", "StatusClass"]


class StatusClass(enum.StrEnum):
    """Why a request was sent: the kind of answer it was meant to provoke."""

    OK = "ok"
    UNAUTHORIZED = "unauthorized"
    NOT_FOUND = "not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    INVALID = "invalid"
    TOO_LARGE = "too_large"
    WRONG_TYPE = "wrong_type"
    TOO_MANY = "too_many"
    ERROR = "error"
    UNAVAILABLE = "unavailable"
    REDIRECT = "redirect"
    STATIC = "static"
    HTML = "html"
    PRIVATE = "private"
    PREFLIGHT = "preflight"
    PROBE = "probe"


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """One request and what came back.

    Attributes:
        entry: name of the entry it went through (``"proxy"``, ``"direct"``, …).
        purpose: what it was meant to provoke; ``status`` says what really came.
        url: the URL as the owner would write it (service name and container port, never the audit's ephemeral port).
        https: whether this exchange went over TLS.
        status: None where no HTTP answer came; ``error`` then says why.
        headers: raw (name, value) pairs in the order received, duplicates kept, at most 200 of at most 16 KiB.
        body: the first 64 KiB, decoded with replacement; ``body_bytes`` is what was read (bounded at 1 MiB).
        seconds: from sending to the end of the answer (or of the bound).
    """

    entry: str
    purpose: StatusClass
    method: str
    url: str
    https: bool = False
    status: int | None = None
    headers: tuple[tuple[str, str], ...] = ()
    request_headers: tuple[tuple[str, str], ...] = ()
    body: str = ""
    body_bytes: int = 0
    seconds: float = 0.0
    error: str | None = None

    def all(self, name: str) -> tuple[str, ...]:
        """Every value of a header, in order; names compare without case (RFC 9110, 5.1)."""
        return tuple(value for key, value in self.headers if key.lower() == name.lower())

    def first(self, name: str) -> str | None:
        """The first value of a header, or None."""
        values = self.all(name)
        return values[0] if values else None

    @property
    def is_html(self) -> bool:
        """Whether the answer is a document that a browser renders."""
        return (self.first("content-type") or "").split(";")[0].strip().lower() in {
            "text/html",
            "application/xhtml+xml",
        }

    @property
    def label(self) -> str:
        """``"GET http://web:8000/items (proxy): 401"``: how evidence names this exchange."""
        return f"{self.method} {self.url} ({self.entry}): {self.status if self.status is not None else self.error}"


@dataclass(frozen=True, kw_only=True)
class Responses:
    """The answers of the running stack, one or more per status class and entry.

    Attributes:
        exchanges: everything that was sent, answered or not.
        not_provoked: status class (with entry) -> why no such answer could be provoked, and what would help.
        repeated: answers to the same HTML request twice or more, in order (nonces must differ).
        unrefused: entry -> how many requests beyond a limit got no refusal there.
    """

    exchanges: tuple[Exchange, ...]
    not_provoked: dict[str, str]
    repeated: tuple[Exchange, ...] = ()
    unrefused: dict[str, int] = field(default_factory=dict)

    @property
    def answered(self) -> tuple[Exchange, ...]:
        """The exchanges that got an HTTP answer."""
        return tuple(e for e in self.exchanges if e.status is not None)
