"""Reading the body of a health answer, whatever framework wrote it. Pure, and without trust in the text.

Health bodies have no standard that everybody follows. Read here: a plain word (ASP.NET, many Go services), a ``status``
field (most), components as a mapping or a list (Spring, NestJS Terminus, ``application/health+json``, ASP.NET, the
shapes of the seed guides), and flat fields such as ``"database": "connected"``.
"""

from __future__ import annotations

import enum
import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

__all__ = ["Component", "HealthBody", "Leak", "Says", "leaks_in", "mask", "read_body", "says", "secret_values"]

#: More components than this is not a health report; what comes later is not read.
MAX_COMPONENTS = 100
#: A health answer longer than this is not parsed: the target is hostile until proven otherwise.
MAX_CHARS = 64 * 1024
#: Seconds since the epoch in milliseconds are above this, in seconds below it until the year 5138.
MILLISECONDS_FROM = 1e11


class Says(enum.StrEnum):
    """What a word claims about the thing it describes."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    UNHEALTHY = "unhealthy"
    UNKNOWN = "unknown"

    @property
    def is_bad(self) -> bool:
        """Whether it admits a fault; an unknown word admits nothing."""
        return self in {Says.DEGRADED, Says.UNHEALTHY}


_HEALTHY = frozenset(
    [
        "ok",
        "okay",
        "healthy",
        "up",
        "pass",
        "passed",
        "passing",
        "ready",
        "alive",
        "live",
        "running",
        "available",
        "connected",
        "green",
        "good",
        "success",
        "successful",
        "operational",
        "serving",
        "started",
        "loaded",
        "normal",
        "online",
        "reachable",
        "accessible",
        "active",
        "true",
        "yes",
    ]
)
_DEGRADED = frozenset(["degraded", "warn", "warning", "partial", "impaired", "yellow", "slow"])
_UNHEALTHY = frozenset(
    [
        "unhealthy",
        "down",
        "fail",
        "failed",
        "failing",
        "failure",
        "error",
        "errored",
        "critical",
        "fatal",
        "unavailable",
        "unreachable",
        "disconnected",
        "red",
        "bad",
        "offline",
        "dead",
        "broken",
        "refused",
        "timeout",
        "starting",
        "loading",
        "initializing",
        "initialising",
        "pending",
        "stopped",
        "inaccessible",
        "false",
        "no",
    ]
) | {
    "not ready",
    "not ok",
    "not healthy",
    "not alive",
    "not available",
    "not connected",
    "not loaded",
    "out of service",
}

#: Fields that hold the state of what they are in, in the order in which they are believed.
_STATUS_KEYS = ("status", "overall_status", "overall", "state", "health")
#: Boolean fields that do the same.
_TRUTH_KEYS = ("healthy", "is_healthy", "ok", "ready", "alive", "available", "connected", "success")
#: Where components are kept. ``info`` and ``error`` are NestJS Terminus' halves of ``details``.
_COMPONENT_KEYS = (
    "components",
    "checks",
    "dependencies",
    "services",
    "backends",
    "entries",
    "results",
    "details",
    "subsystems",
    "indicators",
)
_NAME_KEYS = ("name", "component", "service", "id", "key", "componentname")
_LATENCY_KEYS = re.compile(
    r"^(?:latency|response_?time|duration|elapsed|took|ping|time|round_?trip|observedvalue)(?:_?(?:ms|millis|milliseconds|s|seconds))?$",
    re.IGNORECASE,
)
_ERROR_KEYS = ("error", "message", "reason", "detail", "output", "description", "exception")
_TIME_KEYS = ("timestamp", "time", "now", "checked_at", "server_time")
_UPTIME_KEYS = ("uptime_seconds", "uptime", "uptime_s", "uptimeseconds")
_METRIC_KEYS = ("system_metrics", "system", "metrics", "resources")
#: Top-level words that describe the whole or the program, not a component.
_NOT_COMPONENTS = frozenset(
    {*_STATUS_KEYS, *_TRUTH_KEYS, *_TIME_KEYS, *_UPTIME_KEYS, *_ERROR_KEYS, *_NAME_KEYS}
    | {"version", "environment", "env", "mode", "app", "debug", "cached", "hostname", "commit", "build", "code"}
)


def says(word: object) -> Says:
    """What one status word (or boolean) claims; case, hyphens and underscores do not matter."""
    if isinstance(word, bool):
        return Says.HEALTHY if word else Says.UNHEALTHY
    if not isinstance(word, str):
        return Says.UNKNOWN
    text = re.sub(r"[\s_-]+", " ", word.strip().rstrip(".!").lower())
    if text in _HEALTHY:
        return Says.HEALTHY
    if text in _DEGRADED:
        return Says.DEGRADED
    return Says.UNHEALTHY if text in _UNHEALTHY else Says.UNKNOWN


@dataclass(frozen=True, kw_only=True)
class Component:
    """One part that a health answer reports on.

    Attributes:
        status: its status word as written.
        latency: the number beside it, in whatever unit the body uses; None where it names none. ``latency_text`` as
            written: how many digits it has tells whether equal figures are a coincidence.
        text: its error or message.
    """

    name: str
    says: Says
    status: str = ""
    latency: float | None = None
    latency_text: str = ""
    text: str = ""


@dataclass(frozen=True, kw_only=True)
class HealthBody:
    """A health answer, read.

    Attributes:
        status: the overall status word as written, or None.
        says: what the overall status claims; a plain-text answer is its own status.
        timestamp: seconds since the epoch, or None; ``timestamp_text`` as written, ``is_naive`` whether it
            leaves the time zone out.
        uptime_seconds: as claimed, or None.
        metrics: system metrics by name.
        alerts: texts of the alerts; None where the body has no such field.
        fields: every field name, at any depth, lower case.
    """

    status: str | None = None
    says: Says = Says.UNKNOWN
    components: tuple[Component, ...] = ()
    timestamp: float | None = None
    timestamp_text: str = ""
    is_naive: bool = False
    uptime_seconds: float | None = None
    metrics: dict[str, float] = field(default_factory=dict)
    alerts: tuple[str, ...] | None = None
    fields: frozenset[str] = frozenset()

    def component(self, *names: str) -> Component | None:
        """The first component with one of these names; case and separators do not matter."""
        wanted = {_plain(name) for name in names}
        return next((c for c in self.components if _plain(c.name) in wanted), None)


def read_body(text: str) -> HealthBody:
    """Read a health answer; whatever cannot be understood stays *unknown*."""
    text = text[:MAX_CHARS]
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return _plain_text(text)
    if isinstance(data, (str, bool)):
        return HealthBody(status=str(data), says=says(data))
    if not isinstance(data, dict):
        return HealthBody()
    envelope = data.get("data")
    if isinstance(envelope, dict) and _state_of(envelope)[0] is not None:
        data = envelope
    status, claim = _state_of(data)
    moment, moment_text, is_naive = _moment(data)
    return HealthBody(
        status=status,
        says=claim,
        components=tuple(_components(data))[:MAX_COMPONENTS],
        timestamp=moment,
        timestamp_text=moment_text,
        is_naive=is_naive,
        uptime_seconds=next((n for key in _UPTIME_KEYS if (n := _number(_get(data, key))) is not None), None),
        metrics=_metrics(data),
        alerts=_alerts(data),
        fields=frozenset(_field_names(data)),
    )


def _plain_text(text: str) -> HealthBody:
    word = text.strip()
    # A page of HTML or a sentence is not a status; "OK" and "Healthy" are.
    if not word or len(word) > 40 or "<" in word:  # noqa: PLR2004  # longer than any status word in use
        return HealthBody()
    claim = says(word)
    return HealthBody(status=word if claim is not Says.UNKNOWN else None, says=claim)


def _get(data: Mapping[str, Any], key: str) -> Any:
    """A field by its name in any case."""
    if key in data:
        return data[key]
    return next((value for name, value in data.items() if name.lower() == key), None)


def _state_of(data: Mapping[str, Any]) -> tuple[str | None, Says]:
    """The status word of an object, and what it claims."""
    for key in _STATUS_KEYS:
        value = _get(data, key)
        if isinstance(value, (str, bool)):
            return str(value), says(value)
        if isinstance(value, Mapping):
            # Some keep a code and a description here: the code is the word.
            inner = next((v for v in value.values() if says(v) is not Says.UNKNOWN), None)
            if inner is not None and len(value) <= 2:  # noqa: PLR2004  # more fields are components
                return str(inner), says(inner)
    for key in _TRUTH_KEYS:
        value = _get(data, key)
        if isinstance(value, bool):
            return str(value).lower(), says(value)
    return None, Says.UNKNOWN


def _components(data: Mapping[str, Any]) -> Iterator[Component]:
    seen: set[str] = set()
    for key in _COMPONENT_KEYS:
        for component in _group(_get(data, key)):
            if component.name not in seen:
                seen.add(component.name)
                yield component
    for name, value in data.items():
        is_other = name.lower() in _NOT_COMPONENTS or name.lower() in _COMPONENT_KEYS or name in seen
        if is_other or not isinstance(value, (str, bool, Mapping)):
            continue
        component = _one(name, value)
        if component.says is not Says.UNKNOWN:
            yield component


def _group(value: Any) -> Iterator[Component]:
    if isinstance(value, Mapping):
        for name, entry in list(value.items())[:MAX_COMPONENTS]:
            # health+json keeps a list of measurements per component.
            inner = entry[0] if isinstance(entry, list) and entry else entry
            yield _one(str(name).split(":")[0], inner)
    elif isinstance(value, list):
        for entry in value[:MAX_COMPONENTS]:
            if isinstance(entry, Mapping):
                name = next((v for key in _NAME_KEYS if isinstance(v := _get(entry, key), str)), None)
                if name:
                    yield _one(name, entry)


def _one(name: str, value: Any) -> Component:
    if not isinstance(value, Mapping):
        return Component(name=name, says=says(value), status=str(value)[:200])
    status, claim = _state_of(value)
    figures = ((n, v) for key, v in _flat(value) if _LATENCY_KEYS.match(key) and (n := _number(v)) is not None)
    latency, written = next(figures, (None, ""))
    text = next((str(v) for key in _ERROR_KEYS if (v := _get(value, key)) not in {None, ""} if isinstance(v, str)), "")
    return Component(
        name=name,
        says=claim,
        status=(status or "")[:200],
        latency=latency,
        latency_text=str(written)[:40],
        text=text[:500],
    )


def _flat(value: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The fields of an object and of the objects directly in it (Spring keeps figures in ``details``)."""
    for key, entry in value.items():
        yield key, entry
        if isinstance(entry, Mapping):
            yield from entry.items()


