"""What an answer tells of a record: whether it holds it, and what of it became different."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

__all__ = ["differing", "held", "holds", "steady", "values_of"]

#: Far more than one record or one page has; a service could answer without end.
MAX_VALUES = 5_000
#: Stands for the record's id, so that an answer that only repeats the id it was asked for is like any other such one.
_ID = "{id}"


def values_of(body: str, sent: Iterable[str] = ()) -> dict[str, str]:
    """Place -> text of every text and number in a JSON answer; of any other answer, which of the texts ``sent`` are in it.

    Truth values tell nothing of one record, because half of all answers have the same one.
    """
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        return {f"text.{number}": text for number, text in enumerate(sorted(set(sent))) if text and text in body}
    return dict(_leaves(data))


def steady(one: Mapping[str, str], other: Mapping[str, str]) -> dict[str, str]:
    """What two answers in a row have in common: neither a request's id nor a time stamp nor a count of views."""
    return {place: text for place, text in one.items() if other.get(place) == text}


def differing(before: Mapping[str, str], after: Mapping[str, str]) -> frozenset[str]:
    """Places whose value is another one afterwards, or none."""
    return frozenset(place for place, text in before.items() if after.get(place) != text)


def held(values: Mapping[str, str], record_id: str) -> Counter[str]:
    """Name of a member -> how often one of that name is the record's id."""
    return Counter(_name(place) for place, text in values.items() if text == record_id)


def holds(
    theirs: Mapping[str, str],
    own: Mapping[str, str],
    nothing: Mapping[str, str],
    *,
    ids: tuple[str, str],
    id_name: str,
    sent: Iterable[str] = (),
) -> bool:
    """Whether an answer shows the record to a stranger.

    Args:
        theirs: what the stranger was answered.
        own: what the owner is answered, without what differs by itself.
        nothing: what the stranger is answered for a record that does not exist; no member of it shows anything.
        ids: the record's id, and the one that does not exist.
        id_name: how the member is called that holds an id.
        sent: texts that the record was created with.
    """
    record_id, made_up_id = ids
    owners = _pairs(own, record_id)
    answered = _pairs(theirs, record_id)
    told = answered - _pairs(nothing, made_up_id)
    content = {(name, text) for name, text in owners if text in {_ID, *sent}}
    return (id_name, _ID) in told or bool(told & content) or (bool(told & owners) and owners <= answered)


def _pairs(values: Mapping[str, str], record_id: str) -> set[tuple[str, str]]:
    return {(_name(place), _ID if text == record_id else text) for place, text in values.items()}


def _name(place: str) -> str:
    """The member's name: an item of a list is called as its list."""
    return next((step for step in reversed(place.split(".")) if not step.isdecimal()), "")


def _leaves(data: Any) -> Iterator[tuple[str, str]]:
    waiting: list[tuple[str, Any]] = [("", data)]
    found = 0
    while waiting and found < MAX_VALUES:
        place, value = waiting.pop()
        if isinstance(value, dict):
            waiting += [(f"{place}.{key}", member) for key, member in value.items()]
        elif isinstance(value, list):
            waiting += [(f"{place}.{number}", item) for number, item in enumerate(value)]
        elif isinstance(value, str | int | float) and not isinstance(value, bool):
            found += 1
            yield place, str(value)
