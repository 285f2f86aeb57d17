"""Rule files of Prometheus: the rules in them, and what is wrong with their form."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

__all__ = ["Rule", "RuleFault", "has_alerts", "is_custom_resource", "jobs_of", "read_rules"]

MAX_RULES = 2000
MAX_FAULTS = 20
_DURATION = re.compile(r"(?:\d+(?:ms|[smhdwy]))+|0")
_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
#: Fields of a rule as Prometheus knows them; an unknown one makes it refuse the whole file.
_OF_ALERTS = frozenset({"alert", "expr", "for", "keep_firing_for", "labels", "annotations"})
_OF_RECORDS = frozenset({"record", "expr", "labels"})
_CUSTOM_RESOURCE = re.compile(r"^kind:\s*[\"']?PrometheusRule\b", re.MULTILINE)
_ALERT_LINE = re.compile(r"^\s*-?\s*alert\s*:", re.MULTILINE)


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


def is_custom_resource(text: str) -> bool:
    """Whether it is the Prometheus operator's form: the same groups, one level deeper, which promtool does not read."""
    return _CUSTOM_RESOURCE.search(text) is not None


def read_rules(file: str, text: str) -> tuple[tuple[Rule, ...], tuple[RuleFault, ...]]:
    """The rules of a file, and what is wrong with its form; expressions are not read."""
    try:
        document = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError) as error:
        words = " ".join(str(error).split())[:200]
        return (), (RuleFault(file=file, words=f"it is no YAML: {words}"),)
    if isinstance(document, dict) and is_custom_resource(text):
        document = document.get("spec")
    groups = document.get("groups") if isinstance(document, dict) else None
    if not isinstance(groups, list):
        return (), (RuleFault(file=file, words="it has no list called groups"),)
    rules: list[Rule] = []
    faults: list[RuleFault] = []
    names: set[str] = set()
    for number, group in enumerate(groups):
        if not isinstance(group, dict) or not isinstance(group.get("name"), str):
            faults.append(RuleFault(file=file, words=f"group {number} has no name"))
            continue
        if group["name"] in names:
            faults.append(RuleFault(file=file, words=f"two groups are called {group['name']}"))
        names.add(group["name"])
        members = group.get("rules") or []
        for raw in members[:MAX_RULES] if isinstance(members, list) else []:
            problems = list(_faults(raw))
            faults += [RuleFault(file=file, words=f"group {group['name']}: {words}") for words in problems]
            if isinstance(raw, dict) and isinstance(raw.get("expr"), str | int | float):
                rules.append(
                    Rule(
                        file=file,
                        group=group["name"],
                        expr=str(raw["expr"]),
                        alert=str(raw.get("alert") or ""),
                        record=str(raw.get("record") or ""),
                    )
                )
    return tuple(rules), tuple(faults[:MAX_FAULTS])


def _faults(raw: Any) -> Iterator[str]:
    if not isinstance(raw, dict):
        yield "a rule is no mapping"
        return
    name = str(raw.get("alert") or raw.get("record") or "?")
    if ("alert" in raw) == ("record" in raw):
        yield f"rule {name} is neither an alert nor a recording, or both"
    if not str(raw.get("expr") or "").strip():
        yield f"{name} has no expr"
    known = _OF_RECORDS if "record" in raw else _OF_ALERTS
    for key in raw:
        if key not in known:
            yield f"{name} has {key}, which Prometheus does not know there"
    for key in ("for", "keep_firing_for"):
        if key in raw and not _DURATION.fullmatch(str(raw[key])):
            yield f"{name}: {key} is {str(raw[key])[:40]!r}, which is no duration"
    if "record" in raw and not _NAME.fullmatch(name):
        yield f"{name[:60]!r} is no name for a metric"


def jobs_of(text: str) -> frozenset[str] | None:
    """The jobs of a Prometheus configuration; None where they cannot be told from this file alone."""
    try:
        document = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError):
        return None
    if not isinstance(document, dict) or document.get("scrape_config_files"):
        return None
    configs = document.get("scrape_configs")
    if not isinstance(configs, list):
        return None
    if any(isinstance(c, dict) and (c.get("relabel_configs") or c.get("metric_relabel_configs")) for c in configs):
        return None  # a job's name can be anything after that
    return frozenset(str(c["job_name"]) for c in configs if isinstance(c, dict) and c.get("job_name"))
