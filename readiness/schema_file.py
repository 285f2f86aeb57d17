"""Hold a YAML document against one of the shipped JSON Schemas, and say what is wrong in the owner's words."""

from __future__ import annotations

import difflib
import functools
import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema

from readiness.exceptions import ConfigError
from readiness.yaml_source import Document, Keys

__all__ = ["MAX_PROBLEMS", "did_you_mean", "load_schema", "schema_text", "shown_value", "validate"]

#: Problems told at once: enough to fix a file in two or three rounds, few enough to be read.
MAX_PROBLEMS = 5
#: A mistyped key often causes the other problems (what is required is then "missing"), so it comes first.
_RELEVANCE = ("additionalProperties", "unevaluatedProperties", "type", "enum", "const", "required")
_KINDS = {
    "array": "a list",
    "boolean": "true or false",
    "integer": "a whole number",
    "null": "nothing",
    "number": "a number",
    "object": "a mapping",
    "string": "text",
}


@dataclass(frozen=True, kw_only=True)
class _Problem:
    rank: int
    line: int
    message: str


def schema_text(name: str) -> str:
    """The text of ``schemas/NAME.schema.json``: target, profile or scorecard."""
    return (Path(__file__).parent / "schemas" / f"{name}.schema.json").read_text(encoding="utf-8")


@functools.cache
def load_schema(name: str) -> dict[str, Any]:
    """The parsed schema; shared, so not to be changed."""
    schema: dict[str, Any] = json.loads(schema_text(name))
    return schema


def did_you_mean(word: str, known: Collection[str]) -> str:
    """`` did you mean `x`?`` with the nearest known word, else the whole list where it is short."""
    if near := difflib.get_close_matches(word, list(known), n=1, cutoff=0.6):
        return f"did you mean `{near[0]}`?"
    listed = ", ".join(sorted(known)[:40])
    return f"valid here: {listed}" if listed else "nothing is valid here"


def shown_value(value: Any) -> str:
    """A value of the owner's as an error shows it: its kind, and the value itself where it is short."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "true" if value else "false"
        case str():
            return f"the text {value[:60]!r}"
        case int() | float():
            return f"the number {value:.15g}"
        case list():
            return "a list"
        case _:
            return "a mapping"


def validate(document: Document, schema_name: str) -> None:
    """Accept the document or say what is wrong with it.

    Raises:
        ConfigError: up to :data:`MAX_PROBLEMS` problems, the most telling first, each with its line.
    """
    schema = load_schema(schema_name)
    validator = jsonschema.Draft202012Validator(schema)
    problems = {
        problem for error in validator.iter_errors(document.data) for problem in _problems_of(error, document, schema)
    }
    if not problems:
        return
    first, *others = sorted(problems, key=lambda p: (p.rank, p.line, p.message))
    told = [f"\n  line {p.line}: {p.message}" for p in others[: MAX_PROBLEMS - 1]]
    more = len(others) - len(told)
    told += [f"\n  and {more} more"] if more > 0 else []
    raise ConfigError(first.message + "".join(told), file=document.file, line=first.line)


def _problems_of(error: jsonschema.ValidationError, document: Document, schema: dict[str, Any]) -> Iterator[_Problem]:
    keys: Keys = tuple(error.absolute_path)
    rule = str(error.validator)
    rank = _RELEVANCE.index(rule) if rule in _RELEVANCE else len(_RELEVANCE)
    where = _dotted(keys)
    if rule in {"additionalProperties", "unevaluatedProperties"} and isinstance(error.instance, dict):
        known = _known_keys(error.schema, schema)
        for key in [key for key in error.instance if key not in known and (keys or not key.startswith("x-"))]:
            inside = f" in {where}" if where else ""
            yield _Problem(
                rank=rank,
                line=document.line_of((*keys, key)),
                message=f"unknown key `{key[:80]}`{inside}, {did_you_mean(key, known)}",
            )
        return
    if rule == "required":
        required: Any = error.validator_value
        missing = [key for key in required if not isinstance(error.instance, dict) or key not in error.instance]
        wanted = ", ".join(f"`{key}`" for key in missing)
        yield _Problem(rank=rank, line=document.line_of(keys), message=f"{where or 'the file'} needs {wanted}")
        return
    if "propertyNames" in error.absolute_schema_path:
        expected = error.schema.get("description", "another name") if isinstance(error.schema, dict) else "another name"
        message = f"the key `{str(error.instance)[:80]}` in {where or 'the file'} is not {expected}"
        yield _Problem(rank=rank, line=document.line_of((*keys, str(error.instance))), message=message)
        return
    message = f"{where or 'the file'}: expected {_expected(error)}, found {shown_value(error.instance)}"
    yield _Problem(rank=rank, line=document.line_of(keys), message=message)


def _expected(error: jsonschema.ValidationError) -> str:  # noqa: PLR0911  # one flat table of rules reads best
    rule = str(error.validator)
    value: Any = error.validator_value
    description = error.schema.get("description", "") if isinstance(error.schema, dict) else ""
    match rule:
        case "type":
            kinds = [value] if isinstance(value, str) else value
            wanted = " or ".join(_KINDS[kind] for kind in kinds)
            return f"{wanted} ({description})" if description and error.absolute_path else wanted
        case "enum":
            listed = ", ".join(str(option) for option in value)
            near = difflib.get_close_matches(str(error.instance), [str(option) for option in value], n=1)
            return f"one of {listed}{f' (did you mean {near[0]}?)' if near else ''}"
        case "minLength" | "minItems" | "minProperties":
            return description or "something, not an empty value"
        case "maxItems" | "maxProperties":
            return f"at most {value} entries"
        case "minimum" | "exclusiveMinimum":
            return f"{'at least' if rule == 'minimum' else 'more than'} {value}"
        case "maximum":
            return f"at most {value}"
        case _:
            return description or f"what {rule} {value!r} says"


def _known_keys(part: Any, root: dict[str, Any], depth: int = 0) -> list[str]:
    """The keys that a part of the schema names, through its references."""
    if not isinstance(part, dict) or depth > 5:  # noqa: PLR2004  # references nest two deep in ours; a cycle must end
        return []
    keys = list(part.get("properties", {}))
    if "$ref" in part:
        target: Any = root
        for step in part["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        keys += _known_keys(target, root, depth + 1)
    for option in part.get("allOf", []):
        keys += _known_keys(option, root, depth + 1)
    return keys


def _dotted(keys: Keys) -> str:
    """``login.users[0].name``."""
    text = ""
    for key in keys:
        text += f"[{key}]" if isinstance(key, int) else f".{key}" if text else key
    return text
