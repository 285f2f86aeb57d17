"""Vectors in the answers of a service that embeds texts, wherever they stand in them. Pure."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from typing import Any

__all__ = ["Place", "Vector", "difference", "is_same", "nearest", "place_of_text", "vectors_in", "with_value"]

Vector = tuple[float, ...]
#: Shorter lists of numbers are counts, ranges or positions.
FEWEST_MEMBERS = 4
#: A member of a request by one of these names holds its text, where there are several texts.
TEXT_NAMES = ("text", "input", "inputs", "sentence", "query", "prompt", "content")
#: Up to here two vectors are the same (the ledger's figure, startup.concurrent_inference), and above ``ROUNDING`` they are of
#: two computations: another process, or other company, may round to half precision, 2^-10 for each of a few layers.
TOLERANCE, ROUNDING = 1e-5, 0.03
Place = tuple[str | int, ...]


def vectors_in(body: str) -> tuple[Vector, ...]:
    """Every list of numbers in a JSON answer, in the order that its members say or stand in; none in what is no JSON."""
    try:
        data = json.loads(body)
        return tuple(_vectors(data))
    except (ValueError, RecursionError):
        return ()


def _vectors(data: object) -> Iterator[Vector]:
    if isinstance(data, dict):
        for value in data.values():
            yield from _vectors(value)
    elif isinstance(data, list):
        if len(data) >= FEWEST_MEMBERS and all(_is_number(member) for member in data):
            yield tuple(float(member) for member in data)
        else:
            for value in _in_order(data):
                yield from _vectors(value)


def _in_order(members: list[Any]) -> list[Any]:
    """By the ``index`` that each of them says to have, as in the answers of OpenAI's API; else as they stand."""
    places = [member.get("index") if isinstance(member, dict) else None for member in members]
    is_said = all(isinstance(place, int) and not isinstance(place, bool) for place in places)
    if not is_said or len(set(places)) != len(places):
        return members
    return sorted(members, key=lambda member: int(member["index"]))


def _is_number(value: object) -> bool:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer that is larger than any float
        return False


def difference(one: Vector, other: Vector) -> float | None:
    """The largest difference of two members, by the largest member of ``one``; None where their lengths differ."""
    if len(one) != len(other):
        return None
    scale = max((abs(member) for member in one), default=0.0) or 1.0
    return max((abs(a - b) for a, b in zip(one, other, strict=True)), default=0.0) / scale


def is_same(before: str, after: str) -> bool | None:
    """Whether two answers hold the same vector; None where either holds none or several, or rounding may tell them apart."""
    one, other = vectors_in(before), vectors_in(after)
    if len(one) != 1 or len(other) != 1:
        return None
    apart = difference(one[0], other[0])
    if apart is None or apart > ROUNDING:
        return False
    return True if apart <= TOLERANCE else None


def nearest(vector: Vector, among: Sequence[Vector]) -> int | None:
    """The place of the nearest of these; None where none has its length."""
    found = [(math.dist(vector, other), place) for place, other in enumerate(among) if len(other) == len(vector)]
    return min(found)[1] if found else None


def place_of_text(body: object) -> Place | None:
    """Where the only text of a JSON body stands, or the one that is named as such; None where that is not plain."""
    texts = list(_texts(body, ()))
    named = [place for place in texts if any(step in TEXT_NAMES for step in place)]
    found = texts if len(texts) == 1 else named
    return found[0] if len(found) == 1 else None


def _texts(value: object, place: Place) -> Iterator[Place]:
    if isinstance(value, str):
        yield place
    elif isinstance(value, dict):
        for key, member in value.items():
            yield from _texts(member, (*place, key))
    elif isinstance(value, list):
        for number, member in enumerate(value):
            yield from _texts(member, (*place, number))


def with_value(body: Any, place: Place, value: object) -> Any:
    """The body with another value at a place.

    Raises:
        LookupError: there is no such place.
    """
    if not place:
        return value
    step, rest = place[0], place[1:]
    if isinstance(body, dict) and step in body:
        return {**body, step: with_value(body[step], rest, value)}
    if isinstance(body, list) and isinstance(step, int) and step < len(body):
        return [*body[:step], with_value(body[step], rest, value), *body[step + 1 :]]
    raise LookupError(f"there is no {step}")