def _number(value: Any) -> float | None:
    """A number, also one written as text: ``"1.2ms"``, ``"00:00:00.0123"``."""
    if isinstance(value, bool):
        return None
    if isinstance(value, (int, float)):
        return float(value) if math.isfinite(value) else None
    if not isinstance(value, str):
        return None
    if clock := re.fullmatch(r"(\d{1,3}):(\d{2}):(\d{2}(?:\.\d+)?)", value.strip()):
        hours, minutes, seconds = clock.groups()
        return int(hours) * 3600 + int(minutes) * 60 + float(seconds)
    number = re.match(r"\s*(-?\d{1,15}(?:\.\d{1,15})?)\s*(?:[a-zµ%]{0,12})\s*$", value, re.IGNORECASE)
    return float(number.group(1)) if number else None


def _moment(data: Mapping[str, Any]) -> tuple[float | None, str, bool]:
    for key in _TIME_KEYS:
        value = _get(data, key)
        if isinstance(value, str):
            try:
                moment = datetime.fromisoformat(value.strip())
            except ValueError:
                number = _number(value)
                if number is not None and number > 0:
                    return _seconds(number), value[:100], False
                continue
            is_naive = moment.tzinfo is None
            aware = moment.replace(tzinfo=UTC) if is_naive else moment
            return aware.timestamp(), value[:100], is_naive
        number = _number(value)
        if number is not None:
            return _seconds(number), str(value), False
    return None, "", False


