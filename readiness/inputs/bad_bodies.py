"""Bodies that no service can mean to accept, or that programs stumble over: what a generator of schemas does not make.

Each has a reason that was seen in a real service: a parser that recurses, a number that no column holds, a character that a
database refuses.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["BadBody", "bad_bodies", "place"]

#: The ledger's depth; most parsers recurse once a level, and many stop at about this many.
DEPTH = 1000
#: Of one body's members so many are spoilt.
MAX_MEMBERS = 6
#: One more than the largest 64-bit integer, and one that no usual number type holds.
HUGE = 2**63
BEYOND = 10**400
#: Python refuses to read a number of more digits than 4300 (sys.set_int_max_str_digits).
DIGITS = 5000


@dataclass(frozen=True, kw_only=True)
class BadBody:
    """A body and what is wrong with it; ``is_broken`` where it is no JSON at all, so that nobody can accept it."""

    what: str
    content: bytes
    is_broken: bool = False


def bad_bodies(example: Any) -> Iterator[BadBody]:
    """Spoil a good body, in the order of what is most telling."""
    yield BadBody(what="broken JSON", content=b'{"a": ', is_broken=True)
    yield BadBody(what="bytes that are no UTF-8", content=b'{"a": "\xff\xfe\x80"}')
    yield BadBody(what=f"{DEPTH} lists in each other", content=b"[" * DEPTH + b"]" * DEPTH)
    yield BadBody(what=f"{DEPTH} objects in each other", content=b'{"a":' * DEPTH + b"1" + b"}" * DEPTH)
    yield BadBody(what="an empty body", content=b"")
    yield BadBody(what="null", content=b"null")
    yield BadBody(what="a list in place of an object", content=b"[]")
    yield BadBody(what="a text in place of an object", content=b'"x"')
    if not isinstance(example, Mapping):
        return
    members = [name for name in example if isinstance(name, str)][:MAX_MEMBERS]
    for name in members:
        yield _with(example, name, None, f"{name} is null")
        yield BadBody(what=f"{name} is missing", content=_json({k: v for k, v in example.items() if k != name}))
        for what, value in _SPOILT:
            # A text in place of a text is another good body.
            is_good = value == example[name] or (value is _TEXT and isinstance(example[name], str))
            if not is_good:
                yield _with(example, name, value, f"{name} is {what}")
        yield BadBody(what=f"{name} is NaN", content=_raw(example, name, "NaN"))
        yield BadBody(what=f"{name} is a number of {DIGITS} digits", content=_raw(example, name, "9" * DIGITS))


_TEXT = "a text, not a number; ' OR 1=1 --"
_SPOILT: tuple[tuple[str, Any], ...] = (
    ("a text with a NUL character", "a\x00b"),
    ("half of a surrogate pair", "\ud800"),
    ("an object", {"x": {}}),
    ("a list", [[]]),
    ("a truth value", True),
    ("a negative number", -1),
    ("a number beyond 64 bits", HUGE),
    ("a number beyond every type", BEYOND),
    ("a text", _TEXT),
)


def _with(example: Mapping[str, Any], name: str, value: Any, what: str) -> BadBody:
    return BadBody(what=what, content=_json({**example, name: value}))


def _json(data: Any) -> bytes:
    # Escaped, because a lone surrogate cannot be encoded otherwise.
    return json.dumps(data).encode()


def _raw(example: Mapping[str, Any], name: str, literal: str) -> bytes:
    mark = "readiness-literal"
    return json.dumps({**example, name: mark}).replace(f'"{mark}"', literal).encode()


def place(body: Any, at: str, value: Any) -> Any:
    """A copy of a JSON body with ``value`` at a dotted place.

    Raises:
        KeyError: there is no such place.
    """
    first, _, rest = at.partition(".")
    if not isinstance(body, Mapping) or first not in body:
        raise KeyError(at)
    return {**body, first: place(body[first], rest, value) if rest else value}
