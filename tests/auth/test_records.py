from __future__ import annotations

import json
from typing import Any

import pytest

from readiness.auth.records import differing, held, holds, steady, values_of

OWN = {"id": 7, "text": "water the plants", "likes": 0, "is_open": True}
EMPTY_PAGE = {"items": [], "total": 0, "page": 1}


def answer(data: Any) -> dict[str, str]:
    return values_of(json.dumps(data), ["water the plants"])


@pytest.mark.parametrize(
    ("theirs", "own", "nothing", "expected"),
    [
        (OWN, OWN, None, True),
        ({"data": [OWN]}, OWN, None, True),
        ({"id": 7}, OWN, None, True),
        ({"title": "x", "text": "water the plants"}, OWN, None, True),
        ({"state": "done", "result": 42}, {"state": "done", "result": 42}, {"state": "unknown"}, True),
        ([], OWN, [], False),
        (EMPTY_PAGE, {"items": [OWN], "total": 1, "page": 1}, EMPTY_PAGE, False),
        (EMPTY_PAGE, {"items": [OWN], "total": 1, "page": 1}, None, False),
        ({"page": 7}, OWN, None, False),
        # Only repeats what was asked for.
        ({"id": 7, "found": "no"}, OWN, {"id": 8, "found": "no"}, False),
        # A queue that calls every unknown job pending.
        ({"state": "PENDING"}, {"state": "PENDING"}, {"state": "PENDING"}, False),
        ({"likes": 0}, OWN, None, False),
        ({"is_open": True}, {"is_open": True}, None, False),
    ],
)
def test_an_answer_holds_a_record_where_it_tells_its_id_or_its_content(
    theirs: Any, own: Any, nothing: Any, expected: bool
) -> None:
    asked: dict[str, Any] = {"ids": ("7", "8"), "id_name": "id", "sent": ["water the plants"]}
    assert holds(answer(theirs), answer(own), answer(nothing) if nothing is not None else {}, **asked) is expected


def test_a_page_is_known_by_the_texts_that_were_sent() -> None:
    own = values_of("<h1>water the plants</h1>", ["water the plants"])
    ids: dict[str, Any] = {"ids": ("7", "8"), "id_name": "id", "sent": ["water the plants"]}
    assert holds(own, own, {}, **ids)
    assert not holds(values_of("<h1>7: not yours</h1>", ["water the plants"]), own, {}, **ids)


def test_what_differs_twice_in_a_row_is_left_out() -> None:
    first, second = answer({"text": "a", "at": 1}), answer({"text": "a", "at": 2})
    assert steady(first, second) == {".text": "a"}
    assert differing(steady(first, second), answer({"text": "b", "at": 1})) == {".text"}
    assert differing(steady(first, second), {}) == {".text"}


def test_ids_are_counted_by_the_name_of_their_member() -> None:
    page = answer({"items": [{"id": 1, "owner": {"id": 1}}, {"id": 2}], "page": 1, "ids": [1, 2]})
    assert held(page, "1") == {"id": 2, "page": 1, "ids": 1}


def test_an_endless_answer_is_read_to_a_bound() -> None:
    assert len(values_of(json.dumps(list(range(20_000))))) == 5_000
