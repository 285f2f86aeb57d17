"""Prometheus' text format, read twice: forgivingly for the numbers in it, and by the official parser for its faults."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_text

__all__ = ["Exposition", "Fault", "Series", "faults_of", "looks_like_metrics", "read"]

#: More series than any one service has; Prometheus' own guides warn from a hundredth of it.
MAX_SERIES = 100_000
MAX_FAULTS = 20
_SAMPLE = re.compile(
    r"(?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*)\s*(?:\{(?P<labels>(?:[^\"}]|\"(?:\\.|[^\"\\])*\")*)\})?\s+(?P<value>\S+)"
)
_LABEL = re.compile(r"([a-zA-Z_][a-zA-Z0-9_]*)\s*=\s*\"((?:\\.|[^\"\\])*)\"")
_TYPE = re.compile(r"#\s*TYPE\s+(\S+)\s+(\S+)")
_HELP = re.compile(r"#\s*HELP\s+(\S+)")
_ESCAPES = {r"\\": "\\", r"\"": '"', r"\n": "\n"}
_OPENMETRICS = "application/openmetrics-text"
#: What its exporters write of themselves.
_OPENTELEMETRY = frozenset({"target_info", "otel_scope_info"})
#: What samples of a family may be called beyond its own name.
SUFFIXES = ("_bucket", "_count", "_sum", "_total", "_created", "_info")


@dataclass(frozen=True, kw_only=True)
class Series:
    """One sample."""

    name: str
    labels: tuple[tuple[str, str], ...]
    value: float

    def label(self, name: str) -> str | None:
        """The value of a label."""
        return dict(self.labels).get(name)

    @property
    def words(self) -> str:
        """As the format writes it, without the value."""
        inner = ",".join(f'{name}="{value}"' for name, value in self.labels)
        return f"{self.name}{{{inner}}}" if inner else self.name


@dataclass(frozen=True, kw_only=True)
class Exposition:
    """What could be read.

    Attributes:
        types: family -> its type as announced.
        announced: every family that has a HELP or TYPE line.
    """

    series: tuple[Series, ...] = ()
    types: dict[str, str] = field(default_factory=dict)
    announced: frozenset[str] = frozenset()

    @property
    def names(self) -> frozenset[str]:
        """Every name that a query finds something under, now or once there is a first sample."""
        found = {series.name for series in self.series} | set(self.announced)
        for family, kind in self.types.items():
            if kind == "histogram":
                found |= {f"{family}_bucket", f"{family}_count", f"{family}_sum"}
            elif kind in {"summary", "gaugehistogram"}:
                found |= {f"{family}_count", f"{family}_sum"}
            elif kind == "counter":
                found |= {family, f"{family}_total"}
        return frozenset(found)

    @property
    def announces_ahead(self) -> bool:
        """Whether families are announced before they have a sample: then one that is not announced does not exist."""
        with_samples = {_family(series.name, self.types) for series in self.series}
        return bool(self.announced - with_samples) or any(
            series.name in {"python_info", "nodejs_version_info"} for series in self.series
        )

    def label_sets(self, name: str) -> frozenset[frozenset[str]]:
        """Which labels the series of a name have."""
        return frozenset(
            frozenset(label for label, _ in series.labels) for series in self.series if series.name == name
        )

    @property
    def has_labels_on_occasion(self) -> bool:
        """Whether it is of OpenTelemetry, whose series have some labels only on occasion, such as ``error_type``."""
        return any(series.name in _OPENTELEMETRY for series in self.series)

    def values(self, name: str) -> dict[tuple[tuple[str, str], ...], float]:
        """Labels -> value of every series of a name."""
        return {series.labels: series.value for series in self.series if series.name == name}


@dataclass(frozen=True, kw_only=True)
class Fault:
    """Something that is not as the format wants it. ``line`` counts from 1; 0 is the whole."""

    line: int
    words: str
    text: str = ""


def looks_like_metrics(text: str) -> bool:
    """Whether a body is an exposition rather than a page: it begins with the format's comments, or with samples."""
    lines = [line for line in text[:4096].splitlines()[:50] if line.strip()]
    if lines and (_TYPE.match(lines[0]) or _HELP.match(lines[0])):
        return True
    samples = [_SAMPLE.match(line) for line in lines[:2]]
    return len(samples) > 1 and all(s is not None and _number(s["value"]) is not None for s in samples)


