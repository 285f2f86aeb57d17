"""Holding an OpenAPI document against the specification, without ever leaving this machine for a reference in it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

from readiness.facts.docs import OpenApi

__all__ = ["examined"]

#: More problems than these tell nothing new.
MAX_PROBLEMS, MAX_PROBLEM_CHARS = 10, 300
#: The largest documents of public services have some ten thousand operations; validation grows with the nodes.
MAX_NODES = 200_000
#: Deeper than any schema that people write, and above the recursion of the validator.
MAX_DEPTH = 60


def examined(data: dict[str, Any], *, source: str) -> OpenApi:
    """The document with what is invalid in it. Remote references are never fetched: a document that has one is not judged."""
    if reason := _refusal(data):
        return OpenApi(source=source, data=data, not_validated=reason)
    # Loaded here: an audit that asks for no document does not pay for it.
    from openapi_spec_validator import (  # noqa: PLC0415
        OpenAPIV2SpecValidator,
        OpenAPIV30SpecValidator,
        OpenAPIV31SpecValidator,
    )

    version = str(data.get("openapi") or data.get("swagger") or "")
    kinds = {"2.": OpenAPIV2SpecValidator, "3.0": OpenAPIV30SpecValidator, "3.1": OpenAPIV31SpecValidator}
    kind = next((found for start, found in kinds.items() if version.startswith(start)), None)
    if kind is None:
        return OpenApi(source=source, data=data, not_validated=f"no validator for version {version[:20]!r}")
    try:
        errors = list(itertools.islice(kind(data).iter_errors(), MAX_PROBLEMS))
    except RecursionError:
        return OpenApi(
            source=source, data=data, not_validated="its references form a circle that the validator cannot end"
        )
    except Exception as error:  # noqa: BLE001  # the validator resolves what the target wrote; whatever that breaks is no crash of the audit
        problem = f"{type(error).__name__}: {error}"[:MAX_PROBLEM_CHARS]
        return OpenApi(source=source, data=data, problems=(problem,))
    problems = tuple(f"{error.json_path}: {error.message}"[:MAX_PROBLEM_CHARS] for error in errors)
    return OpenApi(source=source, data=data, problems=problems)


def _refusal(data: dict[str, Any]) -> str:
    """Why the document is not given to the validator, or nothing."""
    for count, (depth, key, value) in enumerate(_nodes(data)):
        if count > MAX_NODES:
            return f"it has more than {MAX_NODES} parts"
        if depth > MAX_DEPTH:
            return f"it is nested more than {MAX_DEPTH} deep"
        if key == "$ref" and isinstance(value, str) and not value.startswith("#"):
            return f"it refers to another document, {value[:100]}, which is not fetched"
    return ""


def _nodes(data: Any) -> Iterator[tuple[int, str, Any]]:
    """Every member with its depth and key; a walk without recursion, because the document may be hostile."""
    waiting: list[tuple[int, str, Any]] = [(0, "", data)]
    while waiting:
        depth, key, value = waiting.pop()
        yield depth, key, value
        if depth > MAX_DEPTH:
            continue
        if isinstance(value, dict):
            waiting += [(depth + 1, str(name), item) for name, item in value.items()]
        elif isinstance(value, list):
            waiting += [(depth + 1, "", item) for item in value]
