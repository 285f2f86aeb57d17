"""Asking for API documents: as a user first, which costs nobody's shared limit, then as nobody where something is shown."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from readiness.discovery.openapi import read_document
from readiness.docs.recognition import UNKNOWN, asks_for_password, is_scriptless, kind_of, page_proof, yaml_proof
from readiness.exceptions import StackError
from readiness.facts.docs import DocumentAnswer
from readiness.facts.http import Exchange, StatusClass
from readiness.instruments.client import MAX_BODY_BYTES
from readiness.instruments.identity import PLAIN
from readiness.target import Request

if TYPE_CHECKING:
    from typing import Any

    from readiness.instruments.client import HttpClient
    from readiness.target import Entry

__all__ = ["fetch_document", "look_as_developer", "look_for_documents"]

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_LOGIN_WANTED = frozenset({401, 403})
#: Pages that name a document are small; of a document the beginning decides.
KEPT_BYTES = 256 * 1024


def look_for_documents(
    http: HttpClient, entries: Iterable[Entry], paths: Iterable[str], *, headers: Mapping[str, str]
) -> Iterator[DocumentAnswer]:
    """What every entry shows at these paths to somebody who is not logged in, below its base and beside it.

    Args:
        http: asks the stack.
        entries: where.
        paths: what for; each at most once, one redirect within the entry is followed.
        headers: of a user, who asks first: where a user is shown nothing, nobody is.
    """
    for entry, wanted in _with_and_without_base(entries, list(dict.fromkeys(paths))):
        nothing = _get(http, entry, UNKNOWN, headers)
        for path in wanted:
            answer = _read(entry, path, _followed(http, entry, path, headers), nothing, is_as_user=bool(headers))
            if headers and (answer.is_shown or answer.status is None):
                answer = _read(entry, path, _followed(http, entry, path, {}), nothing, is_as_user=False)
            yield answer


def look_as_developer(
    http: HttpClient, entries: Iterable[Entry], paths: Iterable[str], *, headers: Mapping[str, str]
) -> Iterator[DocumentAnswer]:
    """What every entry shows at these paths to a developer, who may log in and who takes a path for a whole one too.

    Of the answers to one path the one that shows something is given; arguments as of :func:`look_for_documents`.
    """
    wanted = list(dict.fromkeys(paths))
    for entry in entries:
        bases = [dataclasses.replace(entry, base=base) for base in dict.fromkeys((entry.base, ""))]
        nothing = {place.base: _get(http, place, UNKNOWN, headers) for place in bases}
        for path in wanted:
            # Logged in first; a server that takes no login of ours may still show everything to everybody.
            tries = [(place, who) for who in ((headers, {}) if headers else ({},)) for place in bases]
            answers: list[DocumentAnswer] = []
            for place, who in tries:
                exchange = _followed(http, place, path, who)
                answers.append(_read(place, path, exchange, nothing[place.base], is_as_user=bool(who)))
                if answers[-1].is_shown or answers[-1].status is None:
                    break
            yield answers[-1] if answers[-1].is_shown else answers[0]


def _with_and_without_base(entries: Iterable[Entry], paths: list[str]) -> Iterator[tuple[Entry, list[str]]]:
    """Each entry with the paths, and where it has a base, the same port without it: there the framework may show more."""
    for entry in entries:
        yield entry, paths
        if entry.base:
            asked = {f"{entry.base}{path}" for path in paths}
            yield dataclasses.replace(entry, base=""), [path for path in paths if path not in asked]


def fetch_document(http: HttpClient, entry: Entry, path: str, *, headers: Mapping[str, str]) -> dict[str, Any] | None:
    """The whole OpenAPI document at ``path``, or None where there is none or it is not whole."""
    answer = _get(http, entry, path, headers, kept_bytes=MAX_BODY_BYTES)
    found = read_document(answer.body) if answer.status is not None else None
    return found.data if found else None


def _followed(http: HttpClient, entry: Entry, path: str, headers: Mapping[str, str]) -> Exchange:
    answer = _get(http, entry, path, headers)
    if answer.status not in _REDIRECTS:
        return answer
    place = _inside(f"{entry.base}{path}", answer.first("location") or "")
    return _get(http, dataclasses.replace(entry, base=""), place, headers) if place else answer


def _inside(path: str, location: str) -> str:
    """Where a redirect leads on the same port, or nothing. Its host is not followed: only the path is taken."""
    try:
        place = urlsplit(urljoin(path, location)).path
    except ValueError:
        return ""
    return place if place.startswith("/") else ""


def _get(
    http: HttpClient, entry: Entry, path: str, headers: Mapping[str, str], *, kept_bytes: int = KEPT_BYTES
) -> Exchange:
    try:
        return http.send(entry, Request(path=path), headers={**PLAIN, **headers}, kept_bytes=kept_bytes)
    except StackError as error:
        url = f"{entry.service}:{entry.port}{entry.base}{path}"
        return Exchange(
            entry=entry.name, purpose=StatusClass.OK, method="GET", url=url, https=entry.https, error=str(error)[:500]
        )


def _read(entry: Entry, path: str, answer: Exchange, nothing: Exchange, *, is_as_user: bool) -> DocumentAnswer:
    """What the answer is; one that any unknown path gets too shows nothing."""
    is_success = answer.status is not None and 200 <= answer.status < 300  # noqa: PLR2004  # RFC 9110, 15.3
    is_anything = answer.status == nothing.status and answer.body == nothing.body
    page = page_proof(answer.body) if is_success and answer.is_html and not is_anything else ""
    document = _document_proof(answer.body) if is_success and not is_anything else ""
    return DocumentAnswer(
        entry=entry.name,
        path=path,
        url=answer.url,
        status=answer.status,
        kind=kind_of(page=page, document=document),
        proof=(document or page)[:200],
        is_as_user=is_as_user,
        is_scriptless=is_scriptless(answer.all("content-security-policy")),
        wants_login=answer.status in _LOGIN_WANTED or (answer.is_html and asks_for_password(answer.body)),
        error=answer.error,
    )


def _document_proof(body: str) -> str:
    found = read_document(body)
    if found is not None:
        return (
            f"OpenAPI {found.version} with {len(found.operations)} operations, {json.dumps(found.operations[0].path)}"
        )
    return yaml_proof(body)