def _seconds(number: float) -> float:
    return number / 1000 if number > MILLISECONDS_FROM else number


def _metrics(data: Mapping[str, Any]) -> dict[str, float]:
    for key in _METRIC_KEYS:
        group = _get(data, key)
        if isinstance(group, Mapping):
            found = {name: n for name, value in _flat(group) if (n := _number(value)) is not None}
            if found:
                return dict(list(found.items())[:MAX_COMPONENTS])
    return {}


def _alerts(data: Mapping[str, Any]) -> tuple[str, ...] | None:
    value = _get(data, "alerts")
    if isinstance(value, (list, dict)):
        entries = value if isinstance(value, list) else [f"{name}: {entry}" for name, entry in value.items()]
        return tuple(
            (entry if isinstance(entry, str) else json.dumps(entry, ensure_ascii=False))[:500]
            for entry in entries[:MAX_COMPONENTS]
        )
    return None


def _field_names(data: Any, depth: int = 0) -> Iterator[str]:
    if depth > 6:  # noqa: PLR2004  # deeper than any health report
        return
    if isinstance(data, Mapping):
        for key, value in data.items():
            yield str(key).lower()
            yield from _field_names(value, depth + 1)
    elif isinstance(data, list):
        for value in data[:MAX_COMPONENTS]:
            yield from _field_names(value, depth + 1)


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


