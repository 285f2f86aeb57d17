"""Read YAML that somebody else wrote: safe, bounded, and with the line of every value.

Scalars resolve as compose resolves them (YAML 1.2 plus the octal ``010``, ``0b`` and ``_`` of Go's yaml.v3), so that
``off``, ``yes`` and ``12:30`` stay text; dates stay text too. The result holds only what JSON can hold.
Every problem is a :class:`~readiness.exceptions.ConfigError` with file and line.
"""

from __future__ import annotations

import math
import re
import stat
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from yaml.composer import Composer
from yaml.parser import Parser
from yaml.reader import Reader, ReaderError
from yaml.resolver import BaseResolver
from yaml.scanner import Scanner

from readiness.exceptions import ConfigError

if TYPE_CHECKING:
    from yaml.nodes import Node

__all__ = ["MAX_BYTES", "MAX_DEPTH", "MAX_NODES", "Document", "Keys", "load", "parse"]

#: A declaration of a large stack is some ten KiB. The parser takes about three seconds for this much.
MAX_BYTES = 256 * 1024
#: Nodes after aliases are expanded: what stops a "billion laughs" file, far above any honest one.
MAX_NODES = 20_000
#: The deepest honest path (``upstreams.X.call.json...``) is about ten; the parser recurses once per level.
MAX_DEPTH = 40
#: Go's yaml.v3 keeps integers of up to 64 bits and makes floats of larger ones.
MAX_INTEGER_BITS = 64

_TAG = "tag:yaml.org,2002:"
_MERGE = f"{_TAG}merge"
_SCALARS = {f"{_TAG}{name}" for name in ("str", "int", "float", "bool", "null")}
_PLAIN_TAGS = _SCALARS | {f"{_TAG}map", f"{_TAG}seq", _MERGE}
_INTEGER = re.compile(r"[-+]?(?:0[bB][01_]+|0[xX][0-9a-fA-F_]+|0[oO][0-7_]+|[0-9][0-9_]*)\Z")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9][0-9_]*(?:\.[0-9_]*)?)(?:[eE][-+]?[0-9]+)?\Z")
_INFINITE = re.compile(r"(?:[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))\Z")
_TRUE, _FALSE = {"true", "True", "TRUE"}, {"false", "False", "FALSE"}

#: Where a value stands: mapping keys and list positions from the top.
Keys = tuple[str | int, ...]


@dataclass(frozen=True, kw_only=True)
class Document:
    """What a YAML file holds, and where.

    Attributes:
        file: as it is named to the owner.
        data: None, bool, int, float, str, list or dict with text keys.
        lines: keys from the top -> 1-based line: of the key for a value in a mapping, of the item in a list.
    """

    file: str
    data: Any
    lines: dict[Keys, int] = field(default_factory=dict, repr=False)

    def line_of(self, keys: Iterable[str | int] | str) -> int:
        """The line of a value, or of its nearest parent that exists.

        Args:
            keys: ``("probes", "live")``, or a JSON pointer such as ``"/probes/live"``.
        """
        if isinstance(keys, str):
            parts = [part.replace("~1", "/").replace("~0", "~") for part in keys.split("/")[1:]]
            keys = [int(part) if part.isdecimal() else part for part in parts]
        path = tuple(keys)
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


def load(path: Path, *, shown: str | None = None, local_tags: frozenset[str] = frozenset()) -> Document:
    """Read a file.

    Args:
        path: a regular file of at most :data:`MAX_BYTES`.
        shown: how errors name it; default: its path.
        local_tags: tags such as ``"!reset"`` that are ignored instead of refused.

    Raises:
        ConfigError: the file cannot be read, or :func:`parse` refuses it.
    """
    name = shown or str(path)
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise ConfigError("this is a folder, expected a YAML file", file=name, hint="name the file inside it")
        if not stat.S_ISREG(mode):  # a pipe would block, a device would never end
            raise ConfigError("this is not a regular file, expected a YAML file", file=name)
        with path.open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise ConfigError("there is no such file", file=name, hint="check the path") from error
    except (OSError, ValueError) as error:  # ValueError: a path with a NUL character
        why = getattr(error, "strerror", None) or str(error)
        raise ConfigError(
            f"the file cannot be read: {why}", file=name, hint="check its path and permissions"
        ) from error
    return parse(raw, file=name, local_tags=local_tags)


