from __future__ import annotations

import dataclasses
import enum
import json
import types
import typing
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

import readiness
from readiness.check import Category, Impact
from readiness.exceptions import RecordingError
from readiness.facts.start import Change, FailureCause, ServiceStart, StackStart
from readiness.scorecard import SCHEMA_VERSION, CheckResult, Scorecard, from_json, to_json
from readiness.scoring import GRADES
from readiness.verdict import Outcome, Severity
from tests.render.cards import down_card, empty_card, hostile_card, sample_card, sound_card

SCHEMA: dict[str, Any] = json.loads(
    (Path(readiness.__file__).parent / "schemas" / "scorecard.schema.json").read_text(encoding="utf-8")
)
VALIDATOR = Draft202012Validator(SCHEMA, format_checker=Draft202012Validator.FORMAT_CHECKER)
CARDS = {"sample": sample_card, "sound": sound_card, "down": down_card, "empty": empty_card}


@pytest.mark.parametrize("name", CARDS)
def test_cards_keep_the_schema(name: str) -> None:
    data = json.loads(json.dumps(to_json(CARDS[name]())))
    assert [error.message for error in VALIDATOR.iter_errors(data)] == []


@pytest.mark.parametrize("name", CARDS)
def test_a_card_survives_the_round_trip(name: str) -> None:
    card = CARDS[name]()
    assert from_json(json.loads(json.dumps(to_json(card)))) == card


def test_a_card_of_any_text_survives_the_round_trip() -> None:
    card = hostile_card("\x1b[31m\u202e</script>\0")
    assert from_json(json.loads(json.dumps(to_json(card)))) == card


def test_the_schema_is_itself_valid() -> None:
    Draft202012Validator.check_schema(SCHEMA)


def test_the_schema_is_of_this_version() -> None:
    assert SCHEMA["properties"]["schema_version"] == {"description": "Version of this schema.", "const": SCHEMA_VERSION}


def _objects(node: Any, where: str = "#") -> typing.Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(node, dict):
        if node.get("type") == "object":
            yield where, node
        for key, value in node.items():
            yield from _objects(value, f"{where}/{key}")
    elif isinstance(node, list):
        for number, value in enumerate(node):
            yield from _objects(value, f"{where}/{number}")


@pytest.mark.parametrize(
    ("where", "node"), list(_objects(SCHEMA)), ids=lambda value: value if isinstance(value, str) else ""
)
def test_no_object_takes_unknown_fields(where: str, node: dict[str, Any]) -> None:
    is_map = not node["properties"]  # keys chosen by the owner; its values are texts
    assert node["additionalProperties"] == ({"type": "string"} if is_map else False)


@pytest.mark.parametrize("key", ["surprise", "grade_"])
def test_an_unknown_field_is_refused(key: str) -> None:
    assert not VALIDATOR.is_valid({**to_json(sample_card()), key: 1})


def _resolved(node: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in node:
        return _resolved(SCHEMA["$defs"][node["$ref"].rpartition("/")[2]])
    if "oneOf" in node:
        return _resolved(next(option for option in node["oneOf"] if option.get("type") != "null"))
    return node


def _compare(kind: Any, node: dict[str, Any], where: str) -> None:
    """The dataclass and the schema agree on names, on what may be null, on kinds and on enums, all the way down."""
    node = _resolved(node)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in {types.UnionType, typing.Union}:
        allowed = node.get("enum", []) if "enum" in node else node["type"]
        if isinstance(allowed, list):
            assert None in allowed or "null" in allowed, where
        (kind,) = (a for a in arguments if a is not type(None))
        if typing.get_origin(kind) is dict or "enum" in node:
            return
        _compare(kind, {**node, "type": next(t for t in node["type"] if t != "null")}, where)
    elif dataclasses.is_dataclass(kind):
        hints = typing.get_type_hints(kind)
        fields = [f.name for f in dataclasses.fields(kind) if f.init]
        assert list(node["properties"]) == fields, where
        assert node["required"] == fields, where
        for name in fields:
            _compare(hints[name], node["properties"][name], f"{where}.{name}")
    elif origin is tuple:
        assert node["type"] == "array", where
        for number, argument in enumerate(a for a in arguments if a is not Ellipsis):
            _compare(argument, node["items"] or node["prefixItems"][number], f"{where}[]")
    elif isinstance(kind, type) and issubclass(kind, enum.Enum):
        assert node["enum"] == [member.value for member in kind], where
    elif isinstance(kind, type) and "enum" not in node and "const" not in node:
        names = {str: "string", int: "integer", float: "number", bool: "boolean"}
        assert node["type"] == names.get(kind, "object"), where


def test_schema_and_dataclasses_agree_field_by_field() -> None:
    _compare(Scorecard, SCHEMA, "scorecard")
    _compare(StackStart, SCHEMA["properties"]["target"] and SCHEMA["$defs"]["start"], "start")


def test_the_enums_of_the_schema_are_those_of_the_code() -> None:
    check = SCHEMA["$defs"]["check"]["properties"]
    assert check["category"]["enum"] == [c.value for c in Category]
    assert check["severity"]["enum"] == [s.value for s in Severity]
    assert check["outcome"]["enum"] == [o.value for o in Outcome]
    assert check["impact"]["enum"] == [i.value for i in Impact]
    assert SCHEMA["properties"]["grade"]["enum"] == [*GRADES, None]
    assert SCHEMA["$defs"]["service_start"]["properties"]["cause"]["enum"] == [*(c.value for c in FailureCause), None]
    assert list(SCHEMA["$defs"]["change"]["properties"]) == [f.name for f in dataclasses.fields(Change)]
    assert list(SCHEMA["$defs"]["service_start"]["properties"]) == [f.name for f in dataclasses.fields(ServiceStart)]
    assert list(check) == [f.name for f in dataclasses.fields(CheckResult)]


def test_a_card_of_another_shape_is_refused() -> None:
    with pytest.raises(RecordingError, match="surprise"):
        from_json({**to_json(sample_card()), "surprise": 1})
