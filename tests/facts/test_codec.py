"""Every fact survives its JSON round trip, and damaged data is refused with the place."""

from __future__ import annotations

import dataclasses
import enum
import importlib
import json
import pkgutil
import types
import typing
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from readiness import gather
from readiness.exceptions import RecordingError
from readiness.facts._codec import decode, encode
from readiness.gather import gatherer_meta
from readiness.scorecard import Scorecard
from readiness.target import Target


def _kinds() -> list[type]:
    """What the shipped gatherers return, and what travels beside it."""
    kinds: dict[str, type] = {"Scorecard": Scorecard}
    for info in pkgutil.iter_modules(gather.__path__):
        module = importlib.import_module(f"{gather.__name__}.{info.name}")
        for value in vars(module).values():
            meta = gatherer_meta(getattr(value, "_fixture_function", None))
            if meta is not None:
                kinds[meta.fact.__name__] = meta.fact
    return list(kinds.values())


def _values(kind: Any, depth: int = 0) -> st.SearchStrategy[Any]:  # noqa: PLR0911  # a flat table of kinds
    """Values of an annotated type, small."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if kind is Any:
        return st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5)
    if origin in {typing.Union, types.UnionType}:
        return st.one_of(*(_values(a, depth) for a in arguments))
    if origin is tuple and arguments[-1] is Ellipsis:
        return st.lists(_values(arguments[0], depth + 1), max_size=2 if depth < 3 else 0).map(tuple)
    if origin is tuple:
        return st.tuples(*(_values(a, depth + 1) for a in arguments))
    if origin is dict:
        return st.dictionaries(_values(arguments[0]), _values(arguments[1], depth + 1), max_size=2 if depth < 3 else 0)
    if dataclasses.is_dataclass(kind):
        hints = typing.get_type_hints(kind)
        fields = {f.name: _values(hints[f.name], depth + 1) for f in dataclasses.fields(kind) if f.init}
        return st.builds(kind, **fields)
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return st.sampled_from(list(kind))
    simple = {str: st.text(max_size=5), int: st.integers(-9, 9), bool: st.booleans(), type(None): st.none()}
    return st.floats(0, 1, allow_nan=False) if kind is float else simple[kind]


@pytest.mark.parametrize("kind", _kinds(), ids=lambda kind: kind.__name__)
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_the_round_trip_is_exact(kind: type, data: st.DataObject) -> None:
    value = data.draw(_values(kind))
    assert decode(kind, json.loads(json.dumps(encode(value)))) == value


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"name": 1, "folder": "x"}, r"Target\.name"),
        ({"name": "x", "folder": "x", "colour": "red"}, "unknown fields"),
        ({"name": "x"}, "folder"),
        ({"name": "x", "folder": "x", "entries": [{"name": "a"}]}, r"Target\.entries\[0\]"),
        ([], "expected"),
    ],
)
def test_damaged_data_is_refused_with_its_place(data: Any, message: str) -> None:
    with pytest.raises(RecordingError, match=message):
        decode(Target, data)


def test_what_would_not_survive_is_refused() -> None:
    with pytest.raises(TypeError, match="cannot hold bytes"):
        encode({"x": b"y"})
