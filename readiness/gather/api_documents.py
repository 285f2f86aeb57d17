"""What the running stack tells of its API: documents, and the short description of itself."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from readiness.check import Impact
from readiness.declared.docs import docs_of
from readiness.docs.inside import names
from readiness.docs.recognition import PLACES, UNKNOWN, variants_of
from readiness.exceptions import StackError
from readiness.facts.docs import ApiDocuments, ApiInfo
from readiness.gather import gatherer
from readiness.gather.api_documents_asking import look_for_documents
from readiness.gather.own_user import environment_of, own_user
from readiness.instruments.client import HttpClient
from readiness.instruments.identity import PLAIN, masked
from readiness.runtime import Capability, Stack
from readiness.target import Entry, Request, Target
from readiness.verdict import Inconclusive

__all__ = ["api_documents", "places"]

#: Where the description of itself is by convention (claims ledger, docs.api_info).
INFO = "/api"
#: Variables whose values are nobody's business, by their names.
_SECRET_NAME = re.compile(r"PASSWORD|PASSWD|SECRET|TOKEN|PRIVATE|CREDENTIAL|API_?KEY|_KEY$|_DSN$", re.IGNORECASE)
#: Names that end so say something about a secret, which a description may repeat: TOKEN_URL, API_KEY_HEADER.
_ABOUT_A_SECRET = re.compile(
    r"(?:URL|URI|PATH|FILE|DIR|NAME|HEADER|ALGORITHM|ALG|TYPE|ISSUER|AUDIENCE|TTL|EXPIRY|DAYS|HOURS|MINUTES|SECONDS)$",
    re.IGNORECASE,
)
#: Shorter values are found in any text.
_SHORTEST_SECRET = 8
MAX_INFO_CHARS = 20_000


@gatherer(impact=Impact.OBSERVES, at_most_seconds=60)
def api_documents(target: Target, stack: Stack, http: HttpClient) -> ApiDocuments:
    """Every usual and declared place of API documents through every entry, and the description of itself."""
    try:
        headers = own_user(target, stack, http, "reader").headers
    except Inconclusive:
        headers = {}
    paths = places(target)
    if Capability.WRITE not in stack.capabilities:
        # Somebody's running system is asked for what is declared and best known, each once.
        declared = docs_of(target)
        paths = tuple(dict.fromkeys(p for p in (*declared.pages, declared.document, *PLACES[:3]) if p))
    return ApiDocuments(
        answers=tuple(look_for_documents(http, target.entries, paths, headers=headers)),
        info=tuple(_info(target, stack, http, headers)),
        services=tuple(stack.services),
    )


def places(target: Target) -> tuple[str, ...]:
    """Every path at which documents may be: the declared and the best-known ones in every spelling."""
    declared = docs_of(target)
    first = tuple(path for path in (*declared.pages, declared.document) if path)
    spelled = [spelling for path in (*first, *PLACES[:3]) for spelling in variants_of(path)]
    return tuple(dict.fromkeys((*spelled, *PLACES)))


def _info(target: Target, stack: Stack, http: HttpClient, headers: Mapping[str, str]) -> Iterator[ApiInfo]:
    path = docs_of(target).info or INFO
    secrets = _secrets(target, stack)
    for entry in target.entries:
        nothing = _info_of(http, entry, UNKNOWN, headers, secrets)
        found = _info_of(http, entry, path, headers, secrets)
        # By the names alone: the words may repeat the path, or tell the time.
        is_anything = found.status == nothing.status and names(found.data) == names(nothing.data)
        yield dataclasses.replace(found, is_anything=is_anything)


def _info_of(
    http: HttpClient, entry: Entry, path: str, headers: Mapping[str, str], secrets: Mapping[str, str]
) -> ApiInfo:
    try:
        answer = http.send(entry, Request(path=path), headers={**PLAIN, **headers})
    except StackError as error:
        url = f"{entry.service}:{entry.port}{entry.base}{path}"
        return ApiInfo(entry=entry.name, path=path, url=url, error=str(error)[:500])
    leaks = tuple(sorted(name for name, value in secrets.items() if value in answer.body))
    own = {value for name, value in headers.items() if name.lower() in {"authorization", "cookie"}}
    safe = masked(answer, frozenset(secrets.values()) | own)
    return ApiInfo(
        entry=entry.name,
        path=path,
        url=safe.url,
        status=safe.status,
        data=_json(safe.body) if len(safe.body) <= MAX_INFO_CHARS else None,
        leaks=leaks,
        error=safe.error,
    )


def _secrets(target: Target, stack: Stack) -> dict[str, str]:
    """``service.VARIABLE`` -> value, of every variable that is secret by its name, and whose value is no mere word."""
    return {
        f"{service}.{name}": value
        for service in stack.services
        for name, value in environment_of(target, stack, service).items()
        if _SECRET_NAME.search(name) and not _ABOUT_A_SECRET.search(name) and not _is_word(value)
    }


def _is_word(value: str) -> bool:
    """Whether a text may hold the value by chance, as ``postgres`` or ``password``."""
    return len(value) < _SHORTEST_SECRET or (value.isalpha() and value.islower())


def _json(body: str) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None
