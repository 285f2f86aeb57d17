"""Requests that break what the API's document says, made by schemathesis; sending them is somebody else's."""

from __future__ import annotations

import base64
import json
import time
import urllib.parse
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from readiness.target import Request

__all__ = ["GENERATOR_SEED", "NegativeCase", "generator_name", "negative_cases"]

#: The same cases in every run: a finding that comes and goes helps nobody.
GENERATOR_SEED = 20240229
MAX_PATH_CHARS = 4000
#: Headers that the client makes itself, or whose change would test something else.
_OWN_HEADERS = frozenset(
    ["host", "content-length", "transfer-encoding", "connection", "authorization", "cookie", "expect"]
)


@dataclass(frozen=True, kw_only=True)
class NegativeCase:
    """One request; ``operation`` is method and documented path."""

    operation: str
    request: Request


def generator_name() -> str:
    """Name, version and seed, for the report; empty where none is installed (``pip install 'pytest-readiness[inputs]'``)."""
    if find_spec("schemathesis") is None:
        return ""
    import schemathesis  # noqa: PLC0415  # only audits that gather this fact pay for the import

    return f"schemathesis {schemathesis.__version__}, seed {GENERATOR_SEED}"


def negative_cases(
    document: Mapping[str, Any], *, prefix: str, per_operation: int, most: int, at_most_seconds: float
) -> Iterator[NegativeCase]:
    """Cases for every operation that takes anything, in the document's order.

    Args:
        document: the API's document.
        prefix: stands before every path, as the document's server says.
        per_operation: cases of one operation.
        most: cases in all.
        at_most_seconds: what the making of all of them may take.
    """
    if find_spec("schemathesis") is None:
        return
    from schemathesis import openapi  # noqa: PLC0415  # as above

    made, spent = 0, 0.0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            operations = list(openapi.from_dict(dict(document)).get_all_operations())
        except Exception:  # noqa: BLE001  # any document may come: one that the generator cannot read has no cases
            return
    for result in operations:
        if made >= most or spent > at_most_seconds:
            return
        # What the sender takes between two cases is not the generator's.
        began = time.monotonic()
        cases = _cases_of(result, min(per_operation, most - made))
        spent += time.monotonic() - began
        for case in cases:
            request = _request_of(case, prefix)
            if request is not None:
                made += 1
                yield NegativeCase(
                    operation=f"{case.operation.method.upper()} {prefix}{case.operation.path}", request=request
                )


def _cases_of(result: Any, count: int) -> list[Any]:
    import hypothesis  # noqa: PLC0415  # as above
    from schemathesis.generation import GenerationMode  # noqa: PLC0415  # as above

    found: list[Any] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            operation = result.ok()
            # Without a parameter or a body there is nothing to break; cookies alone take the generator seconds.
            if not (operation.body or operation.path_parameters or operation.query or operation.headers):
                return []
            strategy = operation.as_strategy(generation_mode=GenerationMode.NEGATIVE)

            @hypothesis.seed(GENERATOR_SEED)
            @hypothesis.settings(
                max_examples=count,
                database=None,
                deadline=None,
                phases=[hypothesis.Phase.generate],
                suppress_health_check=list(hypothesis.HealthCheck),
            )
            @hypothesis.given(strategy)
            def collect(case: Any) -> None:
                found.append(case)

            collect()
        except Exception:  # noqa: BLE001  # schemas that nothing can break, or that the generator does not know
            return found[:count]
    return found[:count]


def _request_of(case: Any, prefix: str) -> Request | None:
    """The case as a request that can be sent, or None."""
    path = f"{prefix}{case.formatted_path}"
    query = _query(case.query)
    full = f"{path}?{query}" if query else path
    headers = {str(name): str(value) for name, value in (case.headers or {}).items()}
    is_sendable = full.startswith("/") and len(full) <= MAX_PATH_CHARS and _are_sendable(headers)
    if not is_sendable or not full.isascii() or any(character.isspace() for character in full):
        return None
    content = _content(case.body)
    if content is None:
        return Request(method=case.method.upper(), path=full, headers=headers)
    kind = str(case.media_type or "application/json")
    if kind != "application/json" and not isinstance(case.body, (bytes, str)):
        return None
    body = base64.b64encode(content).decode()
    return Request(method=case.method.upper(), path=full, headers={**headers, "Content-Type": kind}, body_base64=body)


def _query(query: Mapping[str, Any] | None) -> str:
    try:
        return urllib.parse.urlencode(
            {str(k): _plain(v) for k, v in (query or {}).items()}, doseq=True, errors="replace"
        )
    except (TypeError, ValueError):
        return ""


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [item if isinstance(item, str) else json.dumps(item) for item in value]
    return value if isinstance(value, str) else json.dumps(value)


def _content(body: Any) -> bytes | None:
    if type(body).__name__ == "NotSet":
        return None
    if isinstance(body, bytes):
        return body
    try:
        return json.dumps(body).encode()
    except (TypeError, ValueError):
        return None


def _are_sendable(headers: Mapping[str, str]) -> bool:
    return all(
        name.isascii() and name.isidentifier() | ("-" in name and name.replace("-", "_").isidentifier())
        for name in headers
    ) and all(
        value.isascii() and value.isprintable() and name.lower() not in _OWN_HEADERS for name, value in headers.items()
    )
