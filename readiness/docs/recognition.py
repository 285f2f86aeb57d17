"""Which answers show an API: by what they hold, because paths and statuses lie. Pure."""

from __future__ import annotations

import re

from readiness.facts.docs import DocumentKind

__all__ = [
    "PLACES",
    "UNKNOWN",
    "asks_for_password",
    "is_scriptless",
    "kind_of",
    "page_proof",
    "variants_of",
    "yaml_proof",
]

#: Where frameworks show their documents unless told otherwise: FastAPI, NestJS, springdoc, ASP.NET, Django, Fastify.
PLACES = (
    "/docs",
    "/redoc",
    "/openapi.json",
    "/openapi.yaml",
    "/swagger",
    "/swagger-ui/index.html",
    "/swagger.json",
    "/v3/api-docs",
    "/api/docs",
    "/api/openapi.json",
    "/api-docs",
    "/documentation",
)
#: Nobody's path: what it answers is no document of anything.
UNKNOWN = "/readiness-no-such-document"

#: What the pages cannot do without: the names of the elements and functions of each viewer.
_PAGES = re.compile(
    r"SwaggerUIBundle|swagger-ui(?:-bundle|-init|\.css|\.min)|<div id=\"swagger-ui\"|<redoc[ >]|Redoc\.init|redoc\.standalone|"
    # Of a script alone: as a heading's anchor "api-reference" is in any manual.
    r"<rapi-doc|@scalar/api-reference|<script[^>]{0,200}id=\"api-reference\"|<elements-api|graphiql(?:\.min)?\.js",
    re.IGNORECASE,
)
_YAML = re.compile(r"^(?:openapi|swagger):\s*['\"]?[23]\.\d", re.MULTILINE)
_YAML_PATHS = re.compile(r"^paths:\s*$", re.MULTILINE)
_PASSWORD_FIELD = re.compile(r"<input[^>]{0,500}type=[\"']?password", re.IGNORECASE)
_DIRECTIVE = re.compile(r"\s*([a-z-]+)\s*([^;]*)", re.IGNORECASE)


def variants_of(path: str) -> tuple[str, ...]:
    """The same place as other servers and file systems know it: with a slash at the end, in other case."""
    last = path.rsplit("/", 1)[-1]
    return tuple(dict.fromkeys((path, f"{path}/", path[: len(path) - len(last)] + last.capitalize(), path.upper())))


def page_proof(body: str) -> str:
    """The words by which a page shows an API, or nothing."""
    found = _PAGES.search(body)
    return found[0] if found else ""


def asks_for_password(body: str) -> bool:
    """Whether a page is a form to log in, to which many servers redirect who may not see what was asked for."""
    return _PASSWORD_FIELD.search(body) is not None


def yaml_proof(body: str) -> str:
    """The words by which a YAML text is an OpenAPI document, or nothing: a version *and* paths."""
    found = _YAML.search(body)
    return found[0] if found and _YAML_PATHS.search(body) else ""


def is_scriptless(policies: tuple[str, ...]) -> bool:
    """Whether one of the content security policies runs no script from anywhere (CSP level 3, 6.1.10)."""
    return any(_scripts(policy) == "'none'" for line in policies for policy in line.split(","))


def _scripts(policy: str) -> str:
    directives = {
        match[1].lower(): match[2].strip().lower() for match in map(_DIRECTIVE.match, policy.split(";")) if match
    }
    for name in ("script-src-elem", "script-src", "default-src"):
        if name in directives:
            return directives[name] or "'none'"
    return ""


def kind_of(*, page: str, document: str) -> DocumentKind:
    """What the proofs add up to; a document wins, because it tells more."""
    if document:
        return DocumentKind.DOCUMENT
    return DocumentKind.PAGE if page else DocumentKind.NONE
