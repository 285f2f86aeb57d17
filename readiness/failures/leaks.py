"""What an error answer tells that only helps an attacker. Searched where the answer was received, before it is masked."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from readiness.facts.errors import ErrorLeak
from readiness.facts.probe_body import leaks_in, mask

__all__ = ["Inside", "leaks_of"]

#: Of a body this much is searched; a debug page is long, and tells at its beginning.
MAX_CHARS = 64 * 1024
MAX_LEAKS = 20
#: A shorter value is a word that any message may hold.
MIN_VALUE_CHARS = 8
_AROUND = 60
#: Variables whose value says where or as whom the service runs; a model's name or a unit may well stand in a message.
_PLACE_NAME = re.compile(
    r"HOST|ADDR|URL|URI|DSN|ENDPOINT|SERVER|BROKER|PATH|DIR|FILE|USER|DATABASE|_DB\b|BUCKET|KEY|ACCOUNT"
)
#: What everybody is told anyway: the service's own address, how to be let in, and what may be sent.
_PUBLIC_NAME = re.compile(
    r"PUBLIC|BASE_URL|SITE|DOCS|ORIGIN|FRONTEND|CALLBACK|ISSUER|ROOT_PATH|BASE_PATH|VIRTUAL_HOST|LETSENCRYPT|ALLOWED_HOST"
    r"|SERVER_NAME|DOMAIN|LOGIN|LOGOUT|REDIRECT|HEADER|USER_AGENT|MIME|FILE_?TYPE|EXTENSION|MODEL"
)
#: Who holds the service's data, or answers behind it, is nobody's business, at whatever address.
_BEHIND_NAME = re.compile(
    r"DATABASE|DB|REDIS|CACHE|MONGO|ELASTIC|SEARCH|VECTOR|QDRANT|WEAVIATE|BROKER|QUEUE|AMQP|KAFKA|S3|MINIO|BUCKET|STORAGE"
    r"|INTERNAL|UPSTREAM|BACKEND|PROXY|DSN"
)
#: A name that only private networks know: one label, an address, or a suffix that no registry gives away (RFC 6762,
#: RFC 8375, ICANN's ``internal``, Kubernetes).
_PRIVATE_HOST = re.compile(r"[^.]*|[\d.]+|.*:.*|.*\.(?:local|localdomain|localhost|internal|lan|home\.arpa|svc|test)")
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
#: ``X-API-Key``: how a caller says who it is.
_HEADER_NAME = re.compile(r"X(?:-[A-Za-z0-9]+)+")

#: What languages, drivers and frameworks print, each with the name under which it is reported.
_CODE: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (kind, re.compile(pattern))
    for kind, pattern in (
        ("a Python traceback", r"Traceback \(most recent call last\)|File \\?\"[^\"\\]{1,300}\\?\", line \d+"),
        ("a Java stack trace", r"\bat [\w$.]{3,200}\([\w$]{1,100}\.java:\d+\)"),
        ("a Node.js stack trace", r"\bat (?:async )?(?:[^\n(]{1,200}\()?(?:/|file:|node:)[^\s:()]{1,300}:\d+:\d+"),
        ("a Go stack trace", r"goroutine \d+ \[\w"),
        ("a .NET stack trace", r"\bat [\w.`<>]{3,200}\([^)]{0,200}\) in [^\n]{1,300}:line \d+"),
        ("a Ruby or PHP stack trace", r"\.(?:rb|php):\d+:in\b|\bin /[^\s<>\"']{1,300}\.php on line \d+"),
        (
            "the name of an exception class",
            (
                r"\b(?:asyncpg|psycopg2?|sqlalchemy|pymysql|sqlite3|redis|pydantic(?:_core)?|starlette|django|java|javax|org\.\w+|System)"
                r"(?:\.\w+){1,8}(?:Error|Exception)\b"
                r"|\b(?:[A-Z][A-Za-z0-9]{2,60}(?:Error|Exception)|KeyError)(?:: |\()"
            ),
        ),
        (
            "SQL",
            (
                r"(?s)\bSELECT\b.{1,300}?\bFROM\s+[\"`\w]|\bINSERT\s+INTO\s+[\"`\w]|\bUPDATE\s+[\"`\w.]+\s+SET\s"
                r"|\bDELETE\s+FROM\s+[\"`\w]|\[SQL: |\bSQLSTATE\b|\bORA-\d{5}\b|\brelation \\?\"\w+\\?\" does not exist"
                r"|violates (?:unique|foreign key|not-null|check) constraint|You have an error in your SQL syntax"
            ),
        ),
        (
            "a framework's debug page",
            (
                r"Werkzeug Debugger|You're seeing this error because you have|Whoops! There was an error|Django Version:"
                r"|Python Version:|errors\.pydantic\.dev/\d+\.\d+"
            ),
        ),
        (
            "a version of the software",
            (
                r"\b(?:Python|CPython|Django|Flask|FastAPI|Starlette|Uvicorn|Gunicorn|Node\.js|Express|Spring Boot|Rails|Laravel"
                r"|PHP|PostgreSQL|MySQL|MariaDB|Redis)[ /]v?\d+\.\d+(?:\.\d+)?\b"
            ),
        ),
    )
)
#: Searched outside links: a browser is told where its scripts are.
_SOURCES: tuple[tuple[str, re.Pattern[str]], ...] = (
    (
        "a path of the source",
        re.compile(
            r"(?:/[\w.+-]{1,100}){1,20}/[\w.+-]{1,100}\.(?:py|rb|php|java|go|cs|[cm]?[jt]s)\b"
            r"|\b(?:site|dist)-packages/|\bnode_modules/"
        ),
    ),
)
#: What a page loads or leads to: addresses, attributes, and scripts, whose loaders list files too. A script without an
#: end goes on to the end of the text, as it does in a browser; nothing is looked at twice.
_LINKS = re.compile(
    r"(?is)<script\b.*?(?:</script|\Z)"
    r"|\b(?:src|srcset|href|action|formaction|poster|data-[\w-]{1,40})\s{0,3}=\s{0,3}\\?[\"']?[^\s\"'<>\\]{1,2000}"
    r"|\bhttps?://[^\s\"'<>\\]{1,2000}"
)
#: What drivers say about the place that they could not reach.
_PLACES: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (kind, re.compile(pattern))
    for kind, pattern in (
        (
            "an internal address",
            (
                r"\b(?:10(?:\.\d{1,3}){3}|127(?:\.\d{1,3}){3}|192\.168(?:\.\d{1,3}){2}|172\.(?:1[6-9]|2\d|3[01])(?:\.\d{1,3}){2})"
                r"(?::\d{2,5}\b|['\"]?\s*,\s*(?:port )?\d{2,5}\b|\)?,? port \d{2,5}\b)"
            ),
        ),
        (
            "an internal host",
            (
                r"connection to server at |could not translate host name |getaddrinfo (?:ENOTFOUND|EAI_AGAIN) \S"
                r"|\bECONNREFUSED \S|dial tcp[: ]\S|\b(?:Error \d+ )?connecting to [\w.-]{1,100}:\d{2,5}\b"
                r"|Connect call failed \(|HTTPConnectionPool\(host=|UnknownHostException"
            ),
        ),
    )
)
_NAME_OF_SERVICE = r"(?<![\w.-]){name}:\d{{2,5}}\b"


@dataclass(frozen=True, kw_only=True)
class Inside:
    """What is known of the stack's inside. Secret as a whole: it never becomes part of a fact.

    Attributes:
        secrets: ``NAME of SERVICE`` -> value, as the variables hold them.
        values: other variables' values that are too special to stand in an answer by chance.
        services: names under which the services find each other.
    """

    secrets: Mapping[str, str]
    values: Mapping[str, str]
    services: tuple[str, ...] = ()

    @classmethod
    def of(cls, environments: Mapping[str, Mapping[str, str]], secrets: Mapping[str, str]) -> Inside:
        """From the variables in force, service by service."""
        values: dict[str, str] = {}
        for service, environment in environments.items():
            for name, value in environment.items():
                is_special = len(value) >= MIN_VALUE_CHARS and not value.isalpha() and not _is_number(value)
                if (
                    is_special
                    and _is_place(name, value)
                    and value not in secrets.values()
                    and value not in values.values()
                ):
                    values[f"{name} of {service}"] = value
        return cls(secrets=secrets, values=values, services=tuple(environments))


def _is_place(name: str, value: str) -> bool:
    """Whether a variable says where or as whom the service runs, and not what its callers are told."""
    if _PLACE_NAME.search(name) is None or _PUBLIC_NAME.search(name) is not None:
        return False
    if _EMAIL.fullmatch(value) or _HEADER_NAME.fullmatch(value):
        return False
    if value.startswith("/") and name.endswith(("URL", "URI")):
        return False  # a path of the site, not of the disk
    return _BEHIND_NAME.search(name) is not None or not _is_public_address(value)


def _is_public_address(value: str) -> bool:
    """Whether it is an address of the web that anybody may know: no login in it, and no private name."""
    try:
        parts = urlsplit(value)
        host = parts.hostname or ""
    except ValueError:
        return False
    is_web = parts.scheme in {"http", "https"} and "@" not in parts.netloc
    return is_web and _PRIVATE_HOST.fullmatch(host) is None


def leaks_of(
    where: str, body: str, headers: Iterable[tuple[str, str]], *, sent: str, inside: Inside
) -> tuple[ErrorLeak, ...]:
    """Everything that one error answer gives away, each kind once, with the text around it masked.

    Args:
        where: names the answer in evidence.
        body: as received.
        headers: as received; searched for code and places like the body.
        sent: what the audit sent, address included: an echo of it tells nobody anything new.
        inside: what must not be told.
    """
    text = body[:MAX_CHARS]
    lines = "\n".join(f"{name}: {value}" for name, value in headers if name.lower() not in _ORDINARY_HEADERS)
    found: dict[str, ErrorLeak] = {}
    for kind, is_code, start, end, source in _matches(text, lines, sent, inside):
        if kind not in found and len(found) < MAX_LEAKS:
            around = source[max(0, start - _AROUND) : end + _AROUND]
            found[kind] = ErrorLeak(where=where, kind=kind, is_code=is_code, excerpt=_clean(around, inside)[:400])
    return tuple(found.values())


#: They hold addresses and figures of their own, and other families judge them.
_ORDINARY_HEADERS = frozenset(
    [
        "date",
        "server",
        "via",
        "location",
        "link",
        "sourcemap",
        "content-security-policy",
        "access-control-allow-origin",
        "set-cookie",
        "alt-svc",
    ]
)


def _matches(text: str, lines: str, sent: str, inside: Inside) -> Iterator[tuple[str, bool, int, int, str]]:
    for source in (text, lines):
        # Of the same length, so that places in one are places in the other.
        linkless = _LINKS.sub(lambda match: " " * len(match[0]), source)
        places = (*_PLACES, *_services(inside))
        for is_code, searched, patterns in ((True, source, _CODE), (True, linkless, _SOURCES), (False, source, places)):
            for kind, pattern in patterns:
                news = (match for match in pattern.finditer(searched) if match[0] not in sent)
                if match := next(news, None):
                    yield kind, is_code, match.start(), match.end(), source
        for name, value in inside.values.items():
            if value in source and value not in sent:
                at = source.index(value)
                yield f"the value of {name}", False, at, at + len(value), source
    for leak in leaks_in(text, inside.secrets):
        # Traces are among the code above; what remains are secrets and logins.
        if not leak.kind.endswith(("traceback", "trace")):
            yield leak.kind, False, 0, len(leak.excerpt), leak.excerpt


def _services(inside: Inside) -> Iterator[tuple[str, re.Pattern[str]]]:
    for service in inside.services:
        yield f"the internal address of {service}", re.compile(_NAME_OF_SERVICE.format(name=re.escape(service)))


def _clean(text: str, inside: Inside) -> str:
    for name, value in inside.values.items():
        text = text.replace(value, f"<{name}>")
    return mask(text, inside.secrets)


def _is_number(value: str) -> bool:
    return re.fullmatch(r"[\d.,:_+-]+", value) is not None
