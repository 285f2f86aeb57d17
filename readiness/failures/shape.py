"""The shape of an error answer: which members its JSON body has, and which of them the service's errors share."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from readiness.facts.http import Exchange

__all__ = ["ID_NAMES", "Shape", "body_ids", "common_places", "is_good", "is_json", "shape_of", "value_at"]

#: Names under which services put a request's id, compared without case, hyphens and underscores.
ID_NAMES = frozenset(["requestid", "xrequestid", "traceid", "correlationid", "xcorrelationid", "reqid", "errorid"])
#: Deeper members describe one error (a field of a form), not the shape of all.
MAX_DEPTH = 2
MAX_PLACES = 100
_OK, _NOT_OK = 200, 300


@dataclass(frozen=True, kw_only=True)
class Shape:
    """One error answer's body.

    Attributes:
        problem: why it has no shape: it is no JSON object.
        places: dotted places, two levels deep at most.
    """

    exchange: Exchange
    places: frozenset[str] = frozenset()
    problem: str = ""


def is_good(exchange: Exchange) -> bool:
    """Whether it was answered with success."""
    return exchange.status is not None and _OK <= exchange.status < _NOT_OK


def is_json(exchange: Exchange) -> bool:
    """Whether the content type says JSON, ``application/problem+json`` (RFC 9457) and its like included."""
    kind = (exchange.first("content-type") or "").split(";")[0].strip().lower()
    return kind == "application/json" or kind.endswith("+json")


def shape_of(exchange: Exchange) -> Shape:
    """Read one answer; nothing of it is trusted."""
    if not is_json(exchange):
        kind = exchange.first("content-type") or "no content type"
        return Shape(exchange=exchange, problem=f"it is {kind[:80]}, not JSON")
    data = _data(exchange)
    if not isinstance(data, dict):
        return Shape(exchange=exchange, problem="its body is no JSON object")
    places: list[str] = []
    _collect(data, "", 1, places)
    return Shape(exchange=exchange, places=frozenset(places))


def _data(exchange: Exchange) -> Any:
    try:
        return json.loads(exchange.body)
    except (ValueError, RecursionError):
        return None


def _collect(data: dict[str, Any], before: str, depth: int, into: list[str]) -> None:
    for key, value in data.items():
        if len(into) >= MAX_PLACES:
            return
        place = f"{before}{key}"
        into.append(place)
        if isinstance(value, dict) and depth < MAX_DEPTH:
            _collect(value, f"{place}.", depth + 1, into)


def common_places(shapes: Sequence[Shape]) -> frozenset[str]:
    """The places that make the one format, ids left out: those that all share, else those that most statuses share.

    What is in most errors and not in all is a detail, as long as there is something that is in all of them. Every
    status has one vote, however often it was seen.
    """
    by_status: dict[int, frozenset[str]] = {}
    for shape in shapes:
        status = shape.exchange.status or 0
        by_status[status] = by_status.get(status, shape.places) & shape.places
    votes = Counter(place for places in by_status.values() for place in places if not _is_id(place))
    shared = frozenset(place for place, count in votes.items() if count == len(by_status))
    alike = frozenset(place for place in shared if len({_has_members(shape, place) for shape in shapes}) == 1)
    return alike or frozenset(place for place, count in votes.items() if 2 * count > len(by_status))


def _has_members(shape: Shape, place: str) -> bool:
    """Whether an object stands there: an error that is a text is not the error that is an object elsewhere."""
    return any(other.startswith(f"{place}.") for other in shape.places)


def value_at(exchange: Exchange, place: str) -> Any:
    """What stands at a dotted place of a JSON body, or None."""
    value = _data(exchange)
    for key in place.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return value


def body_ids(exchange: Exchange, place: str = "") -> tuple[tuple[str, str], ...]:
    """Every request id in the body, at ``place`` alone where one is given: places and texts."""
    if place:
        value = value_at(exchange, place)
        is_told = value is not None and value != "" and not isinstance(value, (dict, list))
        return ((place, str(value)),) if is_told else ()
    return tuple(
        (found, str(value))
        for found, value in _leaves(_data(exchange), "", 0)
        if _is_id(found) and isinstance(value, (str, int)) and value != ""
    )


def _leaves(data: Any, before: str, depth: int) -> Iterable[tuple[str, Any]]:
    if isinstance(data, dict) and depth <= MAX_DEPTH:
        for key, value in list(data.items())[:MAX_PLACES]:
            yield from _leaves(value, f"{before}.{key}" if before else str(key), depth + 1)
    else:
        yield before, data


def _is_id(place: str) -> bool:
    return place.rpartition(".")[2].lower().replace("-", "").replace("_", "") in ID_NAMES