def read(text: str) -> Exposition:
    """Whatever can be read; a line that cannot is left out."""
    series: list[Series] = []
    types: dict[str, str] = {}
    announced: set[str] = set()
    for line in text.split("\n"):
        if line.startswith("#"):
            if kind := _TYPE.match(line):
                types.setdefault(kind[1], kind[2].strip().lower())
            if about := kind or _HELP.match(line):
                announced.add(about[1])
            continue
        sample = _SAMPLE.match(line)
        value = _number(sample["value"]) if sample else None
        if sample is None or value is None or len(series) >= MAX_SERIES:
            continue
        labels = _labels(sample["labels"] or "")
        if labels is not None:
            series.append(Series(name=sample["name"], labels=labels, value=value))
    return Exposition(series=tuple(series), types=types, announced=frozenset(announced))


def _labels(text: str) -> tuple[tuple[str, str], ...] | None:
    found = [(name, re.sub(r"\\.", lambda m: _ESCAPES.get(m[0], m[0]), value)) for name, value in _LABEL.findall(text)]
    rest = _LABEL.sub("", text).replace(",", "").strip()
    return None if rest else tuple(sorted(found))


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _family(name: str, types: dict[str, str]) -> str:
    if name in types:
        return name
    return next((name[: -len(s)] for s in SUFFIXES if name.endswith(s) and name[: -len(s)] in types), name)


def faults_of(text: str, content_type: str) -> tuple[Fault, ...]:
    """What Prometheus would refuse or misread, the first few."""
    kind = content_type.partition(";")[0].strip().lower()
    faults = list(_openmetrics_faults(text) if kind == _OPENMETRICS else _text_faults(text))
    return tuple(faults[:MAX_FAULTS])


def _openmetrics_faults(text: str) -> Iterator[Fault]:
    try:
        for _ in read_openmetrics(text):  # type: ignore[no-untyped-call]  # the parser has no annotations
            pass
    except Exception as error:  # noqa: BLE001  # hostile text: whatever the parser trips over is its refusal
        yield Fault(line=0, words=f"the official parser refuses it: {_short(error)}")


def _text_faults(text: str) -> Iterator[Fault]:
    lines = text.split("\n")
    if text and not text.endswith("\n"):
        yield Fault(line=len(lines), words="the last line does not end with a line feed", text=lines[-1][:200])
    seen: set[str] = set()
    typed: dict[str, int] = {}
    sampled: set[str] = set()
    for number, line in enumerate(lines, start=1):
        if (problem := _refused(line)) is not None:
            yield Fault(line=number, words=f"the official parser refuses it: {problem}", text=line[:200])
            continue
        if kind := _TYPE.match(line):
            if kind[1] in typed:
                yield Fault(line=number, words=f"a second TYPE of {kind[1]}", text=line[:200])
            elif kind[1] in sampled:
                yield Fault(line=number, words=f"TYPE of {kind[1]} comes after its samples", text=line[:200])
            typed[kind[1]] = number
        for series in read(line).series:
            sampled.add(series.name)
            if series.words in seen and not _has_time(line):
                yield Fault(line=number, words="the same series a second time", text=line[:200])
            seen.add(series.words)
    if not seen:
        yield Fault(line=0, words="it holds no sample")


def _has_time(line: str) -> bool:
    """Whether a time stamp stands behind the value: then a series may be there more than once."""
    return len(line.rpartition("}")[2].split()) > (1 if "}" in line else 2)


def _refused(line: str) -> str | None:
    """What the official parser says against one line; None where it takes it."""
    try:
        for family in read_text(f"{line}\n"):
            if line.startswith("#"):
                continue
            for sample in family.samples:
                if math.isnan(sample.value) and "nan" not in line.lower():
                    return "its value is no number"
    except Exception as error:  # noqa: BLE001  # as above
        return _short(error)
    return None


def _short(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".replace("\n", " ")[:200]