def parse(raw: bytes, *, file: str, local_tags: frozenset[str] = frozenset()) -> Document:
    """Read YAML from memory; arguments as in :func:`load`.

    Raises:
        ConfigError: not UTF-8, not YAML, empty, several documents, a repeated key, a key that is not text, a custom
            tag, or beyond a bound.
    """
    if len(raw) > MAX_BYTES:
        raise ConfigError(f"the file is larger than {MAX_BYTES // 1024} KiB", file=file, hint="is this the right file?")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        kind = "a binary file" if b"\0" in raw else f"byte 0x{raw[error.start]:02x} is not UTF-8"
        raise ConfigError(f"expected UTF-8 text: {kind}", file=file, line=line, hint="save it as UTF-8") from error
    try:
        loader = _Loader(text, file=file, local_tags=local_tags)
        node = loader.get_single_node()
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        what = f"character U+{ord(text[error.position]):04X} is not allowed in YAML"
        raise ConfigError(what, file=file, line=line, hint="remove it, or write it as an escape in quotes") from error
    except yaml.MarkedYAMLError as error:
        raise _malformed(error, file=file) from error
    except (yaml.YAMLError, ValueError, OverflowError, IndexError) as error:  # the scanner gives odd escapes to chr()
        raise ConfigError(f"this is not YAML: {error!s:.200}", file=file) from error
    if node is None:
        raise ConfigError(
            "the file is empty, expected a mapping such as `name: shop`",
            file=file,
            line=1,
            hint="write it, or remove the file",
        )
    builder = _Builder(file)
    data = builder.build(node, ())
    return Document(file=file, data=data, lines=builder.lines)


class _Loader(Reader, Scanner, Parser, Composer, BaseResolver):
    """Text to nodes, one by one, so that a bound stops a hostile file before it is held in memory."""

    # A wildcard list: every plain scalar is tried in this order; what matches none is text.
    yaml_implicit_resolvers = {  # noqa: RUF012  # PyYAML's own shape of a class attribute
        None: [
            (f"{_TAG}null", re.compile(r"(?:~|null|Null|NULL|)\Z")),
            (f"{_TAG}bool", re.compile(r"(?:true|True|TRUE|false|False|FALSE)\Z")),
            (f"{_TAG}int", _INTEGER),
            (f"{_TAG}float", _FLOAT),
            (f"{_TAG}float", _INFINITE),
            (_MERGE, re.compile(r"<<\Z")),
        ]
    }

    def __init__(self, text: str, *, file: str, local_tags: frozenset[str]) -> None:
        Reader.__init__(self, text)
        Scanner.__init__(self)
        Parser.__init__(self)
        Composer.__init__(self)
        BaseResolver.__init__(self)
        self._file, self._local_tags = file, local_tags
        self._count = self._depth = 0

    def compose_node(self, parent: Node | None, index: Any) -> Node | None:
        """One node; refuses custom tags and what exceeds the bounds."""
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]  # untyped in PyYAML's stubs
        line = event.start_mark.line + 1
        self._count += 1
        self._depth += 1
        if self._count > MAX_NODES:
            raise _too_much(f"more than {MAX_NODES} values", file=self._file, line=line)
        if self._depth > MAX_DEPTH:
            raise _too_much(f"nested more than {MAX_DEPTH} levels deep", file=self._file, line=line)
        tag = getattr(event, "tag", None)
        if tag in self._local_tags:
            event.tag = None
            if isinstance(event, yaml.ScalarEvent):
                event.implicit = (event.style is None, True)
        elif tag not in {None, "!"} and tag not in _PLAIN_TAGS:
            shown = tag.replace(_TAG, "!!")
            raise ConfigError(
                f"the tag {shown[:80]} is not supported: this file may hold plain data only",
                file=self._file,
                line=line,
                hint="write text, numbers, lists and mappings without a tag",
            )
        node: Node | None = super().compose_node(parent, index)
        self._depth -= 1
        return node


