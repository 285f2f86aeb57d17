from __future__ import annotations

import gzip
import json
import zlib
from typing import Any

import brotli
import pytest

from readiness.tracking.envelope import (
    MAX_BYTES,
    MAX_ITEMS,
    MAX_JSON_BYTES,
    UnreadableError,
    captured,
    decompressed,
    places_of,
    read_envelope,
    told_ratio,
)

PATH = "/api/1/envelope/"
EVENT = {
    "environment": "production",
    "exception": {
        "values": [
            {"type": "OSError"},
            {
                "type": "RuntimeError",
                "stacktrace": {"frames": [{"function": "a"}, {"function": "boom", "filename": "shop/routes.py"}]},
            },
        ]
    },
    "request": {"url": "http://api/boom?token=x", "headers": {"Host": "api", "Authorization": "[Filtered]"}},
    "user": {"id": "3", "email": "[Filtered]", "ip_address": "1.2.3.4"},
    "breadcrumbs": {"values": [{"message": "query"}]},
}


def envelope_of(*items: tuple[str, Any], header: dict[str, Any] | None = None, lengths: bool = True) -> bytes:
    lines = [json.dumps(header or {}).encode()]
    for kind, data in items:
        payload = data if isinstance(data, bytes) else json.dumps(data).encode()
        about = {"type": kind, **({"length": len(payload)} if lengths else {})}
        lines += [json.dumps(about).encode(), payload]
    return b"\n".join(lines) + b"\n"


@pytest.mark.parametrize("lengths", [True, False])
def test_items_are_read(lengths: bool) -> None:
    body = envelope_of(("event", EVENT), ("transaction", {}), ("session", {}), lengths=lengths)
    found = read_envelope(PATH, body)
    assert [item.kind for item in found.items] == ["event", "transaction", "session"]
    assert (len(found.errors()), found.transactions) == (1, 1)


def test_an_item_with_line_feeds_in_it_is_read_by_its_length() -> None:
    found = read_envelope(PATH, envelope_of(("attachment", b"a\nb\n\n"), ("event", EVENT)))
    assert (found.items[0].payload, len(found.errors())) == (b"a\nb\n\n", 1)


def test_a_bare_event_of_older_clients_is_read() -> None:
    assert len(read_envelope("/api/1/store/", json.dumps(EVENT).encode()).errors()) == 1


def test_a_message_is_no_error() -> None:
    assert read_envelope(PATH, envelope_of(("event", {"message": "hello"}))).errors() == ()


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("", b"text"),
        ("identity", b"text"),
        ("gzip", gzip.compress(b"text", mtime=0)),
        ("deflate", zlib.compress(b"text")),
        ("deflate", zlib.compress(b"text")[2:-4]),
        ("br", brotli.compress(b"text")),
        ("gzip, br", brotli.compress(gzip.compress(b"text", mtime=0))),
    ],
)
def test_encodings_are_undone(encoding: str, body: bytes) -> None:
    assert decompressed(body, encoding) == b"text"


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd"])
def test_what_is_not_encoded_so_is_said(encoding: str) -> None:
    with pytest.raises(UnreadableError, match=encoding):
        decompressed(b"this is nothing of the kind", encoding)


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", gzip.compress(b"\0" * (MAX_BYTES * 2), mtime=0)),
        ("deflate", zlib.compress(b"\0" * (MAX_BYTES * 2))),
        ("br", brotli.compress(b"\0" * (MAX_BYTES * 2), quality=1)),
    ],
)
def test_a_bomb_does_not_grow_beyond_the_bound(encoding: str, body: bytes) -> None:
    with pytest.raises(UnreadableError, match="still read"):
        decompressed(body, encoding)


def test_what_is_left_of_the_budget_bounds_the_next_body() -> None:
    assert decompressed(gzip.compress(b"text"), "gzip", at_most=4) == b"text"
    with pytest.raises(UnreadableError, match="more than the 3 bytes"):
        decompressed(gzip.compress(b"text"), "gzip", at_most=3)


def test_many_encodings_are_not_undone() -> None:
    with pytest.raises(UnreadableError, match="content-encodings"):
        decompressed(b"", ", ".join(["gzip"] * 9000))


