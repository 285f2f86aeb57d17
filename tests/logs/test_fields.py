from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from readiness.logs.fields import Line, flat, parsed, places_of
from readiness.logs.ids import header_among, id_of, is_uuid, naming
from readiness.logs.spellings import spellings


def lines(*objects: dict[str, object]) -> list[Line]:
    return [Line(json.dumps(value)) for value in objects]


def test_leaves_are_known_by_their_dotted_places() -> None:
    found = flat({"a": {"b": 1, "c": [{"d": "x"}]}, "e": {}, "f": None})
    assert found == {"a.b": 1, "a.c.0.d": "x", "e": {}, "f": None}


@pytest.mark.parametrize("text", ["plain", "[1]", '"text"', "{", "", "{'a': 1}", "[" * 5000, '{"a":' * 5000])
def test_what_is_no_object_has_no_places(text: str) -> None:
    assert parsed(text) is None


def test_deep_and_wide_objects_are_bounded() -> None:
    deep: dict[str, object] = {"end": 1}
    for _ in range(50):
        deep = {"in": deep}
    assert len(flat({"deep": deep, **{str(n): n for n in range(1000)}})) == 300


def test_usual_names_are_found_wherever_they_are_and_however_they_are_written() -> None:
    found = places_of(
        lines(
            {
                "req": {"id": "1", "remoteAddress": "::1"},
                "res": {"statusCode": 200},
                "responseTime": 3,
                "log.level": "info",
            }
        ),
        {},
    )
    assert found["request_id"] == "req.id"
    assert found["status"] == "res.statusCode"
    assert found["seconds"] == "responseTime"
    assert found["client"] == "req.remoteAddress"
    assert found["level"] == "log.level"
    assert found["error"] is None


def test_a_surer_name_wins_over_a_frequent_one_and_a_frequent_place_over_a_rare_one() -> None:
    seen = lines(
        {"trace_id": "t", "a": {"request_id": "1"}},
        {"trace_id": "t", "b": {"request_id": "2"}},
        {"b": {"request_id": "3"}},
    )
    assert places_of(seen, {})["request_id"] == "b.request_id"


def test_lines_of_different_makes_are_each_read_their_own_way() -> None:
    seen = lines({"level": "info"}, {"severity": "WARNING"})
    places = places_of(seen, {})
    assert [places.get(line, "level") for line in seen] == ["info", "WARNING"]


def test_loguru_s_record_is_read_and_its_own_file_and_uptime_are_no_request_s() -> None:
    record = {"elapsed": {"seconds": 100.1}, "file": {"path": "/app/api.py"}, "level": {"name": "INFO", "no": 20}}
    record |= {"time": {"repr": "2026-01-01 12:00:00+00:00", "timestamp": 1.5}, "extra": {"path": "/items"}}
    found = places_of(lines({"record": record}), {})
    assert (found["level"], found["time"]) == ("record.level.name", "record.time.repr")
    assert (found["path"], found["seconds"]) == ("record.extra.path", None)


def test_a_declared_place_is_the_only_one() -> None:
    (line,) = seen = lines({"request_id": "1", "context": {"id": "2"}})
    assert places_of(seen, {"request_id": "context.id"}).get(line, "request_id") == "2"
    assert places_of(seen, {"request_id": "context.nowhere"}).get(line, "request_id") is None


@settings(max_examples=30, deadline=None)
@given(
    st.recursive(
        st.none() | st.text() | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_any_object_is_read_without_an_error(value: object) -> None:
    places_of([Line(json.dumps({"value": value}))], {})


def test_the_usual_header_is_recognised_in_any_case() -> None:
    assert header_among(["content-type", "x-correlation-id", "traceparent"]) == "X-Correlation-ID"
    assert header_among(["content-type"]) is None


def test_of_a_traceparent_the_trace_is_the_id() -> None:
    assert id_of("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01") == "4bf92f3577b34da6a3ce929d0e0e4736"
    assert id_of(" abc ") == "abc"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("6f3a1c9e-4d2b-4f7a-9c1d-2e5b8a7f0d31", True),
        ("6F3A1C9E4D2B4F7A9C1D2E5B8A7F0D31", True),
        ("req-17", False),
        ("", False),
    ],
)
def test_uuids_are_told_from_other_ids(value: str, expected: bool) -> None:
    assert is_uuid(value) is expected


@pytest.mark.parametrize(
    ("name", "text", "is_named"),
    [
        ("req-1", '{"reqId":"req-1"}', True),
        ("req-1", '{"reqId":"req-14"}', False),
        ("req-1", "req-14, req-1", True),
        ("4bf9", "traceparent=00-4bf9-00f0-01", True),
        ("b3", "4bf92f3577b34da6", False),
        ('x"', 'x"y', True),
        ("a.c", "abc", False),
        ("", "anything", False),
    ],
)
def test_a_name_is_found_where_it_stands_alone(name: str, text: str, is_named: bool) -> None:
    assert bool(naming([name]).search(text)) is is_named


@pytest.mark.parametrize("before", ["", "u", "us", "user"])
def test_a_secret_is_recognised_inside_base64_wherever_it_begins(before: str) -> None:
    secret = "canary0123456789abcdef"
    text = base64.b64encode(f"{before}:{secret}".encode()).decode()
    assert any(form in text for form in spellings(secret))
