"""What a log line calls things: declared places, else the field's usual names, found in the lines."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

__all__ = ["USUAL", "Line", "Places", "flat", "is_usual", "parsed", "places_of"]

#: What we call it -> what loggers call it, the surest name first. A dotted name stands for its last steps.
USUAL: dict[str, tuple[str, ...]] = {
    "level": ("level", "level.name", "levelname", "severity", "severity_text", "log.level", "loglevel", "lvl"),
    "message": ("message", "msg", "event", "body", "short_message"),
    "time": ("time.repr", "timestamp", "@timestamp", "time", "ts", "datetime", "asctime", "date", "@t"),
    "request_id": (
        "request_id", "x_request_id", "req_id", "correlation_id", "trace_id", "request.id", "req.id", "traceid", "rid",
    ),
    "method": ("method", "http_method", "request_method", "verb"),
    "path": ("path", "url", "uri", "http_path", "request_path", "route", "endpoint", "target", "request_uri"),
    "status": ("status", "status_code", "http_status", "response_status", "code"),
    "seconds": (
        "seconds", "duration", "duration_ms", "duration_s", "duration_seconds", "elapsed", "elapsed_ms", "response_time",
        "response_time_ms", "process_time", "process_time_ms", "latency", "latency_ms", "took", "took_ms", "request_time",
        "rt", "time_ms", "duration_ns", "duration_us", "elapsed_seconds", "latency_seconds",
    ),
    "client": (
        "client", "client_ip", "client_addr", "client_host", "remote_addr", "remote_ip", "remote_address", "ip",
        "forwarded_for", "peer", "host_ip", "source_ip", "client.ip", "client.address",
    ),
    "error": (
        "error_type", "exc_type", "exception_type", "error.type", "err.type", "exception.type", "error.class", "error.kind",
        "error.name", "err.name", "exception_class", "exception.class", "error_class", "error_name",
    ),
}  # fmt: skip
#: What loguru writes of its own code and process (its documentation, the record dict), by names that elsewhere are those
#: of a request: the source file, and the time since the process began.
_OTHERWISE = ("record.file.path", "record.elapsed.seconds")
MAX_DEPTH, MAX_PLACES = 6, 300
_SEPARATORS = re.compile(r"[_\-@ ]")


class Line:
    """One parsed line: dotted place -> value, for objects; ``places`` is None for a line that is none."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.places = parsed(text)

    def get(self, place: str | None) -> Any:
        """The value at a place, or None."""
        return None if place is None or self.places is None else self.places.get(place)


class Places:
    """Where things are in the lines: the surest place first, none where neither declared nor found."""

    def __init__(self, found: Mapping[str, tuple[str, ...]]) -> None:
        self._found = found

    def __getitem__(self, name: str) -> str | None:
        """The surest place of one of :data:`USUAL`."""
        return next(iter(self._found[name]), None)

    def of(self, line: Line, name: str) -> str | None:
        """The place in this line; services, and libraries inside one, may call one thing differently."""
        return next((place for place in self._found[name] if line.get(place) is not None), None)

    def get(self, line: Line, name: str) -> Any:
        """What the line says there, or None."""
        return line.get(self.of(line, name))

    def every(self, line: Line, name: str) -> dict[str, Any]:
        """All places in this line that may be the one, the surest first, with what they say."""
        return {place: value for place in self._found[name] if (value := line.get(place)) is not None}


def parsed(text: str) -> dict[str, Any] | None:
    """A line as dotted places, or None where it is no JSON object."""
    stripped = text.strip()
    if not stripped.startswith("{"):
        return None
    try:
        value = json.loads(stripped)
    except (ValueError, RecursionError):
        return None
    return flat(value) if isinstance(value, dict) else None


def flat(value: Any) -> dict[str, Any]:
    """The leaves of a JSON value by their dotted places, at most 300 and six deep."""
    found: dict[str, Any] = {}
    queue: list[tuple[str, Any, int]] = [("", value, 0)]
    while queue and len(found) < MAX_PLACES:
        place, item, depth = queue.pop(0)
        if isinstance(item, dict | list) and item and depth < MAX_DEPTH:
            pairs = item.items() if isinstance(item, dict) else enumerate(item)
            queue += [(f"{place}.{key}" if place else str(key), inner, depth + 1) for key, inner in pairs]
        else:
            found[place] = item
    return found


def places_of(lines: Iterable[Line], declared: Mapping[str, str]) -> Places:
    """Where each thing of :data:`USUAL` is: as declared, else at the usual names that the lines have.

    A surer name comes first; among places of one name the one that most lines have, then the shallowest.
    """
    seen = Counter(place for line in lines for place in line.places or () if not place.endswith(_OTHERWISE))
    return Places(
        {name: (declared[name],) if name in declared else tuple(_learnt(names, seen)) for name, names in USUAL.items()}
    )


def is_usual(key: str, name: str) -> bool:
    """Whether a key of a line of text is among the usual names of one of :data:`USUAL`."""
    return _plain(key) in map(_plain, USUAL[name])


def _learnt(names: Iterable[str], seen: Counter[str]) -> Iterator[str]:
    for name in names:
        wanted = _plain(name).split(".")
        fitting = [place for place in seen if _plain(place).split(".")[-len(wanted) :] == wanted]
        yield from sorted(fitting, key=lambda place: (-seen[place], place.count("."), place))


def _plain(name: str) -> str:
    return _SEPARATORS.sub("", name).lower()
