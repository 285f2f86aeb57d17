"""The same stack outside production: one second stack for everything that pages and documents do differently there."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING

from readiness.check import Impact
from readiness.cors.origins import DEVELOPER, OTHER_DEVELOPER, STRANGER, settings_of
from readiness.declared.cors import cors_of
from readiness.declared.docs import docs_of
from readiness.discovery.openapi import DOCUMENT_PATHS
from readiness.docs.recognition import PLACES
from readiness.facts.cors import OriginKind
from readiness.facts.development import Development
from readiness.facts.docs import DocumentAnswer, DocumentKind, OpenApi
from readiness.gather import gatherer
from readiness.gather.api_documents_asking import fetch_document, look_as_developer
from readiness.gather.cross_origin_asking import ask, asked_request
from readiness.gather.own_user import environment_of, own_user
from readiness.instruments.client import HttpClient
from readiness.instruments.openapi import examined
from readiness.instruments.variants import Variants
from readiness.runtime import Stack, Variant
from readiness.target import Target
from readiness.verdict import Inconclusive

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["development"]

#: More of one list prove nothing more.
MAX_LISTED = 5


@gatherer(impact=Impact.DISRUPTS, at_most_seconds=300)
def development(target: Target, variants: Variants) -> Development:
    """What the development variant tells unlisted origins and shows of the API.

    Without such a variant the declared document is examined all the same.
    """
    environment = target.variants.get("development")
    if not environment:
        reason = target.declined.get("variants.development", "not configured: variants.development")
        return Development(reason=reason, openapi=_declared(target))
    try:
        with variants(Variant(name="devlook", environment=environment)) as stack, HttpClient(stack) as http:
            return _look(target, stack, http)
    except Inconclusive as reason:
        return Development(reason=reason.reason, openapi=_declared(target))


def _look(target: Target, stack: Stack, http: HttpClient) -> Development:
    try:
        headers = own_user(target, stack, http, "developer").headers
    except Inconclusive:
        headers = {}
    unlisted = [
        *((OriginKind.LOCAL, origin) for origin in (*DEVELOPER, *OTHER_DEVELOPER, *_listed(target, stack))),
        (OriginKind.FOREIGN, STRANGER),
    ]
    asked = [(kind, origin) for kind, origin in unlisted if origin not in target.origins]
    cross_origin = tuple(ask(http, target.entries, asked_request(target), asked, headers=headers))
    declared = docs_of(target)
    paths = [path for path in (*declared.pages, declared.document) if path]
    documents = tuple(
        look_as_developer(http, target.entries, paths if declared.pages else (*paths, *PLACES), headers=headers)
    )
    return Development(
        cross_origin=cross_origin,
        documents=documents,
        openapi=_served(target, http, documents, headers) or _declared(target),
    )


def _listed(target: Target, stack: Stack) -> tuple[str, ...]:
    """The first origins that the variant's own setting names: developers may work at any port."""
    declared = cors_of(target)
    service = declared.service or target.service or ""
    environment = environment_of(target, stack, service)
    settings = settings_of((), environment, service=service, variable=declared.variable, form=declared.form)
    return tuple(origin for origin in settings.origins if origin != "*")[:MAX_LISTED]


def _served(
    target: Target, http: HttpClient, documents: Sequence[DocumentAnswer], headers: Mapping[str, str]
) -> OpenApi | None:
    """The document as the variant serves it, examined."""
    entries = {entry.name: entry for entry in target.entries}
    found = [(answer.entry, answer.path) for answer in documents if answer.kind is DocumentKind.DOCUMENT]
    if not found and target.entries:
        found = [(target.entries[0].name, path) for path in DOCUMENT_PATHS]
    for name, path in found:
        for base in dict.fromkeys((entries[name].base, "")):
            place = dataclasses.replace(entries[name], base=base)
            data = fetch_document(http, place, path, headers=headers)
            if data is not None:
                return examined(data, source=f"GET {base}{path} via {name}, development variant")
    return None


def _declared(target: Target) -> OpenApi | None:
    return examined(target.openapi, source="the openapi document of readiness.yaml") if target.openapi else None
