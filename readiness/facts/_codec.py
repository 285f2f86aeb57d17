"""JSON round trip of facts: frozen dataclasses of plain values, enums, tuples, dicts with string keys, and None.

``decode(type(x), json.loads(json.dumps(encode(x)))) == x`` holds for every fact; a test proves it.
"""

from __future__ import annotations

import dataclasses
import enum
import types
import typing
from typing import Any, TypeVar

from readiness.exceptions import RecordingError

__all__ = ["decode", "encode"]

T = TypeVar("T")


def encode(value: Any) -> Any:
    """Turn a fact into what :func:`json.dumps` takes.

    Raises:
        TypeError: a value of a kind that would not survive the round trip.
    """
    if isinstance(value, enum.Enum):
        return value.value
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: encode(getattr(value, f.name)) for f in dataclasses.fields(value) if f.init}
    if isinstance(value, tuple | list):
        return [encode(item) for item in value]
    if isinstance(value, dict):
        return {str(key): encode(item) for key, item in value.items()}
    raise TypeError(f"a fact cannot hold {type(value).__name__}: {value!r:.80}")


def decode(kind: type[T], data: Any) -> T:
    """Build ``kind`` from what :func:`json.loads` gave.

    Raises:
        RecordingError: the data does not have the shape of ``kind``.
    """
    return typing.cast("T", _decode(kind, data, kind.__name__))


def _decode(kind: Any, data: Any, where: str) -> Any:  # noqa: C901, PLR0911  # one flat table of kinds reads best
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if kind is Any:
        return data
    if origin in {typing.Union, types.UnionType}:
        return _decode_union(arguments, data, where)
    if origin is tuple and isinstance(data, list):
        if len(arguments) == 2 and arguments[1] is Ellipsis:  # noqa: PLR2004  # tuple[X, ...]
            return tuple(_decode(arguments[0], item, f"{where}[{i}]") for i, item in enumerate(data))
        return tuple(_decode(a, item, f"{where}[{i}]") for i, (a, item) in enumerate(zip(arguments, data, strict=True)))
    if origin is dict and isinstance(data, dict):
        return {
            _decode(arguments[0], key, where): _decode(arguments[1], item, f"{where}.{key}")
            for key, item in data.items()
        }
    if origin is typing.Literal and data in arguments:
        return data
    if isinstance(kind, type):
        if dataclasses.is_dataclass(kind) and isinstance(data, dict):
            return _decode_dataclass(kind, data, where)
        if issubclass(kind, enum.Enum):
            return kind(data)
        if kind is float and isinstance(data, int | float) and not isinstance(data, bool):
            return float(data)
        if kind in {str, int, bool, type(None)} and type(data) is kind:
            return data
    raise RecordingError(f"{where}: expected {kind}, got {data!r:.80}")


def _decode_union(arguments: tuple[Any, ...], data: Any, where: str) -> Any:
    if data is None and type(None) in arguments:
        return None
    errors = []
    for option in (a for a in arguments if a is not type(None)):
        try:
            return _decode(option, data, where)
        except (RecordingError, ValueError) as error:
            errors.append(str(error))
    raise RecordingError("; ".join(errors) or f"{where}: no type of {arguments} fits {data!r:.80}")


def _decode_dataclass(kind: Any, data: dict[str, Any], where: str) -> Any:
    hints = typing.get_type_hints(kind)
    fields = {f.name: f for f in dataclasses.fields(kind) if f.init}
    if unknown := set(data) - set(fields):
        raise RecordingError(f"{where}: unknown fields {sorted(unknown)}; recorded by another version?")
    values = {name: _decode(hints[name], value, f"{where}.{name}") for name, value in data.items()}
    try:
        return kind(**values)
    except TypeError as error:
        raise RecordingError(f"{where}: {error}") from error
