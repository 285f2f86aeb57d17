from __future__ import annotations

import pytest

from readiness.metrics.exposition import MAX_FAULTS, faults_of, looks_like_metrics, read

TEXT = """\
# HELP http_requests_total Requests.
# TYPE http_requests_total counter
http_requests_total{route="/a\\"b",status="200"} 3
# TYPE latency histogram
latency_bucket{le="+Inf"} 3 1700000000000
# TYPE never counter
"""


def test_samples_are_read_with_their_labels() -> None:
    first, second = read(TEXT).series
    assert (first.name, first.label("route"), first.value) == ("http_requests_total", '/a"b', 3.0)
    assert (second.words, second.value) == ('latency_bucket{le="+Inf"}', 3.0)


def test_a_bad_line_hides_no_good_one() -> None:
    found = read('broken{a=b} 1\nfine 2\nhello\n{"quoted.name"} 3\n')
    assert [series.words for series in found.series] == ["fine"]


def test_names_hold_what_may_yet_appear() -> None:
    found = read(TEXT)
    assert {"latency_count", "latency_sum", "never", "never_total"} <= found.names
    assert found.announces_ahead


def test_without_a_family_that_has_no_sample_nothing_is_announced_ahead() -> None:
    assert not read("# TYPE a counter\na_total 1\n# TYPE h histogram\nh_count 1\n").announces_ahead
    assert read('python_info{version="3"} 1\n').announces_ahead


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (TEXT, True),
        ("\n# HELP a b\n", True),
        ("a 1\nb 2\n", True),
        ("hello 1", False),
        ("<html>", False),
        ('{"a": 1}', False),
        ("", False),
    ],
)
def test_an_exposition_is_told_from_a_page(text: str, expected: bool) -> None:
    assert looks_like_metrics(text) is expected


def test_a_sound_exposition_has_no_fault() -> None:
    assert faults_of(TEXT, "text/plain; version=0.0.4") == ()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("a{b=c} 1", "official parser refuses"),
        ("9a 1", "official parser refuses"),
        ("a", "official parser refuses"),
        ("# TYPE a junk", "official parser refuses"),
        ('fine{x="1"} 2\nfine{x="1"} 3', "second time"),
        ('a{b="1",b="2"} 1', "official parser refuses"),
        ("a 1\n# TYPE a gauge", "after its samples"),
        ("# TYPE a gauge\n# TYPE a gauge\na 1", "second TYPE"),
    ],
)
def test_faults_are_found_with_their_line(line: str, words: str) -> None:
    faults = faults_of(f"fine 1\n{line}\n", "text/plain")
    assert [words in fault.words for fault in faults] == [True]
    assert faults[0].line > 1


def test_a_line_of_its_own_time_may_be_there_twice() -> None:
    assert faults_of("a 1 1700000000000\na 2 1700000001000\n", "text/plain") == ()


def test_what_holds_no_sample_is_no_exposition() -> None:
    assert "no sample" in faults_of("# TYPE a gauge\n", "text/plain")[0].words


def test_faults_are_bounded() -> None:
    assert len(faults_of("a{\n" * 1000, "text/plain")) == MAX_FAULTS