@dataclass(frozen=True, kw_only=True)
class Leak:
    """Something that a health answer must not show.

    Attributes:
        kind: what it is, for example ``"the value of POSTGRES_PASSWORD"``; never the value.
        excerpt: the text around it, the secret itself masked.
    """

    kind: str
    excerpt: str


#: A name that says its value is a secret; settings *about* a secret are not.
_SECRET_NAME = re.compile(
    r"(passw(or)?d|pwd|secret|token|credential|api_?key|private_?key|access_?key|auth_?key|signing_?key|jwt_?key)",
    re.IGNORECASE,
)
_ABOUT_A_SECRET = re.compile(
    r"(_file|_path|_header|_name|_ttl|_expir\w*|_seconds|_minutes|_hours|_days|_algorithm|_alg|_issuer|_audience|_length|_enabled|_url)$",
    re.IGNORECASE,
)
_URL_LOGIN = re.compile(r"\b([a-z][a-z0-9+.-]{1,30})://([^\s/:@\"'<>]{0,100}):([^\s/@\"'<>]{1,200})@", re.IGNORECASE)
_STORE_URL = re.compile(
    r"\b((?:postgres(?:ql)?|mysql|mariadb|rediss?|valkey|mongodb|amqps?|nats|kafka|cassandra|clickhouse|mssql|sqlserver|oracle|ldaps?|jdbc:\w+)(?:\+\w+)?)://[^\s\"'<>]+",
    re.IGNORECASE,
)
#: What the languages in use print when nobody catches an error.
_TRACES = (
    ("a Python traceback", re.compile(r"Traceback \(most recent call last\)|File \\?\"[^\"\\]{1,300}\\?\", line \d+")),
    ("a Java stack trace", re.compile(r"\bat [\w$.]{3,200}\([\w$]{1,100}\.java:\d+\)")),
    (
        "a Node.js stack trace",
        re.compile(r"\bat (?:async )?(?:[^\n(]{1,200}\()?(?:/|file:|node:)[^\s:()]{1,300}\.[cm]?[jt]s:\d+:\d+"),
    ),
    ("a Go stack trace", re.compile(r"goroutine \d+ \[\w")),
    (".NET stack trace", re.compile(r"\bat [\w.`<>]{3,200}\([^)]{0,200}\) in [^\n]{1,300}:line \d+")),
)
#: A shorter value is a word; finding it proves nothing.
MIN_SECRET_CHARS = 6
_AROUND = 60


def secret_values(environment: Mapping[str, str], *, ordinary: frozenset[str] = frozenset()) -> dict[str, str]:
    """Variable -> its secret value: of variables named like a secret, and passwords inside URLs.

    Args:
        environment: variables in force.
        ordinary: words that are no secret although they serve as one: names of services, users and databases.
    """
    found: dict[str, str] = {}
    for name, value in environment.items():
        if _SECRET_NAME.search(name) and not _ABOUT_A_SECRET.search(name):
            found[name] = value
        elif login := _URL_LOGIN.search(value):
            found[name] = login.group(3)
    return {
        name: value
        for name, value in found.items()
        if len(value) >= MIN_SECRET_CHARS and not value.isdigit() and value.lower() not in ordinary
    }


def leaks_in(body: str, secrets: Mapping[str, str]) -> tuple[Leak, ...]:
    """What ``body`` shows and must not: secrets by value, logins in URLs, addresses of stores, stack traces."""
    found: dict[str, Leak] = {}

    def add(kind: str, start: int, end: int) -> None:
        excerpt = body[max(0, start - _AROUND) : end + _AROUND]
        found.setdefault(kind, Leak(kind=kind, excerpt=mask(excerpt, secrets)))

    for name, value in secrets.items():
        start = body.find(value)
        if start >= 0:
            add(f"the value of {name}", start, start + len(value))
    for match in _URL_LOGIN.finditer(body):
        # A login that somebody has masked already is not one.
        if set(match.group(3)) - set("*x.•"):
            add(f"a login inside a {match.group(1)} URL", match.start(), match.end())
            break
    if store := _STORE_URL.search(body):
        add(f"a {store.group(1)} connection URL", store.start(), store.end())
    for kind, pattern in _TRACES:
        if trace := pattern.search(body):
            add(kind, trace.start(), trace.end())
    return tuple(found.values())


def mask(text: str, secrets: Mapping[str, str]) -> str:
    """``text`` with the known secrets and every login inside a URL replaced by ``***``."""
    for value in sorted(secrets.values(), key=len, reverse=True):
        text = text.replace(value, "***")
    return _URL_LOGIN.sub(lambda match: f"{match.group(1)}://{match.group(2)}:***@", text)
