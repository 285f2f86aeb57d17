"""Asking as a page of another origin asks: preflight first, then the request itself, with and without a cookie."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING

from readiness.exceptions import StackError
from readiness.facts.cors import KEPT_HEADERS, CrossOriginAnswer, OriginKind
from readiness.facts.http import Exchange, StatusClass
from readiness.instruments.identity import PLAIN
from readiness.target import Request
from readiness.verdict import Inconclusive

if TYPE_CHECKING:
    from readiness.instruments.client import HttpClient
    from readiness.target import Entry, Target

__all__ = ["ask", "asked_request", "require_an_answer"]

#: Any cookie: some middlewares answer ``*`` to those without and the asking origin to those with one.
COOKIE = "readiness=1"
#: What a page has to ask permission for before it sends it (Fetch standard, 2.2.2: not safelisted).
_ASKED_FOR = ("authorization", "x-api-key")
MAX_VALUE_CHARS = 500


def asked_request(target: Target) -> Request:
    """A GET that the service answers: the ``ok`` path, else the private one, else the root, whatever it answers."""
    for request in (target.paths.ok, target.paths.private):
        if request is not None and request.method == "GET":
            return dataclasses.replace(request, expect=())
    return Request(path="/")


def require_an_answer(http: HttpClient, entry: Entry, request: Request, headers: Mapping[str, str]) -> None:
    """Stop where the request is a guess, and nothing is there.

    A framework answers unknown paths outside the layer that knows the allowed origins, or limits that layer to the API.

    Raises:
        Inconclusive: it answers 404 or 410.
    """
    answer = _send(http, entry, request, headers)
    if answer.status in {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}:
        raise Inconclusive(
            f"{answer.label}: there is nothing that pages could read, and no other path is known",
            supply="paths:\n  ok: /a/path/answering/200",
            undeclared="paths.ok",
        )


def ask(
    http: HttpClient,
    entries: Iterable[Entry],
    request: Request,
    origins: Iterable[tuple[OriginKind, str]],
    *,
    headers: Mapping[str, str],
    with_cookie: frozenset[OriginKind] = frozenset(),
) -> Iterator[CrossOriginAnswer]:
    """Ask every entry from every origin.

    Args:
        http: asks the stack.
        entries: where.
        request: what for.
        origins: from where, each with what it is.
        headers: that identify a user, sent with the request itself and never with a preflight (Fetch standard, 4.8).
        with_cookie: kinds of origins from which the request is sent once more with a cookie.
    """
    asked_for = sorted(name.lower() for name in headers if name.lower() in _ASKED_FOR)
    questions = {"Access-Control-Request-Method": request.method}
    if asked_for:
        questions["Access-Control-Request-Headers"] = ",".join(asked_for)
    preflight = Request(method="OPTIONS", path=request.path, service=request.service, port=request.port)
    pairs = list(dict.fromkeys(origins))
    for entry in entries:
        for kind, origin in pairs:
            answer = _send(http, entry, preflight, {"Origin": origin, **questions})
            yield _reduced(kind, origin, answer, is_preflight=True)
            answer = _send(http, entry, request, {"Origin": origin, **headers})
            yield _reduced(kind, origin, answer)
            # A user who is known by a cookie already came with one.
            if kind in with_cookie and not any(name.lower() == "cookie" for name in headers):
                answer = _send(http, entry, request, {"Origin": origin, **headers, "Cookie": COOKIE})
                yield _reduced(kind, origin, answer, has_cookie=True)


def _send(http: HttpClient, entry: Entry, request: Request, headers: Mapping[str, str]) -> Exchange:
    try:
        return http.send(entry, request, purpose=StatusClass.PREFLIGHT, headers={**PLAIN, **headers})
    except StackError as error:
        url = f"{entry.service}:{entry.port}{entry.base}{request.path}"
        return Exchange(
            entry=entry.name,
            purpose=StatusClass.PREFLIGHT,
            method=request.method,
            url=url,
            https=entry.https,
            error=str(error)[:500],
        )


def _reduced(
    kind: OriginKind, origin: str, exchange: Exchange, *, is_preflight: bool = False, has_cookie: bool = False
) -> CrossOriginAnswer:
    return CrossOriginAnswer(
        kind=kind,
        origin=origin,
        entry=exchange.entry,
        method=exchange.method,
        url=exchange.url,
        is_preflight=is_preflight,
        has_cookie=has_cookie,
        status=exchange.status,
        headers=tuple(
            (name.lower(), value[:MAX_VALUE_CHARS]) for name, value in exchange.headers if name.lower() in KEPT_HEADERS
        ),
        error=exchange.error,
    )