class _Builder:
    """Nodes to data: resolves aliases and merge keys within the bound, and keeps the lines."""

    def __init__(self, file: str) -> None:
        self.lines: dict[Keys, int] = {}
        self._file = file
        self._count = self._characters = 0
        self._open: set[int] = set()

    def build(self, node: Node, keys: Keys) -> Any:
        line = node.start_mark.line + 1
        self.lines.setdefault(keys, line)
        self._count += 1
        if self._count > MAX_NODES:
            raise _too_much(f"more than {MAX_NODES} values once aliases are expanded", file=self._file, line=line)
        if len(keys) > MAX_DEPTH:
            raise _too_much(f"nested more than {MAX_DEPTH} levels deep", file=self._file, line=line)
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, line)
        if id(node) in self._open:
            raise ConfigError(
                "an alias refers to a value that contains it", file=self._file, line=line, hint="remove the alias"
            )
        if node.tag not in ({f"{_TAG}seq"} if isinstance(node, yaml.SequenceNode) else {f"{_TAG}map"}):
            raise self._mistagged(node.tag, "a list" if isinstance(node, yaml.SequenceNode) else "a mapping", line)
        self._open.add(id(node))
        try:
            if isinstance(node, yaml.SequenceNode):
                return [self.build(item, (*keys, position)) for position, item in enumerate(node.value)]
            return self._mapping(node, keys)
        finally:
            self._open.discard(id(node))

    def _mapping(self, node: Node, keys: Keys) -> dict[str, Any]:
        own: dict[str, int] = {}
        data: dict[str, Any] = {}
        merges = []
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if key_node.tag == _MERGE:
                merges.append(value_node)
                continue
            key = self._key(key_node, line)
            if key in own:
                raise ConfigError(
                    f"the key {key[:80]!r} is written twice, first on line {own[key]}",
                    file=self._file,
                    line=line,
                    hint="keep one of them",
                )
            own[key] = line
            self.lines.setdefault((*keys, key), line)  # own keys come first, what is merged in keeps off their lines
            data[key] = self.build(value_node, (*keys, key))
        for value_node in merges:  # the YAML merge type: own keys win, then earlier sources
            for source in value_node.value if isinstance(value_node, yaml.SequenceNode) else [value_node]:
                for key, value in self._merged(source, keys).items():
                    data.setdefault(key, value)
        return data

    def _merged(self, node: Node, keys: Keys) -> dict[str, Any]:
        if not isinstance(node, yaml.MappingNode):
            line = node.start_mark.line + 1
            raise ConfigError("the merge key `<<` takes a mapping or a list of mappings", file=self._file, line=line)
        value: dict[str, Any] = self.build(node, keys)
        return value

    def _key(self, node: Node, line: int) -> str:
        self._count += 1
        if not isinstance(node, yaml.ScalarNode):
            raise ConfigError(
                "a key must be text, this one is a list or a mapping",
                file=self._file,
                line=line,
                hint="a value in braces or brackets cannot be a key",
            )
        value = self._scalar(node, line)
        if not isinstance(value, str):
            kind = {bool: "true or false", type(None): "empty"}.get(type(value), "a number")
            raise ConfigError(
                f"a key must be text, {node.value[:80]!r} is {kind}",
                file=self._file,
                line=line,
                hint="put it in quotes",
            )
        return value

    def _scalar(self, node: Node, line: int) -> Any:
        text: str = node.value
        kind = node.tag.removeprefix(_TAG)
        if kind in {"str", "merge"}:
            if any("\ud800" <= character <= "\udfff" for character in text):  # from an escape; no encoding can write it
                raise ConfigError("half of a surrogate pair is not a character", file=self._file, line=line)
            self._characters += len(text)
            if self._characters > MAX_BYTES:  # a long text behind many aliases
                what = f"more than {MAX_BYTES // 1024} KiB of text once aliases are expanded"
                raise _too_much(what, file=self._file, line=line)
            return text
        if kind == "null" and text in {"", "~", "null", "Null", "NULL"}:
            return None
        if kind == "bool" and text in _TRUE | _FALSE:
            return text in _TRUE
        if kind in {"int", "float"} and (_INTEGER.match(text) or _FLOAT.match(text)):
            value = _number(text)
            if math.isfinite(value):
                return float(value) if kind == "float" else value
        if kind in {"int", "float"} and (_INFINITE.match(text) or _FLOAT.match(text)):
            raise ConfigError(
                f"{text[:40]} is not a finite number", file=self._file, line=line, hint="quote it if it is text"
            )
        raise self._mistagged(node.tag, f"{text[:40]!r}", line)

    def _mistagged(self, tag: str, what: str, line: int) -> ConfigError:
        shown = tag.replace(_TAG, "!!")
        return ConfigError(
            f"{what} does not fit the tag {shown[:80]}", file=self._file, line=line, hint="remove the tag"
        )


def _number(text: str) -> int | float:
    """A number as Go's yaml.v3 reads it: base by prefix, a leading zero is octal where it can be, else decimal."""
    plain = text.replace("_", "")
    sign = -1 if plain.startswith("-") else 1
    digits = plain.lstrip("+-").lower()
    base = {"0b": 2, "0o": 8, "0x": 16}.get(digits[:2], 8 if re.fullmatch(r"0[0-7]+", digits) else 10)
    body = digits[2:] if base in {2, 16} or digits.startswith("0o") else digits
    # A longer literal cannot fit 64 bits in any base (binary is the longest); Python also refuses huge int() texts.
    if len(body) <= MAX_INTEGER_BITS and (base != 10 or body.isdecimal()):  # noqa: PLR2004  # decimal
        value = int(body or "0", base)
        if value.bit_length() <= MAX_INTEGER_BITS:
            return sign * value
    try:
        return sign * float(digits if base in {8, 10} else int(body[:400], base))
    except (ValueError, OverflowError):
        return math.inf


def _malformed(error: yaml.MarkedYAMLError, *, file: str) -> ConfigError:
    mark = error.problem_mark or error.context_mark
    line = mark.line + 1 if mark else None
    problem = error.problem or "this is not YAML"
    if r"'\t'" in problem:
        return ConfigError(
            "a tab is used for indentation, YAML takes spaces only",
            file=file,
            line=line,
            hint="replace the tab by spaces",
        )
    if "single document" in str(error.context):
        return ConfigError(
            "expected one YAML document, found a second one after `---`", file=file, line=line, hint="keep one"
        )
    context = f" ({error.context})" if error.context else ""
    hint = "check indentation, quotes and colons here and on the line above"
    return ConfigError(f"this is not YAML: {problem[:200]}{context[:120]}", file=file, line=line, hint=hint)


def _too_much(what: str, *, file: str, line: int) -> ConfigError:
    return ConfigError(f"the file holds {what}", file=file, line=line, hint="is this the right file?")
