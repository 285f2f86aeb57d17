from __future__ import annotations

import pytest

from readiness.facts.metrics import Burst, Scrape
from readiness.metrics.counting import Truth, counter_of, has_moved, movement_of, went_back
from readiness.metrics.exposition import read

BURST = Burst(label="GET /", sent=20, statuses={"200": 20})


def scrape(text: str, *, number: int = 1, at: float = 0.0) -> Scrape:
    return Scrape(url="http://api/metrics", status=200, text=text, number=number, at_seconds=at)


def lines(**routes: int) -> str:
    return "".join(f'http_requests_total{{route="/{route}",status="200"}} {n}\n' for route, n in routes.items())


def truth(before: str, after: str, quiet: tuple[str, str] | None = None) -> Truth:
    looks = (scrape(quiet[0], at=0.0), scrape(quiet[1], at=1.0)) if quiet else None
    return movement_of(
        scrape(before, at=1.0),
        scrape(after, number=2, at=2.0),
        BURST,
        name="http_requests_total",
        label="status",
        path="/metrics",
        quiet=looks,
    ).truth


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (lines(items=5), lines(items=25), Truth.RIGHT),
        (lines(), lines(items=20), Truth.RIGHT),
        (lines(items=5), lines(items=5), Truth.STILL),
        (lines(items=5), lines(items=45), Truth.TWICE),
        (lines(items=5), lines(items=15), Truth.TOO_FEW),
        (lines(items=5), lines(items=23, health=1, other=1), Truth.RIGHT),
        (lines(items=5), lines(items=36), Truth.UNCLEAR),
        (lines(items=5, metrics=3), lines(items=25, metrics=30), Truth.RIGHT),
    ],
)
def test_a_movement_is_told(before: str, after: str, expected: Truth) -> None:
    assert truth(before, after) is expected


def test_what_others_ask_is_seen_while_nothing_is_sent() -> None:
    before, after = 'http_requests_total{status="200"} 100\n', 'http_requests_total{status="200"} 131\n'
    assert truth(before, after) is Truth.UNCLEAR
    quiet = 'http_requests_total{status="200"} 90\n'
    assert truth(before, after, quiet=(quiet, before)) is Truth.RIGHT


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (lines(a=1), ("http_requests_total", "status")),
        ('http_server_requests_seconds_count{status="200"} 1\n', ("http_server_requests_seconds_count", "status")),
        ('http_server_request_duration_seconds_count{http_response_status_code="200"} 1\n',
         ("http_server_request_duration_seconds_count", "http_response_status_code")),
        ('flask_http_request_total{status="200"} 1\n', ("flask_http_request_total", "status")),
        ("http_requests_total 4\n", None),
        ('http_client_bytes{status="200"} 1\n', None),
    ],
)  # fmt: skip
def test_a_counter_is_recognised(text: str, expected: tuple[str, str] | None) -> None:
    assert counter_of(read(text), name="", label="") == expected


def test_a_declared_counter_may_lack_the_suffix_that_libraries_add() -> None:
    found = counter_of(read('hits_total{code="200"} 1\n'), name="hits", label="code")
    assert found == ("hits_total", "code")


def test_waiting_ends_when_the_counter_has_moved() -> None:
    assert has_moved(lines(a=1), lines(a=21), name="", label="", status=200, by=20)
    assert not has_moved(lines(a=1), lines(a=20), name="", label="", status=200, by=20)
    assert has_moved("", "a 1\n", name="", label="", status=200, by=20), "nothing to wait for"
    assert not has_moved("", "a 1\n", name="hits", label="", status=200, by=20), "it may still appear"


def test_a_counter_that_falls_is_another_process() -> None:
    kind = "# TYPE a_total counter\n"
    assert "a_total fell from 3 to 1" in went_back((scrape(f"{kind}a_total 3\n"), scrape(f"{kind}a_total 1\n")))
    assert went_back((scrape(f"{kind}a_total 3\n"), scrape(f"{kind}a_total 3\n"))) == ""


def test_another_start_time_is_another_process() -> None:
    name = "process_start_time_seconds"
    assert went_back((scrape(f"{name} 1\n"), scrape(f"{name} 2\n"))) == f"{name} changed"


@pytest.mark.parametrize(
    "outward",
    [
        "http_client_requests_seconds_count",
        "http_client_request_duration_seconds_count",
        "http_outgoing_requests_total",
        "nginx_http_upstream_requests_total",
    ],
)
def test_what_the_service_asks_of_others_is_not_its_requests(outward: str) -> None:
    both = f'{outward}{{status="200"}} 3\nhttp_server_requests_seconds_count{{status="200"}} 1\n'
    assert counter_of(read(both), name="", label="") == ("http_server_requests_seconds_count", "status")
    assert counter_of(read(f'{outward}{{status="200"}} 3\n'), name="", label="") is None
    assert counter_of(read(both), name=outward, label="") == (outward, "status")


def test_looks_at_a_path_that_leads_on_are_not_counted_as_requests() -> None:
    before = lines(items=5) + 'http_requests_total{route="/metrics/",status="200"} 1\n'
    after = lines(items=10) + 'http_requests_total{route="/metrics/",status="200"} 16\n'
    assert truth(before, after) is Truth.TOO_FEW