@pytest.mark.parametrize("payload", [b"[" + b"[]," * 300_000 + b"[]]", b'{"a": "' + b"x" * MAX_JSON_BYTES + b'"}'])
def test_an_event_larger_than_any_is_not_read(payload: bytes) -> None:
    found = read_envelope(PATH, envelope_of(("event", payload), ("transaction", {})))
    with pytest.raises(UnreadableError, match="larger than any event"):
        found.errors()
    assert found.transactions == 1


def test_a_secret_in_what_is_not_read_has_the_item_for_a_place() -> None:
    payload = b'["canary"' + b",[]" * 300_000 + b"]"
    assert places_of("canary", read_envelope(PATH, envelope_of(("event", payload)))) == ("event",)


def test_more_items_than_any_client_sends_are_said() -> None:
    with pytest.raises(UnreadableError, match="items"):
        read_envelope(PATH, envelope_of(*[("session", {})] * (MAX_ITEMS + 1)))


@pytest.mark.parametrize(
    "body", [b"", b"[]\n", b"hello\n", b"{}\nnonsense\n", b'{}\n{"type":"event","length":50}\n{}\n']
)
def test_what_is_no_envelope_is_said(body: bytes) -> None:
    with pytest.raises(UnreadableError):
        read_envelope(PATH, body)


def test_what_is_judged_of_an_event() -> None:
    found = captured(EVENT, seconds=0.1234)
    assert found.seconds == 0.123
    assert found.exceptions == ("OSError", "RuntimeError")
    assert (found.frames, found.innermost) == (2, "boom in shop/routes.py")
    assert (found.environment, found.url, found.breadcrumbs) == ("production", "http://api/boom", 1)
    assert (found.headers, found.user) == (("authorization", "host"), ("id",))


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"exception": [], "request": 3, "user": [], "breadcrumbs": 7},
        {"exception": {"values": [{"stacktrace": 4}, None]}, "request": {"headers": [["A", "b"], 3, []], "url": 5}},
        {"exception": {"values": [{"stacktrace": {"frames": ["x"]}}]}, "request": {"url": "http://[bad"}},
    ],
)
def test_a_hostile_event_does_no_harm(event: dict[str, Any]) -> None:
    assert captured(event, seconds=0.0).breadcrumbs == 0


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("4BF92F3577B34DA6A3CE929D0E0E4736", "4bf92f3577b34da6a3ce929d0e0e4736"),
        ("4bf92f35-77b3-4da6-a3ce-929d0e0e4736", "4bf92f3577b34da6a3ce929d0e0e4736"),
        ("canary", ""),
        ("0" * 1000, ""),
        (3, ""),
        (None, ""),
    ],
)
def test_the_trace_of_an_event(told: Any, expected: str) -> None:
    assert captured({"contexts": {"trace": {"trace_id": told}}}, seconds=0.0).trace_id == expected


def test_older_lists_are_read_as_well() -> None:
    event = {"exception": [{"type": "A"}], "breadcrumbs": [{}, {}], "request": {"headers": [["Host", "x"]]}}
    found = captured(event, seconds=0.0)
    assert (found.exceptions, found.breadcrumbs, found.headers) == (("A",), 2, ("host",))


def test_a_secret_is_found_wherever_it_stands() -> None:
    data = {"request": {"headers": {"Cookie": "a=canary"}}, "vars": [{"x": "Credentials(password='canary')"}]}
    found = read_envelope(PATH, envelope_of(("event", data), ("attachment", b"..canary.."), header={"a": "canary"}))
    assert places_of("canary", found) == (
        "event.request.headers.Cookie",
        "event.vars[].x",
        "attachment",
        "header.a",
    )
    assert places_of("other", found) == ()


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ({"trace": {"sample_rate": "0.1"}}, 0.1),
        ({}, None),
        ({"trace": 3}, None),
        ({"trace": {"sample_rate": "x"}}, None),
    ],
)
def test_the_told_sample_rate(header: dict[str, Any], expected: float | None) -> None:
    assert told_ratio(read_envelope(PATH, envelope_of(header=header))) == expected
