"""Rule files of Prometheus: the rules in them, and what is wrong with their form."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

__all__ = ["Rule", "RuleFault", "has_alerts", "has_records", "is_custom_resource", "loaded", "read_rules"]

MAX_RULES = 2000
MAX_FAULTS = 20
#: Values of a file once its aliases are written out. A rule has some ten; the largest collections have a thousand rules.
MAX_NODES = 200_000
#: Longer numbers stand in no rule; Python itself refuses to write very long ones.
MAX_INTEGER_BITS = 64
_DURATION = re.compile(r"(?:\d+(?:ms|[smhdwy]))+|0")
_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
#: Fields of a rule as Prometheus knows them; an unknown one makes it refuse the whole file.
_OF_ALERTS = frozenset({"alert", "expr", "for", "keep_firing_for", "labels", "annotations"})
_OF_RECORDS = frozenset({"record", "expr", "labels"})
_CUSTOM_RESOURCE = re.compile(r"^kind:\s*[\"']?PrometheusRule\b", re.MULTILINE)
_ALERT_LINE = re.compile(r"^\s*-?\s*\{?\s*alert\s*:", re.MULTILINE)
_RECORD_LINE = re.compile(r"^\s*-?\s*\{?\s*record\s*:", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One rule: an alert, or a recording of ``record``."""

    file: str
    group: str
    expr: str
    alert: str = ""
    record: str = ""

    @property
    def words(self) -> str:
        """``"alerts.yml: HighErrorRate"``."""
        return f"{self.file}: {self.alert or self.record}"


@dataclass(frozen=True, kw_only=True)
class RuleFault:
    """Something for which Prometheus refuses the file."""

    file: str
    words: str


def has_alerts(text: str) -> bool:
    """Whether a file may hold alert rules, at a glance."""
    return "groups:" in text and _ALERT_LINE.search(text) is not None


def has_records(text: str) -> bool:
    """Whether a file may hold recording rules, at a glance."""
    return "groups:" in text and _RECORD_LINE.search(text) is not None


def is_custom_resource(text: str) -> bool:
    """Whether it is the Prometheus operator's form: the same groups, one level deeper, which promtool does not read."""
    return _CUSTOM_RESOURCE.search(text) is not None


def read_rules(file: str, text: str) -> tuple[tuple[Rule, ...], tuple[RuleFault, ...]]:
    """The rules of a file, and what is wrong with its form; expressions are not read."""
    try:
        document = loaded(text)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        said = " ".join(str(error).split())[:200]
        return (), (RuleFault(file=file, words=f"it is no YAML: {said}"),)
    if isinstance(document, dict) and is_custom_resource(text):
        document = document.get("spec")
    groups = document.get("groups") if isinstance(document, dict) else None
    if not isinstance(groups, list):
        return (), (RuleFault(file=file, words="it has no list called groups"),)
    rules: list[Rule] = []
    words: list[str] = []
    for name, raw in _members(groups, words):
        if len(rules) >= MAX_RULES:
            words.append(f"it has more than {MAX_RULES} rules, and no more were read")
            break
        if len(words) < MAX_FAULTS:
            words += [f"group {name}: {fault}" for fault in _faults(raw)]
        if isinstance(raw, dict) and _scalar(raw.get("expr")):
            alert, record = _scalar(raw.get("alert")), _scalar(raw.get("record"))
            rules.append(Rule(file=file, group=name, expr=_scalar(raw["expr"]), alert=alert, record=record))
    return tuple(rules), tuple(RuleFault(file=file, words=fault) for fault in words[:MAX_FAULTS])


def _members(groups: list[Any], faults: list[str]) -> Iterator[tuple[str, Any]]:
    """Every rule with its group's name; what is wrong with a group is added to ``faults``."""
    names: set[str] = set()
    for number, group in enumerate(groups):
        name = _scalar(group.get("name")) if isinstance(group, dict) else ""
        if not name:
            faults.append(f"group {number} has no name")
            continue
        if name in names:
            faults.append(f"two groups are called {name[:60]}")
        names.add(name)
        members = group.get("rules")
        yield from ((name, raw) for raw in (members if isinstance(members, list) else []))


def loaded(text: str) -> Any:
    """What a YAML file of Prometheus' holds, unless its aliases make more of it than a person writes (the "billion laughs").

    Raises:
        yaml.YAMLError, ValueError: it is no YAML, or too much of it.
    """
    loader = yaml.SafeLoader(text)
    try:
        root = loader.get_single_node()
        if root is None:
            return None
        # Counted before anything is made of it: a merge key (``<<``) is written out while values are made.
        if _written_out(root, {}) > MAX_NODES:
            raise ValueError(f"its aliases stand for more than {MAX_NODES} values, or for themselves")
        return loader.construct_document(root)
    finally:
        loader.dispose()


def _written_out(node: yaml.Node, known: dict[int, int]) -> int:
    """How many nodes it is without aliases; more than any bound where it holds itself."""
    if id(node) in known:
        return known[id(node)]
    known[id(node)] = MAX_NODES + 1  # until it is counted: whoever meets it meanwhile is inside it
    inner: list[yaml.Node] = []
    if isinstance(node, yaml.SequenceNode):
        inner = list(node.value)
    elif isinstance(node, yaml.MappingNode):
        inner = [part for pair in node.value for part in pair]
    known[id(node)] = 1 + sum(_written_out(part, known) for part in inner)
    return known[id(node)]


def _scalar(value: Any) -> str:
    """Its text, empty where it has none: the text of a list of aliases can be far longer than the file."""
    if isinstance(value, int) and value.bit_length() > MAX_INTEGER_BITS:
        return ""
    return str(value) if isinstance(value, str | int | float) else ""


def _faults(raw: Any) -> Iterator[str]:
    if not isinstance(raw, dict):
        yield "a rule is no mapping"
        return
    name = _scalar(raw.get("alert")) or _scalar(raw.get("record")) or "?"
    if ("alert" in raw) == ("record" in raw):
        yield f"rule {name} is neither an alert nor a recording, or both"
    elif name == "?":
        yield "a rule has no name"
    if not _scalar(raw.get("expr")).strip():
        yield f"{name} has no expr"
    known = _OF_RECORDS if "record" in raw else _OF_ALERTS
    for key in raw:
        if key not in known:
            yield f"{name} has {_scalar(key)[:60]}, which Prometheus does not know there"
    for key in ("for", "keep_firing_for"):
        if key in raw and not _DURATION.fullmatch(_scalar(raw[key])):
            yield f"{name}: {key} is {_scalar(raw[key])[:40]!r}, which is no duration"
    if "record" in raw and not _NAME.fullmatch(name):
        yield f"{name[:60]!r} is no name for a metric"
