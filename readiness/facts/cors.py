"""What pages of other origins are told: answers to cross-origin requests, reduced to what the CORS protocol reads."""

from __future__ import annotations

import enum
from dataclasses import dataclass

__all__ = ["KEPT_HEADERS", "CrossOrigin", "CrossOriginAnswer", "OriginKind", "OriginSettings"]

#: What browsers and caches read of an answer to a cross-origin request (Fetch standard, 3.3.3; RFC 9111, 4.1).
KEPT_HEADERS = frozenset(
    {
        "access-control-allow-credentials",
        "access-control-allow-headers",
        "access-control-allow-methods",
        "access-control-allow-origin",
        "access-control-max-age",
        "cache-control",
        "retry-after",
        "vary",
    }
)


class OriginKind(enum.StrEnum):
    """What an origin is to the service that is asked from it."""

    ALLOWED = "allowed"
    FOREIGN = "foreign"
    NULL = "null"  # sandboxed frames, data: URLs, local files
    SCHEME = "scheme"  # an allowed one over plain http
    PORT = "port"  # an allowed one on another port
    PREFIX = "prefix"  # another name that ends like an allowed one
    SUFFIX = "suffix"  # another name that begins like an allowed one
    SUBDOMAIN = "subdomain"  # below an allowed one
    DOT = "dot"  # what an unescaped dot in a pattern lets in
    LOCAL = "local"  # a developer's machine
    PLACEHOLDER = "placeholder"  # from a guide's example
    INVENTED = "invented"  # set by the audit in a variant
    FORMER = "former"  # allowed before that


@dataclass(frozen=True, kw_only=True)
class CrossOriginAnswer:
    """One request from a page of another origin, and what came back.

    Attributes:
        entry: name of the entry it went through.
        method, url: as sent, the URL as the owner would write it; a preflight's method is ``OPTIONS``.
        is_preflight: the browser's question before the request.
        has_cookie: a cookie came along, as from a page that asks with credentials.
        status: None where no answer came; ``error`` then says why.
        headers: (lower-case name, value) of :data:`KEPT_HEADERS`, in order, repetitions kept.
    """

    kind: OriginKind
    origin: str
    entry: str
    method: str
    url: str
    is_preflight: bool = False
    has_cookie: bool = False
    status: int | None = None
    headers: tuple[tuple[str, str], ...] = ()
    error: str | None = None

    @property
    def speaks_of_origins(self) -> bool:
        """Whether it says anything to pages of other origins, if only to some."""
        return any(name.startswith("access-control-") for name, _ in self.headers)

    def all(self, name: str) -> tuple[str, ...]:
        """Every value of a header, in order."""
        return tuple(value for key, value in self.headers if key == name.lower())

    @property
    def label(self) -> str:
        """``"GET https://web:443/items from null (proxy): 200"``: how evidence names it."""
        what = "preflight for" if self.is_preflight else self.method
        cookie = " with a cookie" if self.has_cookie else ""
        end = self.status if self.status is not None else self.error
        return f"{what} {self.url} from {self.origin}{cookie} ({self.entry}): {end}"


@dataclass(frozen=True, kw_only=True)
class OriginSettings:
    """Where the service's list of allowed origins is set.

    Attributes:
        origins: the list: declared, else found in the service's variables; empty where neither.
        effective: what the variable holds at present; empty where no variable is known.
        service, variable: where it is set; empty where not known.
        form: how the variable writes a list: ``comma``, ``space`` or ``json``.
        pattern: what stands for origins instead of being one; the list is then not known, and ``origins`` is empty.
    """

    origins: tuple[str, ...] = ()
    effective: tuple[str, ...] = ()
    service: str = ""
    variable: str = ""
    form: str = "comma"
    pattern: str = ""


@dataclass(frozen=True, kw_only=True)
class CrossOrigin:
    """Every cross-origin question to every entry.

    Attributes:
        answers: in the order asked.
        kept: answers to a static path, which caches keep; everybody may read such files, so only ``Vary`` is judged there.
        settings: where the allowed origins are set.
    """

    answers: tuple[CrossOriginAnswer, ...] = ()
    kept: tuple[CrossOriginAnswer, ...] = ()
    settings: OriginSettings = OriginSettings()

    def of(self, *kinds: OriginKind) -> tuple[CrossOriginAnswer, ...]:
        """The answers to origins of these kinds."""
        return tuple(answer for answer in self.answers if answer.kind in kinds)
