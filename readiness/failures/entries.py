"""Log entries about one error: a line, and the lines that belong to it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["Told", "entries_of", "is_error", "told_by"]

MAX_ENTRY_CHARS = 8 * 1024
#: More lines about one request than this are not read.
MAX_ENTRIES = 50
#: A new entry begins with a date, a level, a bracket or a brace; a traceback's lines and indented ones continue the last.
_BEGINS = re.compile(
    r"^(?:\{|\[|\d{2,4}[-/.:]|(?:DEBUG|INFO|WARN(?:ING)?|ERROR|CRITICAL|FATAL)\b|time=|level=|ts=|[A-Z][a-z]{2} \d)"
)
_TRACE = re.compile(
    r"Traceback \(most recent call last\)|\bFile \\?\"|\bat [\w$.<>]+ ?\(|goroutine \d+|\.rb:\d+:in|#\d+ /|\bstack_?trace\b"
)
_ERROR_LEVEL = re.compile(r"\b(?:error|critical|fatal|exception|alert|emerg)\b", re.IGNORECASE)
_LEVEL_KEYS = ("level", "severity", "levelname", "log.level", "lvl")
_TRACE_KEYS = ("exception", "exc_info", "stack", "stacktrace", "stack_trace", "traceback", "error.stack_trace", "err")
_USER_KEYS = ("user", "user_id", "userid", "username", "user_name", "sub", "usr")


@dataclass(frozen=True, kw_only=True)
class Told:
    """What one entry tells about an error."""

    request_id: bool
    method: bool
    path: bool
    trace: bool
    user: bool


def entries_of(log: str, wanted: str) -> tuple[str, ...]:
    """The entries that hold ``wanted``; a trace below a line belongs to the line."""
    entries: list[list[str]] = []
    for line in log.splitlines():
        if not entries or _BEGINS.match(line):
            entries.append([line])
        else:
            entries[-1].append(line)
    texts = ("\n".join(lines) for lines in entries)
    return tuple(text[:MAX_ENTRY_CHARS] for text in texts if wanted in text)[:MAX_ENTRIES]


def is_error(entry: str) -> bool:
    """Whether an entry says that something failed: by its level, or by a trace in it."""
    data = _json(entry)
    if data is not None:
        level = next((data[key] for key in _LEVEL_KEYS if key in data), None)
        if isinstance(level, (int, float)) and not isinstance(level, bool):
            return level >= 50  # noqa: PLR2004  # pino and bunyan count from 10 in tens: 50 is error
        if isinstance(level, str):
            return _ERROR_LEVEL.search(level) is not None or _has_trace(entry, data)
        return _has_trace(entry, data)
    first, _, _ = entry.partition("\n")
    return _ERROR_LEVEL.search(first) is not None or _TRACE.search(entry) is not None


def told_by(entry: str, *, request_id: str, method: str, path: str) -> Told:
    """What an entry tells; the path is compared without its query, which many services keep out of their logs."""
    data = _json(entry)
    bare = path.partition("?")[0]
    return Told(
        request_id=bool(request_id) and request_id in entry,
        method=re.search(rf"\b{re.escape(method)}\b", entry) is not None,
        path=bare in entry,
        trace=_has_trace(entry, data),
        user=_has_user(entry, data),
    )


def _has_trace(entry: str, data: Mapping[str, Any] | None) -> bool:
    if _TRACE.search(entry) is not None:
        return True
    flat = _flat(data or {})
    # A structured trace has frames, a textual one several lines; a mere message has neither.
    return any(isinstance(flat.get(key), (list, dict)) or "\n" in str(flat.get(key, "")) for key in _TRACE_KEYS)


def _has_user(entry: str, data: Mapping[str, Any] | None) -> bool:
    if data is not None:
        flat = _flat(data)
        return any(flat.get(key) not in {None, "", "anonymous", 0} for key in _USER_KEYS if _is_plain(flat.get(key)))
    return re.search(r"\buser(?:_?id|_?name)?[=:]\s*[^\s,;]", entry, re.IGNORECASE) is not None


def _is_plain(value: object) -> bool:
    return isinstance(value, (str, int)) and not isinstance(value, bool)


def _flat(data: Mapping[str, Any]) -> dict[str, Any]:
    """Members, and the members of objects in them, by their lower-case names; an outer one wins."""
    inner = {str(k).lower(): v for value in data.values() if isinstance(value, dict) for k, v in value.items()}
    return {**inner, **{str(key).lower(): value for key, value in data.items()}}


def _json(entry: str) -> dict[str, Any] | None:
    first, _, _ = entry.partition("\n")
    try:
        data = json.loads(first)
    except (ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) else None


def texts(entries: Sequence[str]) -> str:
    """Entries for evidence, cut."""
    return "\n".join(entry[:1000] for entry in entries)[:4000]
