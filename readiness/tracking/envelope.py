"""Sentry's envelopes: a line of JSON about all, then per item a line about it and as many bytes as that line says.

https://develop.sentry.dev/sdk/data-model/envelopes/
"""

from __future__ import annotations

import gzip
import io
import itertools
import json
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import brotli

from readiness.facts.tracking import Captured

__all__ = ["Envelope", "Item", "captured", "decompressed", "places_of", "read_envelope", "told_ratio"]

#: What a small body may grow to; clients cut their events far below.
MAX_BYTES = 8 * 1024 * 1024
#: Sentry itself refuses an event of more than 1 MiB (the protocol's "Size Limits").
MAX_JSON_BYTES = 1024 * 1024
#: Values in one such piece of JSON: each costs a hundred bytes of memory once it is read, whatever it took on the way.
#: A client sends a stack, a trail of a hundred breadcrumbs and some locals: a few thousand.
MAX_JSON_VALUES = 100_000
#: A client compresses once.
MAX_CODINGS = 2
MAX_ITEMS = 200
MAX_PLACES = 10
#: With the dashes of a UUID.
MAX_TRACE_CHARS = 36
_TRACE_ID = re.compile(r"[0-9a-f]{32}")
#: Keys of a user that tell who it is; an address or a country alone does not.
IDENTIFYING = ("id", "username", "email", "name")


class UnreadableError(ValueError):
    """It is not what the protocol says, or more than is read."""


@dataclass(frozen=True, kw_only=True)
class Item:
    """One part of an envelope."""

    kind: str
    payload: bytes

    def data(self) -> Any:
        """Its payload as JSON, None where it is none.

        Raises:
            UnreadableError: it is more than is read.
        """
        return _json(self.payload)


@dataclass(frozen=True, kw_only=True)
class Envelope:
    """What came in one request."""

    header: dict[str, Any] = field(default_factory=dict)
    items: tuple[Item, ...] = ()

    def errors(self) -> tuple[dict[str, Any], ...]:
        """Its events that hold an exception.

        Raises:
            UnreadableError: an event is more than is read.
        """
        events = (item.data() for item in self.items if item.kind == "event")
        return tuple(event for event in events if isinstance(event, dict) and _exceptions(event))

    @property
    def transactions(self) -> int:
        """How many requests' courses it tells."""
        return sum(item.kind == "transaction" for item in self.items)


def decompressed(body: bytes, encoding: str, *, at_most: int = MAX_BYTES) -> bytes:
    """The body as it was before its encodings.

    Raises:
        UnreadableError: it is no such encoding, one that is not known, or more than ``at_most`` bytes.
    """
    names = [part.strip().lower() for part in encoding.split(",", MAX_CODINGS) if part.strip()]
    if len(names) > MAX_CODINGS:
        raise UnreadableError(f"it has more than {MAX_CODINGS} content-encodings")
    for name in reversed(names):
        try:
            match name:
                case "identity":
                    continue
                case "gzip" | "x-gzip":
                    body = gzip.GzipFile(fileobj=io.BytesIO(body)).read(at_most + 1)
                case "deflate":
                    body = _inflated(body, at_most + 1)
                case "br":
                    body = _unbrotli(body, at_most + 1)
                case _:
                    raise UnreadableError(f"content-encoding {name[:40]} is not known")
        except (OSError, EOFError, zlib.error, brotli.error) as error:
            raise UnreadableError(f"content-encoding {name}: {error}") from error
        if len(body) > at_most:
            break
    if len(body) > at_most:
        raise UnreadableError(f"it is more than the {at_most} bytes that are still read")
    return body


def _inflated(body: bytes, at_most: int) -> bytes:
    try:
        return zlib.decompressobj().decompress(body, at_most)
    except zlib.error:
        # Some clients leave out the zlib header that RFC 9110 (8.4.1.2) asks for.
        return zlib.decompressobj(-zlib.MAX_WBITS).decompress(body, at_most)


def _unbrotli(body: bytes, at_most: int) -> bytes:
    decoder = brotli.Decompressor()
    plain: bytes = decoder.process(body, output_buffer_limit=at_most)
    while not decoder.is_finished() and len(plain) < at_most:
        more = decoder.process(b"", output_buffer_limit=at_most - len(plain))
        if not more:
            break
        plain += more
    # The library keeps to its limit by whole blocks.
    return plain[:at_most]


def read_envelope(path: str, plain: bytes) -> Envelope:
    """The envelope of one request; a bare event, as older clients send it, is an envelope of one item.

    Args:
        path: of the request.
        plain: its body, :func:`decompressed`.

    Raises:
        UnreadableError: it is neither.
    """
    if path.partition("?")[0].rstrip("/").endswith("/store"):
        return Envelope(items=(Item(kind="event", payload=plain),))
    line, _, rest = plain.partition(b"\n")
    header = _json(line)
    if not isinstance(header, dict):
        raise UnreadableError("the first line is no JSON object")
    return Envelope(header=header, items=tuple(_items(rest)))


