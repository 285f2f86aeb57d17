from __future__ import annotations

import json

import pytest

from readiness.starting.vectors import difference, is_same, nearest, place_of_text, vectors_in, with_value

ONE, TWO = [0.1, 0.2, 0.3, 0.4], [0.4, 0.3, 0.2, 0.1]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"embedding": ONE}, [ONE]),
        ([ONE, TWO], [ONE, TWO]),
        (
            {"data": [{"index": 0, "embedding": ONE}, {"index": 1, "embedding": TWO}], "usage": {"tokens": 3}},
            [ONE, TWO],
        ),
        ({"data": [{"index": 1, "embedding": TWO}, {"index": 0, "embedding": ONE}]}, [ONE, TWO]),
        ({"data": [{"index": 0, "embedding": TWO}, {"index": 0, "embedding": ONE}]}, [TWO, ONE]),
        ({"data": [{"index": True, "embedding": TWO}, {"index": False, "embedding": ONE}]}, [TWO, ONE]),
        ([10**400, 1, 2, 3], []),
        ({"shape": [1, 4], "flags": [True, False, True, True], "texts": ["a", "b", "c", "d"]}, []),
    ],
)
def test_every_list_of_numbers_is_a_vector_wherever_it_stands(answer: object, expected: list[list[float]]) -> None:
    assert [list(vector) for vector in vectors_in(json.dumps(answer))] == expected


@pytest.mark.parametrize("body", ["", "<html>", "[" * 100_000, '{"embedding": [1, 2, NaN, 4]}'])
def test_what_is_no_json_has_no_vector(body: str) -> None:
    assert vectors_in(body) == ()


def test_a_difference_is_relative_to_the_largest_member() -> None:
    assert difference((1.0, 4.0), (1.0, 3.0)) == 0.25
    assert difference((1.0, 4.0), (1.0,)) is None
    assert difference((0.0, 0.0), (0.0, 0.0)) == 0


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ([ONE], [[0.1, 0.2, 0.3, 0.400001]], True),
        ([ONE], [[0.1, 0.2, 0.3, 0.401]], None),
        ([ONE], [[0.1, 0.2, 0.3, 0.45]], False),
        ([ONE], [[*ONE, 0.5]], False),
        ([ONE], [], None),
        ([], [ONE], None),
        ([ONE, TWO], [ONE, TWO], None),
    ],
)
def test_answers_are_the_same_up_to_rounding(before: object, after: object, expected: bool | None) -> None:
    assert is_same(json.dumps(before), json.dumps(after)) is expected


def test_the_nearest_is_among_those_of_the_same_length() -> None:
    assert nearest((1.0, 1.0), [(1.0,), (5.0, 5.0), (1.0, 0.9)]) == 2
    assert nearest((1.0, 1.0), [(1.0,)]) is None


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"text": "teapot"}, ("text",)),
        ({"model": "small", "input": "teapot"}, ("input",)),
        ({"inputs": ["teapot"]}, ("inputs", 0)),
        ({"model": "small", "inputs": ["a", "b"]}, None),
        ({"user": "a", "model": "b"}, None),
        (None, None),
    ],
)
def test_the_place_of_the_text_is_found_where_it_is_plain(body: object, expected: object) -> None:
    assert place_of_text(body) == expected


def test_a_value_is_put_in_its_place_and_the_rest_stays() -> None:
    body = {"model": "small", "inputs": ["a", "b"]}
    assert with_value(body, ("inputs", 0), "new") == {"model": "small", "inputs": ["new", "b"]}
    assert body["inputs"] == ["a", "b"]
    with pytest.raises(LookupError):
        with_value(body, ("texts",), [])
