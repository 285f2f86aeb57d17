"""A trial of rules by Prometheus' own tool: what it is given, and what its answers say.

``promtool test rules`` evaluates expressions against series that are written down. Here those are the series that a
service exposes, so that what is tried is the rules and not the series. Every expression is expected to find nothing;
whatever it finds instead, the tool prints.

https://prometheus.io/docs/prometheus/latest/configuration/unit_testing_rules/
"""

from __future__ import annotations

import itertools
import json
import math
import re
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from readiness.metrics.exposition import SUFFIXES, Exposition, Series
from readiness.metrics.known import PLACES
from readiness.metrics.promql import Expression, parse
from readiness.metrics.rules import Rule

__all__ = ["Answer", "Asked", "Trial", "answers_of", "recordings_of", "stopping", "trials_of"]

#: The tool takes some seconds for this much; a service's own rules are some ten, and name some hundred of its series.
MAX_RULES, MAX_SELECTORS, MAX_SERIES = 200, 20, 1500
#: Rules that ask for other places are tried with other series; a stack's rules ask for a few.
MAX_PLACES = 5
#: A sample a minute, as Prometheus' default interval has it, long enough for the usual range of five minutes.
INTERVAL, MINUTES = "1m", 15
#: Whatever Prometheus adds to what it scrapes, where a rule does not say what.
TARGET = {"job": "readiness", "instance": "readiness:1"}
_FAILED = re.compile(r'^ +expr: ("(?:[^"\\]|\\.)*"), time: [^,\n]*,(?: err: (?P<error>.*))?$', re.MULTILINE)
_GOT = re.compile(r"^ +got: *(\S.*)?$", re.MULTILINE)
_RECORDING = re.compile(r"^ +rule: (?P<name>\S+), time: [^,\n]*, err: (?P<error>.*)$", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One rule of a trial: its expression and its selectors, as the tool is given them."""

    rule: Rule
    whole: str
    selectors: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Trial:
    """Rules that are tried with the same series.

    Attributes:
        series: how many; ``is_whole`` is False where there were more.
        document: the tool's test file, but for the files of rules.
    """

    asked: tuple[Asked, ...]
    series: int
    is_whole: bool
    document: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the tool says of one expression."""

    found: bool = False
    error: str = ""


def trials_of(rules: Iterable[Rule], exposition: Exposition) -> tuple[Trial, ...]:
    """The rules that can be tried, by the place for which they ask; those that ask for two places are left out."""
    by_place: dict[tuple[tuple[str, str], ...], list[Asked]] = {}
    names: set[str] = set()
    for rule in list(rules)[:MAX_RULES]:
        expression = parse(rule.expr)
        if isinstance(expression, str):
            continue  # the linter's part
        selectors = [selector for selector in expression.selectors() if selector.text][:MAX_SELECTORS]
        place = _place(selector.equal for selector in selectors)
        if place is None:
            continue
        names |= {selector.name for selector in selectors}
        # Counted, so that what it finds is one line and not the whole of the series.
        whole = f"count({rule.expr}\n)" if _is_vector(expression) else rule.expr
        texts = tuple(dict.fromkeys(f"count({selector.text})" for selector in selectors))
        by_place.setdefault(tuple(sorted(place.items())), []).append(Asked(rule=rule, whole=whole, selectors=texts))
    chosen = list(_chosen(exposition, names))
    return tuple(
        Trial(
            asked=tuple(asked),
            series=len(chosen),
            is_whole=len(chosen) < MAX_SERIES,
            document=_document(asked, chosen, exposition, dict(place)),
        )
        for place, asked in list(by_place.items())[:MAX_PLACES]
    )


def _place(asked: Iterable[Mapping[str, str]]) -> dict[str, str] | None:
    """Where a rule looks; None where in two places at once."""
    place: dict[str, str] = {}
    for equal in asked:
        for label in PLACES & equal.keys():
            if place.setdefault(label, equal[label]) != equal[label]:
                return None
    return place


def _is_vector(expression: Expression) -> bool:
    return not expression.is_scalar


def _chosen(exposition: Exposition, names: set[str]) -> Iterator[Series]:
    """The series that rules ask for, each once; all where a rule leaves the name open."""
    seen: set[tuple[str, tuple[tuple[str, str], ...]]] = set()
    for series in exposition.series:
        key = (series.name, series.labels)
        if ("" in names or series.name in names) and key not in seen and len(seen) < MAX_SERIES:
            seen.add(key)
            yield series


def _document(
    asked: Sequence[Asked], chosen: Sequence[Series], exposition: Exposition, place: Mapping[str, str]
) -> dict[str, Any]:
    target = {**TARGET, **place}
    series = [{"series": _written("up", target), "values": f"1+0x{MINUTES}"}]
    for one in chosen:
        # Prometheus keeps its own of these two, and what the series says of itself beside it.
        own = {f"exported_{label}" if label in TARGET else label: text for label, text in one.labels}
        labels = {**target, **own}
        step = 1 if _rises(one.name, exposition.types) else 0
        value = one.value if math.isfinite(one.value) else 0.0
        series.append({"series": _written(one.name, labels), "values": f"{value!r}+{step}x{MINUTES}"})
    expressions = dict.fromkeys(text for rule in asked for text in (rule.whole, *rule.selectors))
    tests = [{"expr": text, "eval_time": f"{MINUTES}m"} for text in expressions]
    return {
        "evaluation_interval": INTERVAL,
        "tests": [{"interval": INTERVAL, "input_series": series, "promql_expr_test": tests}],
    }


def _rises(name: str, types: Mapping[str, str]) -> bool:
    """Whether it only ever grows; a counter that stands still has a rate too, but none that differs from nothing."""
    if types.get(name) in {"gauge", "info", "stateset"}:
        return False
    return types.get(name) == "counter" or name.endswith(tuple(s for s in SUFFIXES if s not in {"_info", "_created"}))


def _written(name: str, labels: Mapping[str, str]) -> str:
    inner = ",".join(f"{label}={json.dumps(value, ensure_ascii=False)}" for label, value in sorted(labels.items()))
    return f"{name}{{{inner}}}"


def recordings_of(rules: Iterable[Rule], *, without: Container[str] = ()) -> dict[str, Any]:
    """The recordings as a file of rules of their own, so that what is wrong with another rule does not stop them."""
    sound = [rule for rule in rules if rule.record and isinstance(parse(rule.expr), Expression)][:MAX_RULES]
    members = [{"record": rule.record, "expr": rule.expr} for rule in sound if rule.record not in without]
    return {"groups": [{"name": "recordings", "rules": members}] if members else []}


def stopping(output: str) -> frozenset[str]:
    """The recordings over which the tool came to no expression at all."""
    return frozenset(failure["name"].rstrip(",") for failure in _RECORDING.finditer(output))


def answers_of(trial: Trial, code: int | None, output: str) -> dict[str, Answer] | None:
    """Expression -> what the tool says of it; None where it did not come to that, for example over a recording."""
    if code is None or stopping(output):
        return None
    found: dict[str, Answer] = {}
    failures = list(_FAILED.finditer(output))
    if code != 0 and not failures:
        return None
    for failure, following in itertools.zip_longest(failures, failures[1:]):
        try:
            text = json.loads(failure[1], strict=False)
        except ValueError:
            return None  # Go quotes what cannot be shown in its own way
        end = following.start() if following is not None else len(output)
        got = _GOT.search(output, failure.end(), end)
        is_found = got is not None and got[1] not in (None, "nil")
        found[text] = Answer(found=is_found, error=(failure["error"] or "").strip())
    expressions = {text for asked in trial.asked for text in (asked.whole, *asked.selectors)}
    if not found.keys() <= expressions:
        return None
    return {text: found.get(text, Answer()) for text in expressions}
