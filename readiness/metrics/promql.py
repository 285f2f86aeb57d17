"""Expressions of PromQL: which series they need, and with which figures they compare."""

from __future__ import annotations

import contextlib
import json
import operator
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import promql_parser

__all__ = ["Comparison", "Expression", "Selector", "parse"]

#: Longer and deeper than anything a person writes; the parser's own stack is not ours to try.
MAX_CHARS, MAX_DEPTH = 10_000, 64
_COMPARING = {">": "<", "<": ">", ">=": "<=", "<=": ">=", "==": "==", "!=": "!="}
_CALCULATING: dict[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
}
_SIGNS = {"MatchOp.Equal": "=", "MatchOp.NotEqual": "!=", "MatchOp.Re": "=~", "MatchOp.NotRe": "!~"}
#: They ask whether something is missing.
_ABSENT = frozenset({"absent", "absent_over_time"})


@dataclass(frozen=True, kw_only=True)
class Selector:
    """A selector of series. ``name`` is empty where the expression leaves it open.

    Attributes:
        equal: label -> the one value it asks for.
        labels: every label that it speaks of.
        needed: labels that a series must have to be found. PromQL takes a label that is not there for an empty one, so
            what also asks for the empty value needs none.
        text: it alone, without range and offset; empty where it has alternatives, which Prometheus does not know.
    """

    name: str
    equal: dict[str, str]
    labels: frozenset[str]
    needed: frozenset[str] = frozenset()
    text: str = ""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Something compared with a figure; the figure stands on the right."""

    operator: str
    figure: float


class Expression:
    """A parsed expression. Made by :func:`parse`."""

    def __init__(self, root: Any) -> None:
        self._root = root

    @property
    def is_scalar(self) -> bool:
        """Whether it comes to one number without labels."""
        return _is_scalar(self._root)

    def selectors(self) -> tuple[Selector, ...]:
        """Every selector, in the order in which they stand."""
        return tuple(_selector(node) for node in _nodes(self._root) if isinstance(node, promql_parser.VectorSelector))

    def lacking(self, exists: Callable[[Selector], bool]) -> tuple[Selector, ...]:
        """The selectors without which it finds nothing, of those that do not exist.

        What an alternative replaces (``or``), what only takes away (``unless``) and what is asked to be absent may be
        missing.
        """
        return tuple(_lacking(self._root, exists))

    def absences(self) -> tuple[Selector, ...]:
        """The selectors of which it asks whether they find nothing."""
        calls = (n for n in _nodes(self._root) if isinstance(n, promql_parser.Call) and n.func.name in _ABSENT)
        inner = (node for call in calls for node in _nodes(call))
        return tuple(_selector(node) for node in inner if isinstance(node, promql_parser.VectorSelector))

    def comparisons(self) -> tuple[Comparison, ...]:
        """Every comparison with a figure."""
        return tuple(found for node in _nodes(self._root) if (found := _comparison(node)) is not None)


def parse(text: str) -> Expression | str:
    """Read an expression; what speaks against it where it cannot be read."""
    if len(text) > MAX_CHARS or _depth(text) > MAX_DEPTH:
        return "it is longer or deeper than what is read"
    try:
        return Expression(promql_parser.parse(text))
    except ValueError as error:
        return str(error).strip().splitlines()[0][:200] if str(error).strip() else "it does not parse"


def _depth(text: str) -> int:
    deepest = depth = 0
    for character in text:
        depth += character in "([{"
        depth -= character in ")]}"
        deepest = max(deepest, depth)
    return deepest


def _children(node: Any) -> Iterator[Any]:
    for name in ("lhs", "rhs", "expr", "param", "vector_selector"):
        child = getattr(node, name, None)
        if isinstance(child, promql_parser.Expr):
            yield child
    yield from (child for child in getattr(node, "args", None) or [] if isinstance(child, promql_parser.Expr))


def _nodes(node: Any) -> Iterator[Any]:
    yield node
    for child in _children(node):
        yield from _nodes(child)


def _is_scalar(node: Any) -> bool:
    match node:
        case promql_parser.NumberLiteral():
            return True
        case promql_parser.ParenExpr() | promql_parser.UnaryExpr():
            return _is_scalar(node.expr)
        case promql_parser.BinaryExpr():
            return _is_scalar(node.lhs) and _is_scalar(node.rhs)
        case promql_parser.Call():
            return bool(node.func.return_type == promql_parser.ValueType.Scalar)
        case _:
            return False


def _selector(node: Any) -> Selector:
    matchers = [m for group in (node.matchers.matchers, *(node.matchers.or_matchers or [])) for m in group]
    equal = {m.name: m.value for m in matchers if m.op == promql_parser.MatchOp.Equal}
    name = node.name or equal.pop("__name__", "")
    has_alternatives = bool(node.matchers.or_matchers)
    needed = frozenset(m.name for m in matchers if not has_alternatives and not _takes_empty(m))
    return Selector(
        name=name,
        equal=equal,
        labels=frozenset(m.name for m in matchers) - {"__name__"},
        needed=needed - {"__name__"},
        text="" if has_alternatives else f"{node.name or ''}{{{','.join(_written(m) for m in matchers)}}}",
    )


def _takes_empty(matcher: Any) -> bool:
    """Whether it lets an empty value through; so does one whose expression cannot be read here."""
    sign = _SIGNS[str(matcher.op)]
    if sign in {"=", "!="}:
        return bool(matcher.value == "") == (sign == "=")
    try:
        found = re.fullmatch(matcher.value, "") is not None
    except (re.error, RecursionError, OverflowError):
        return True
    return found == (sign == "=~")


def _written(matcher: Any) -> str:
    # The parser's own text leaves quotes as they are.
    return f"{matcher.name}{_SIGNS[str(matcher.op)]}{json.dumps(matcher.value, ensure_ascii=False)}"


def _lacking(node: Any, exists: Callable[[Selector], bool]) -> Iterator[Selector]:
    if isinstance(node, promql_parser.VectorSelector):
        selector = _selector(node)
        if selector.name and not exists(selector):
            yield selector
        return
    if isinstance(node, promql_parser.Call) and node.func.name in _ABSENT:
        return
    if isinstance(node, promql_parser.BinaryExpr):
        joining = str(node.op)
        if joining == "or":
            left, right = tuple(_lacking(node.lhs, exists)), tuple(_lacking(node.rhs, exists))
            yield from (*left, *right) if left and right else ()
            return
        if joining == "unless":
            yield from _lacking(node.lhs, exists)
            return
    for child in _children(node):
        yield from _lacking(child, exists)


def _comparison(node: Any) -> Comparison | None:
    if not isinstance(node, promql_parser.BinaryExpr) or str(node.op) not in _COMPARING:
        return None
    left, right = _figure(node.lhs), _figure(node.rhs)
    if right is not None and left is None:
        return Comparison(operator=str(node.op), figure=right)
    if left is not None and right is None:
        return Comparison(operator=_COMPARING[str(node.op)], figure=left)
    return None


def _figure(node: Any) -> float | None:
    """The number that an expression of numbers alone comes to."""
    match node:
        case promql_parser.NumberLiteral():
            return float(node.val)
        case promql_parser.ParenExpr():
            return _figure(node.expr)
        case promql_parser.UnaryExpr():
            inner = _figure(node.expr)
            return None if inner is None else -inner
        case promql_parser.BinaryExpr():
            left, right, calculate = _figure(node.lhs), _figure(node.rhs), _CALCULATING.get(str(node.op))
            if left is not None and right is not None and calculate is not None:
                with contextlib.suppress(ArithmeticError):
                    return calculate(left, right)
        case _:
            pass
    return None