def _items(rest: bytes) -> Iterator[Item]:
    """One after the other; each is cut out of the whole once, so that many small ones cost no more than one large one."""
    place = 0
    for _ in range(MAX_ITEMS):
        while rest[place : place + 1] == b"\n":
            place += 1
        if place >= len(rest):
            return
        line, place = _line(rest, place)
        about = _json(line)
        if not isinstance(about, dict):
            raise UnreadableError("an item's first line is no JSON object")
        length = about.get("length")
        if isinstance(length, int) and not isinstance(length, bool) and length >= 0:
            payload = rest[place : place + length]
            place += length
            if len(payload) < length:
                raise UnreadableError(f"an item of {length} bytes has {len(payload)}")
        else:
            payload, place = _line(rest, place)
        yield Item(kind=str(about.get("type", ""))[:40], payload=payload)
    if rest[place:].strip(b"\n"):
        raise UnreadableError(f"it has more than {MAX_ITEMS} items")


def _line(text: bytes, start: int) -> tuple[bytes, int]:
    """The line that begins there, and where the next one does."""
    end = text.find(b"\n", start)
    return (text[start:], len(text)) if end < 0 else (text[start:end], end + 1)


def _json(text: bytes) -> Any:
    """What the text means, None where it is no JSON.

    Raises:
        UnreadableError: it is more than is read.
    """
    if len(text) > MAX_JSON_BYTES or sum(text.count(mark) for mark in (b",", b"[", b"{")) > MAX_JSON_VALUES:
        raise UnreadableError("a piece of JSON is larger than any event may be")
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def told_ratio(envelope: Envelope) -> float | None:
    """The sample rate that the envelope itself tells."""
    trace = envelope.header.get("trace")
    try:
        return float(trace["sample_rate"]) if isinstance(trace, dict) and "sample_rate" in trace else None
    except (TypeError, ValueError):
        return None


def captured(event: dict[str, Any], *, seconds: float) -> Captured:
    """What of an event is judged; nothing of it that can hold a secret."""
    exceptions = _exceptions(event)
    frames = max((_list(_dict(e.get("stacktrace")).get("frames")) for e in exceptions), key=len, default=[])
    last = _dict(frames[-1]) if frames else {}
    request, user = _dict(event.get("request")), _dict(event.get("user"))
    crumbs = event.get("breadcrumbs")
    values = _dict(crumbs).get("values") if isinstance(crumbs, dict) else crumbs
    headers = request.get("headers")
    pairs = headers.items() if isinstance(headers, dict) else [p for p in _list(headers) if isinstance(p, list) and p]
    url = request.get("url")
    environment = event.get("environment")
    return Captured(
        seconds=round(seconds, 3),
        exceptions=tuple(str(e.get("type", ""))[:200] for e in exceptions[:20]),
        frames=len(frames),
        innermost=f"{last.get('function', '?')} in {last.get('filename') or last.get('abs_path') or '?'}"[:300]
        if last
        else "",
        environment=str(environment)[:100] if environment is not None else None,
        url=_without_query(url) if isinstance(url, str) and url else None,
        headers=tuple(sorted(str(pair[0]).lower()[:100] for pair in pairs))[:100],
        user=tuple(key for key in IDENTIFYING if user.get(key) not in (None, "", "[Filtered]")),
        breadcrumbs=len(_list(values)),
        trace_id=_trace_id(_dict(_dict(event.get("contexts")).get("trace")).get("trace_id")),
    )


def _trace_id(value: Any) -> str:
    """A trace's number as W3C Trace Context writes it (3.2.2.3), empty where it is none."""
    text = value.replace("-", "").lower() if isinstance(value, str) and len(value) <= MAX_TRACE_CHARS else ""
    return text if _TRACE_ID.fullmatch(text) else ""


def _without_query(url: str) -> str:
    try:
        return urlsplit(url)._replace(query="", fragment="").geturl()[:500]
    except ValueError:
        return "?"


def _exceptions(event: dict[str, Any]) -> list[dict[str, Any]]:
    raw = event.get("exception")
    values = raw.get("values") if isinstance(raw, dict) else raw
    return [value for value in _list(values) if isinstance(value, dict)]


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def places_of(secret: str, envelope: Envelope) -> tuple[str, ...]:
    """Where a secret stands in an envelope, for example ``event.request.headers.Cookie``; the first few places."""
    found: list[str] = []
    for item in envelope.items:
        if len(found) < MAX_PLACES and secret.encode() in item.payload:
            found += _places_in(secret, item)
    found += itertools.islice(_places(secret, envelope.header, "header"), MAX_PLACES)
    return tuple(dict.fromkeys(found))[:MAX_PLACES]


def _places_in(secret: str, item: Item) -> list[str]:
    """Where in an item that holds it; the item itself where no nearer place can be told."""
    try:
        return list(itertools.islice(_places(secret, item.data(), item.kind), MAX_PLACES)) or [item.kind]
    except (UnreadableError, RecursionError):
        return [item.kind]


def _places(secret: str, value: Any, where: str) -> Iterator[str]:
    if isinstance(value, dict):
        for key, member in value.items():
            if secret in str(key):
                yield f"{where} (a key)"
            yield from _places(secret, member, f"{where}.{str(key)[:60].replace(secret, '***')}")
    elif isinstance(value, list):
        for member in value:
            yield from _places(secret, member, f"{where}[]")
    elif secret in str(value):
        yield where
