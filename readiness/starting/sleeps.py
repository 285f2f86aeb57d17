"""Fixed waits in shell scripts: a ``sleep`` that is reached once, whatever has become ready meanwhile. Pure.

Scripts are parsed with tree-sitter's grammar for bash, which also reads what it does not know to the end.
"""

from __future__ import annotations

import enum
import functools
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from readiness.facts.startup import Sleep

if TYPE_CHECKING:
    from tree_sitter import Node, Parser

__all__ = ["LONGEST_SECONDS", "Place", "sleeps_in", "starts_compose"]

#: Who sleeps longer keeps a container alive, or paces a job.
LONGEST_SECONDS = 600.0
_LOOPS = frozenset({"while_statement", "for_statement", "c_style_for_statement"})
_BRANCHES = frozenset({"if_statement", "elif_clause", "else_clause", "case_item"})
_UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?|\.\d+)([smhd]?)")
_UP = re.compile(r"\bdocker(?:-|\s+)compose\b[^\n;&|]*\sup\b")


class Place(enum.StrEnum):
    """Where a ``sleep`` stands."""

    FIXED = "fixed"
    LOOP = "in a loop"
    BRANCH = "in a branch"
    BACKGROUND = "in the background"
    TRAP = "at the end"
    LASTING = "for good"


def sleeps_in(script: str) -> tuple[Sleep, ...]:
    """Every ``sleep`` of a script, in order."""
    root = _parser().parse(script.encode("utf-8", "replace")).root_node
    calls = _calls(root)
    trapped = {word for node in _commands(root, "trap") for word in re.findall(r"[\w-]+", _text(node))}
    found = []
    for node in _commands(root, "sleep"):
        seconds = _seconds(node)
        place = Place.LASTING if seconds is not None and seconds > LONGEST_SECONDS else _place(node, calls, trapped)
        text = _text(node)
        found.append(Sleep(line=node.start_point[0] + 1, text=text[:80], seconds=seconds, place=place.value))
    return tuple(found)


def starts_compose(script: str) -> int | None:
    """The line, from 1, on which a script first brings a compose project up; None where none does."""
    for number, line in enumerate(script.splitlines(), start=1):
        if _UP.search(line) and not line.lstrip().startswith("#"):
            return number
    return None


@functools.cache
def _parser() -> Parser:
    import tree_sitter_bash  # noqa: PLC0415  # native code; only where there are scripts
    from tree_sitter import Language, Parser  # noqa: PLC0415  # as above

    return Parser(Language(tree_sitter_bash.language()))


def _walk(node: Node) -> Iterator[Node]:
    waiting = [node]
    while waiting:
        one = waiting.pop()
        yield one
        waiting += reversed(one.children)


def _commands(root: Node, name: str) -> Iterator[Node]:
    for node in _walk(root):
        if node.type == "command" and (word := node.child_by_field_name("name")) is not None and _text(word) == name:
            yield node


def _text(node: Node) -> str:
    return (node.text or b"").decode("utf-8", "replace")


def _calls(root: Node) -> dict[str, list[Node]]:
    """Function -> where it is called."""
    functions = {
        _text(name)
        for node in _walk(root)
        if node.type == "function_definition" and (name := node.child_by_field_name("name")) is not None
    }
    return {name: list(_commands(root, name)) for name in functions}


def _place(node: Node, calls: dict[str, list[Node]], trapped: set[str], depth: int = 0) -> Place:
    if _is_in_background(node):
        return Place.BACKGROUND
    child, parent = node, node.parent
    while parent is not None:
        if parent.type in _LOOPS:
            return Place.LOOP
        if parent.type in _BRANCHES or (parent.type == "list" and _is_second(parent, child)):
            return Place.BRANCH
        if parent.type == "function_definition":
            name = _text(word) if (word := parent.child_by_field_name("name")) is not None else ""
            if name in trapped:
                return Place.TRAP
            # Of several calls the one that waits most plainly decides; a function that nobody calls waits for nobody.
            places = [_place(call, calls, trapped, depth + 1) for call in calls.get(name, ()) if depth < len(calls) + 1]
            return Place.FIXED if Place.FIXED in places else places[0] if places else Place.BRANCH
        child, parent = parent, parent.parent
    return Place.FIXED


def _is_in_background(node: Node) -> bool:
    following = node.next_sibling
    return following is not None and following.type == "&"


def _is_second(parent: Node, child: Node) -> bool:
    """Whether it is what is only done when (or unless) something before it succeeds."""
    return parent.children[0].id != child.id


def _seconds(node: Node) -> float | None:
    words = [_text(word) for word in node.children_by_field_name("argument")]
    if words and words[0] in {"infinity", "inf"}:
        return float(10**9)
    parts = [_DURATION.fullmatch(word) for word in words]
    if not parts or not all(parts):
        return None
    return sum(float(part[1]) * _UNITS[part[2]] for part in parts if part)
