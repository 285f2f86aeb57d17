"""Complete a declaration from what the running stack answers to a few dozen GET requests.

A path is believed only where its answer differs from the answer to a nonsense path beside it: many stacks answer 200
to everything, and a page is not a probe. Nothing but GET is sent.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from collections.abc import Callable, Iterator
from http import HTTPStatus

from readiness.discovery.openapi import DOCUMENT_PATHS, Document, Operation, document_of, read_document
from readiness.discovery.probe_paths import USUAL_PATHS, kind_of, looks_like_probe
from readiness.discovery.services import http_ports
from readiness.facts.http import Exchange
from readiness.facts.model import StackModel
from readiness.target import Discovery, Entry, Paths, Probe, ProbeKind, Request, Target

__all__ = ["MAX_REQUESTS", "Ask", "complete_online"]

#: A discovery is a courtesy call: it must neither take long nor use up a rate limit.
MAX_REQUESTS = 60
#: An entry that leaves this many requests in a row without an answer is left alone; each may cost a whole timeout.
MAX_SILENT = 2
#: Tries per kind of path, so that one of them cannot use up the others' share.
MAX_TRIES = 6
MAX_SIDE_PORTS = 2
#: A probe answers a word or a small report.
MAX_PROBE_BODY_BYTES = 64 * 1024
NOT_FOUND, NOT_TAKEN = "not found", "not taken"

#: Asks one entry one request. Never raises: silence is an exchange without a status.
Ask = Callable[[Entry, Request], Exchange]

#: GET ought to be safe; these names say that it may not be, or that the answer never ends.
_UNSAFE = re.compile(
    r"log_?out|sign_?out|delete|remove|reset|revoke|unsubscribe|export|download|stream|sse|events|websocket|/ws|callback|"
    r"authorize|oauth|metrics|debug|shutdown|restart|trigger|/run|send|sync",
    re.IGNORECASE,
)
_ASSET = re.compile(r"""(?:src|href)=["']?(/(?!/)[^"'\s>?#]+\.(?:css|js|mjs|svg|png|ico|woff2))""", re.IGNORECASE)
_USUAL_PROTECTED = ("/me", "/users/me", "/api/me", "/api/users/me", "/api/v1/users/me", "/auth/me")
_USUAL_POST_ONLY = ("/login", "/auth/login", "/api/login", "/api/auth/login", "/api/v1/auth/login", "/token")
_USUAL_STATIC = ("/favicon.ico", "/robots.txt")
_DENIED = (401, 403)
_REDIRECTS = (301, 302, 303, 307, 308)


def complete_online(target: Target, ask: Ask, *, model: StackModel | None = None) -> Target:
    """Fill in probes and paths that the owner left out.

    Args:
        target: after :func:`~readiness.discovery.offline.complete_offline`.
        ask: sends one request; asked at most :data:`MAX_REQUESTS` times, with GET only, and not after a 429.
        model: the stack; with it, probes are also looked for on the service's other ports.
    """
    if not target.entries:
        return target
    return _Completion(target, ask, model).complete()


class _Completion:
    """One run of the questions; what is found accumulates here."""

    def __init__(self, target: Target, ask: Ask, model: StackModel | None) -> None:
        self._target, self._ask, self._model = target, ask, model
        self._rows: list[Discovery] = []
        self._asked: dict[tuple[str, int, str, str], Exchange] = {}
        self._silent: dict[tuple[str, int], int] = {}
        self._is_stopped = False

    def complete(self) -> Target:
        main = next((entry for entry in self._target.entries if self._answers(entry)), None)
        if main is None:
            names = ", ".join(entry.name for entry in self._target.entries)
            self._row("paths", NOT_FOUND, f"no answer from {names}")
            return dataclasses.replace(self._target, discovered=(*self._target.discovered, *self._rows))
        document = document_of(self._target.openapi) or self._document(main)
        probes = self._probes(main, document)
        paths = self._paths(main, document)
        openapi = self._target.openapi or (document.data if document is not None else None)
        return dataclasses.replace(
            self._target,
            probes=probes,
            paths=paths,
            openapi=openapi,
            discovered=(*self._target.discovered, *self._rows),
        )

    def _row(self, key: str, value: str, reason: str) -> None:
        self._rows.append(Discovery(key=key, value=value, reason=reason))

    def _get(self, entry: Entry, path: str) -> Exchange | None:
        """The answer, or None: no HTTP answer, or no more requests may be sent. A question is sent once."""
        key = (entry.service, entry.port, entry.base, path)
        if key in self._asked:
            return self._asked[key] if self._asked[key].status is not None else None
        place = (entry.service, entry.port)
        if self._is_stopped or len(self._asked) >= MAX_REQUESTS or self._silent.get(place, 0) >= MAX_SILENT:
            return None
        exchange = self._ask(entry, Request(path=path))
        self._asked[key] = exchange
        self._silent[place] = 0 if exchange.status is not None else self._silent.get(place, 0) + 1
        if exchange.status == HTTPStatus.TOO_MANY_REQUESTS:  # the next answers would be about the limiter
            self._is_stopped = True
            self._row(
                "discovery",
                "stopped",
                f"{exchange.label}: the rate limit was reached after {len(self._asked)} requests",
            )
            return None
        return exchange if exchange.status is not None else None

    def _nonsense(self, entry: Entry, beside: str) -> Exchange | None:
        """The answer to a path that nobody can have, in the same folder as ``beside``."""
        return self._get(entry, self._nonsense_path(beside))

    def _nonsense_path(self, beside: str) -> str:
        folder = beside.partition("?")[0].rstrip("/").rpartition("/")[0]
        token = hashlib.sha256(f"{self._target.name}{folder}".encode()).hexdigest()[:12]
        return f"{folder}/readiness-{token}"

    def _answers(self, entry: Entry) -> bool:
        return self._nonsense(entry, "/") is not None

    def _get_distinct(self, entry: Entry, path: str) -> Exchange | None:
        """The answer where it differs from what a nonsense path beside it gets."""
        exchange = self._get(entry, path)
        if exchange is None or exchange.status == 404:  # noqa: PLR2004  # Not Found needs no comparison
            return None
        nonsense = self._nonsense(entry, path)
        return None if nonsense is not None and _is_same_answer(exchange, nonsense) else exchange

    def _document(self, main: Entry) -> Document | None:
        """An OpenAPI document, asked of the first entry, then of the service itself, with and without the base."""
        places = [main]
        if main.base:
            places.append(dataclasses.replace(main, base=""))
        places += [e for e in self._target.entries if e.service == self._target.service and e != main][:1]
        for entry in places:
            for path in DOCUMENT_PATHS:
                exchange = self._get(entry, path)
                document = None if exchange is None or not _is_success(exchange) else read_document(exchange.body)
                if document is not None:
                    partly = "; the document is longer than was read" if document.is_partial else ""
                    count = f"OpenAPI {document.version} with {len(document.operations)} operations{partly}"
                    self._row("openapi", f"{path} via {entry.name}", count)
                    return document
        return None

    def _probes(self, main: Entry, document: Document | None) -> dict[ProbeKind, Probe]:
        """Probes of the service itself where it can be asked without the proxy, else through the first entry.

        A probe that names its service and port is asked there without the entry's base.
        """
        probes = self._checked_hints(main)
        own = (dataclasses.replace(e, base="") for e in self._target.entries if e.service == self._target.service)
        direct = next((entry for entry in own if self._answers(entry)), None)
        documented = [op.path for op in document.plain_gets() if looks_like_probe(op.path)] if document else []
        for path in dict.fromkeys([*documented[:MAX_TRIES], *USUAL_PATHS]):
            self._try_probe(direct or main, path, probes, is_direct=direct is not None)
        for entry in self._side_entries():
            for path in USUAL_PATHS:
                self._try_probe(entry, path, probes, is_direct=True)
        return probes

    def _is_settled(self, key: str, value: object) -> bool:
        family = key.partition(".")[0]
        return bool(value) or key in self._target.declined or family in self._target.declined

    def _try_probe(self, entry: Entry, path: str, probes: dict[ProbeKind, Probe], *, is_direct: bool) -> None:
        kind, meaning = kind_of(path)
        own = _without_base(path, entry)
        if self._is_settled(f"probes.{kind}", kind in probes) or path in {p.path for p in probes.values()}:
            return
        exchange = self._get_distinct(entry, own)
        if exchange is None:
            return
        if exchange.status in _DENIED and "health" in path:
            self._row(f"probes.{kind}", NOT_TAKEN, f"{exchange.label}: it asks for credentials")
        elif _is_probe_answer(exchange):
            status = exchange.status or 0
            probes[kind] = Probe(
                kind=kind,
                path=own,
                service=entry.service if is_direct else None,
                port=entry.port if is_direct else None,
                expect=(status,) if _is_success(exchange) else (200,),
            )
            self._row(f"probes.{kind}", f"{own} on {entry.service}:{entry.port}", f"it answered {status}; {meaning}")

    def _checked_hints(self, main: Entry) -> dict[ProbeKind, Probe]:
        """What the container's health check named, unless every other path answers alike."""
        probes = dict(self._target.probes)
        guessed = {row.key for row in self._target.discovered}
        for kind in [kind for kind in probes if f"probes.{kind}" in guessed]:
            probe = probes[kind]
            entry = main
            if probe.service is not None and probe.port is not None:
                entry = self._entry_at(probe.service, probe.port)
            exchange = self._get(entry, probe.path)
            nonsense = None if exchange is None else self._nonsense(entry, probe.path)
            if exchange is None or not _is_success(exchange):
                continue  # an answer that is no yes is for the checks to judge
            if nonsense is not None and _is_same_answer(exchange, nonsense):
                del probes[kind]
                self._row(f"probes.{kind}", NOT_TAKEN, f"{exchange.label}, and so does a path that does not exist")
            elif exchange.status not in probe.expect:
                probes[kind] = dataclasses.replace(probe, expect=(exchange.status or 0,))
                self._row(f"probes.{kind}.expect", str(exchange.status), f"{exchange.label} on a stack that is up")
        return probes

    def _entry_at(self, service: str, port: int) -> Entry:
        known = (entry for entry in self._target.entries if (entry.service, entry.port) == (service, port))
        found = next(known, None)
        return dataclasses.replace(found, base="") if found else Entry(name=f"port {port}", service=service, port=port)

    def _side_entries(self) -> Iterator[Entry]:
        """The service's other ports: management and metrics servers carry probes too."""
        service = self._model.services.get(self._target.service or "") if self._model else None
        used = {(entry.service, entry.port) for entry in self._target.entries}
        ports = [port for port in http_ports(service) if (service.name, port) not in used] if service else []
        for port in ports[:MAX_SIDE_PORTS]:
            entry = self._entry_at(service.name if service else "", port)
            if self._answers(entry):
                yield entry

    def _paths(self, main: Entry, document: Document | None) -> Paths:
        finders: dict[str, Callable[[], tuple[Request, str] | None]] = {
            "not_found": lambda: self._not_found(main),
            "ok": lambda: self._ok(main, document),
            "unauthorized": lambda: self._unauthorized(main, document),
            "invalid": lambda: self._invalid(main, document),
            "method_not_allowed": lambda: self._method_not_allowed(main, document),
            "html": lambda: self._html(main),
            "static": lambda: self._static(main),
            "redirect": lambda: self._redirect(main, document),
        }
        found: dict[str, Request] = {}
        for name, find in finders.items():
            if self._is_settled(f"paths.{name}", getattr(self._target.paths, name)):
                continue
            answer = find()
            if answer is not None:
                found[name] = answer[0]
                self._row(f"paths.{name}", f"GET {answer[0].path}", answer[1])
        return dataclasses.replace(self._target.paths, **found)

    def _not_found(self, main: Entry) -> tuple[Request, str] | None:
        """A path that answers 404; below ``/api`` where a single-page application takes every other path."""
        seen = []
        for beside in ("/x", "/api/x"):
            exchange = self._nonsense(main, beside)
            if exchange is None:
                continue
            if exchange.status == 404:  # noqa: PLR2004  # Not Found
                return _request(self._nonsense_path(beside), exchange), "a path that nobody has answers 404"
            seen.append(exchange)
        if seen:
            where = seen[0].first("location") if seen[0].status in _REDIRECTS else None
            redirected = f", to {where[:200]}" if where else ""
            self._row(
                "paths.not_found", NOT_FOUND, f"{seen[0].label}{redirected}: a path that nobody has does not answer 404"
            )
        return None

    def _ok(self, main: Entry, document: Document | None) -> tuple[Request, str] | None:
        safe = [op for op in document.plain_gets() if _is_ordinary(op.path)] if document else []
        for operation in sorted(safe, key=lambda op: op.is_protected)[:MAX_TRIES]:
            path = _without_base(operation.path, main)
            exchange = self._get_distinct(main, path)
            if exchange is not None and _is_success(exchange) and _is_json(exchange):
                return _request(path, exchange), f"from the OpenAPI document; it answered {exchange.status} with JSON"
        exchange = self._get(main, "/")
        if exchange is not None and _is_success(exchange):
            kind = "JSON" if _is_json(exchange) else "a page" if exchange.is_html else "text"
            return _request("/", exchange), f"the root answered {exchange.status} with {kind}"
        return None

    def _unauthorized(self, main: Entry, document: Document | None) -> tuple[Request, str] | None:
        protected = (
            [op.path for op in document.plain_gets() if op.is_protected and _is_ordinary(op.path)] if document else []
        )
        candidates = [*protected[:MAX_TRIES], "/"] if protected else ["/", *_USUAL_PROTECTED]
        candidates = [_without_base(path, main) for path in candidates]
        source = "documented as protected" if protected else "a usual path"
        for path in candidates:
            exchange = self._get(main, path)
            if exchange is not None and exchange.status in _DENIED:
                return _request(path, exchange), f"{source}; it answered {exchange.status} without credentials"
        return None

    def _invalid(self, main: Entry, document: Document | None) -> tuple[Request, str] | None:
        """A documented number that gets a word instead."""
        for operation in document.operations if document else ():
            if operation.method != "GET" or operation.is_protected or not _is_ordinary(operation.path):
                continue
            path = _without_base(_with_a_word(operation), main)
            exchange = self._get(main, path) if path else None
            if exchange is not None and exchange.status in {400, 422}:
                return _request(path, exchange), f"a word where a number is documented; it answered {exchange.status}"
            tried = [key for key in self._asked if _WORD in key[3]]
            if len(tried) >= MAX_TRIES:
                break
        return None

    def _method_not_allowed(self, main: Entry, document: Document | None) -> tuple[Request, str] | None:
        """A path that is there for other methods: asked with GET, it must refuse."""
        posts = (
            [op.path for op in document.operations if op.method == "POST" and "{" not in op.path] if document else []
        )
        documented = [path for path in dict.fromkeys(posts) if document and "GET" not in document.methods_of(path)]
        source = "documented without GET" if documented else "a usual path"
        for path in [_without_base(path, main) for path in (documented or _USUAL_POST_ONLY)][:MAX_TRIES]:
            exchange = None if _UNSAFE.search(path) else self._get(main, path)
            if exchange is not None and exchange.status == 405:  # noqa: PLR2004  # Method Not Allowed
                return _request(path, exchange), f"{source}; it answered 405"
        return None

    def _html(self, main: Entry) -> tuple[Request, str] | None:
        exchange = self._get(main, "/")
        if exchange is not None and _is_success(exchange) and exchange.is_html:
            return _request("/", exchange), "the root is a page"
        return None

    def _static(self, main: Entry) -> tuple[Request, str] | None:
        page = self._get(main, "/")
        linked = _ASSET.findall(page.body) if page is not None and page.is_html else []
        linked = [_without_base(path, main) for path in dict.fromkeys(linked)][:3]
        for path in [*linked, *_USUAL_STATIC]:
            exchange = self._get_distinct(main, path)
            if exchange is not None and _is_success(exchange) and not exchange.is_html:
                source = "linked from the page" if path in linked else "a usual path"
                return _request(path, exchange), f"{source}; it answered {exchange.status}"
        return None

    def _redirect(self, main: Entry, document: Document | None) -> tuple[Request, str] | None:
        """The root, else a documented path with a slash too many, which routers of the field redirect."""
        ordinary = [op.path for op in document.plain_gets() if _is_ordinary(op.path)] if document else []
        slashed = [path.rstrip("/") if path.endswith("/") else f"{path}/" for path in ordinary if path != "/"]
        for path in ["/", *[_without_base(path, main) for path in slashed[:2]]]:
            exchange = self._get(main, path)
            if exchange is not None and exchange.status in _REDIRECTS and exchange.first("location"):
                return _request(path, exchange), f"it answered {exchange.status}"
        return None


#: What no path or number of anybody's is called.
_WORD = "readiness-audit-word"


def _with_a_word(operation: Operation) -> str:
    """The operation with a word in place of its only number; empty where it has no such place."""
    if operation.is_plain and operation.integers:
        return f"{operation.path}?{operation.integers[0]}={_WORD}"
    if not operation.needs and operation.path.count("{") == 1:
        return re.sub(r"\{[^{}]*\}", _WORD, operation.path)
    return ""


def _request(path: str, exchange: Exchange) -> Request:
    """The request that got this answer, expecting it again."""
    return Request(path=path, expect=(exchange.status or 0,))


def _without_base(path: str, entry: Entry) -> str:
    """A path of the document as it is asked through an entry, which puts its base before it."""
    return path.removeprefix(entry.base) if entry.base and path.startswith(f"{entry.base}/") else path


def _is_ordinary(path: str) -> bool:
    """Neither a probe nor anything that sounds as if asking had consequences."""
    return not looks_like_probe(path) and not _UNSAFE.search(path)


def _is_success(exchange: Exchange) -> bool:
    return exchange.status is not None and 200 <= exchange.status < 300  # noqa: PLR2004  # the 2xx class


def _is_json(exchange: Exchange) -> bool:
    return "json" in (exchange.first("content-type") or "").lower() and exchange.body.lstrip()[:1] in {"{", "["}


def _is_probe_answer(exchange: Exchange) -> bool:
    """A yes, or a no that describes itself (503 with JSON: loading, or a dependency is away); never a page."""
    if exchange.is_html or exchange.body_bytes > MAX_PROBE_BODY_BYTES:
        return False
    is_no = exchange.status == 503 and _is_json(exchange)  # noqa: PLR2004  # Service Unavailable
    return _is_success(exchange) or is_no


def _is_same_answer(one: Exchange, other: Exchange) -> bool:
    """Whether two answers tell nothing that the other does not: same status, and the same page, keys or text."""
    if one.status != other.status:
        return False
    if one.is_html and other.is_html:
        return True  # the shell of a single-page application, apart from nonces
    if _is_json(one) and _is_json(other):
        return _shape(one.body) == _shape(other.body)
    return _kind(one) == _kind(other) and _neutral(one) == _neutral(other)


def _kind(exchange: Exchange) -> str:
    return (exchange.first("content-type") or "").partition(";")[0].strip().lower()


def _neutral(exchange: Exchange) -> str:
    """The body without the path that it may repeat."""
    path = "/" + exchange.url.partition("://")[2].partition("/")[2]
    return exchange.body.replace(path, "").replace(path.rsplit("/", 1)[-1] or "/", "").strip()


def _shape(body: str) -> str | frozenset[str]:
    """The keys of a JSON object; for anything else its text."""
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        return body
    return frozenset(str(key) for key in data) if isinstance(data, dict) else body
