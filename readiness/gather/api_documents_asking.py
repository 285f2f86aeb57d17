"""Asking for API documents: as a user first, which costs nobody's shared limit, then as nobody where something is shown."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from readiness.discovery.openapi import read_document
from readiness.docs.recognition import UNKNOWN, is_scriptless, kind_of, page_proof, yaml_proof
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

__all__ = ["fetch_document", "look_for_documents"]

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
#: Pages that name a document are small; of a document the beginning decides.
KEPT_BYTES = 256 * 1024


def look_for_documents(
    http: HttpClient, entries: Iterable[Entry], paths: Iterable[str], *, headers: Mapping[str, str]
) -> Iterator[DocumentAnswer]:
    """What every entry shows at these paths to somebody who is not logged in.

    Args:
        http: asks the stack.
        entries: where.
        paths: what for; each at most once, one redirect within the entry is followed.
        headers: of a user, who asks first: where a user is shown nothing, nobody is.
    """
    wanted = list(dict.fromkeys(paths))
    for entry in entries:
        nothing = _get(http, entry, UNKNOWN, headers)
        for path in wanted:
            answer = _read(entry, path, _followed(http, entry, path, headers), nothing, is_as_user=bool(headers))
            if headers and (answer.is_shown or answer.status is None):
                answer = _read(entry, path, _followed(http, entry, path, {}), nothing, is_as_user=False)
            yield answer


def fetch_document(http: HttpClient, entry: Entry, path: str, *, headers: Mapping[str, str]) -> dict[str, Any] | None:
    """The whole OpenAPI document at ``path``, or None where there is none or it is not whole."""
    answer = _get(http, entry, path, headers, kept_bytes=MAX_BODY_BYTES)
    found = read_document(answer.body) if answer.status is not None else None
    return found.data if found else None


def _followed(http: HttpClient, entry: Entry, path: str, headers: Mapping[str, str]) -> Exchange:
    answer = _get(http, entry, path, headers)
    if answer.status not in _REDIRECTS:
        return answer
    place = _inside(path, answer.first("location") or "", entry.base)
    return _get(http, entry, place, headers) if place else answer


def _inside(path: str, location: str, base: str) -> str:
    """Where a redirect leads within the entry, or nothing. Its host is not followed: only the path is taken."""
    try:
        place = urlsplit(urljoin(f"{base}{path}", location)).path
    except ValueError:
        return ""
    return place.removeprefix(base) if place.startswith(f"{base}/") else ""


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
        error=answer.error,
    )


def _document_proof(body: str) -> str:
    found = read_document(body)
    if found is not None:
        return (
            f"OpenAPI {found.version} with {len(found.operations)} operations, {json.dumps(found.operations[0].path)}"
        )
    return yaml_proof(body)
