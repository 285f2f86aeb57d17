from __future__ import annotations

import pytest

from readiness.facts.probes import Phase, Span, Timeline
from readiness.probes.outages import course_of, describes_before
from readiness.probes.standing import Standing, admits_fault, standing
from readiness.target import Probe, ProbeKind

READY = Probe(kind=ProbeKind.READY, path="/ready", expect=(200, 204))


def span(status: int | None, body: str = "", first: float = 0.0, last: float = 1.0) -> Span:
    return Span(first_seconds=first, last_seconds=last, status=status, error=None if status else "refused", body=body)


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, '{"status": "ok"}', Standing.YES),
        (204, "", Standing.YES),
        (200, "anything else", Standing.YES),
        (200, '{"status": "degraded"}', Standing.BODY_NO),
        (200, "Unhealthy", Standing.BODY_NO),
        (503, '{"status": "ok"}', Standing.NO),
        (500, "", Standing.NO),
        (302, "", Standing.NO),
        (429, "", Standing.LIMITED),
        (401, "", Standing.LOCKED),
        (None, "", Standing.SILENT),
    ],
)
def test_what_an_answer_says(status: int | None, body: str, expected: Standing) -> None:
    assert standing(READY, span(status, body)) is expected


def test_a_declared_word_is_the_healthy_one() -> None:
    probe = Probe(kind=ProbeKind.READY, path="/ready", status="loading")
    assert standing(probe, span(200, '{"status": "loading"}')) is Standing.YES


@pytest.mark.parametrize(
    ("declared", "status", "body", "expected"),
    [
        (None, 200, '{"status": "unhealthy"}', True),
        (None, 503, '{"status": "healthy"}', False),
        (None, 503, "{}", True),
        (None, 200, "{}", False),
        ("ok", 200, '{"status": "fine"}', True),
        ("ok", 200, '{"status": "ok"}', False),
    ],
)
def test_what_the_overall_word_admits(declared: str | None, status: int, body: str, expected: bool) -> None:
    probe = Probe(kind=ProbeKind.DETAILED, path="/detailed", status=declared)
    assert admits_fault(probe, span(status, body)) is expected


def phase(*spans: Span) -> Phase:
    timeline = Timeline(kind="ready", url="http://api/ready", entry="direct", service="api", spans=spans)
    return Phase(seconds=20.0, zero_unix_seconds=1000.0, timelines=(timeline,))


def test_a_course_with_a_fall() -> None:
    course = course_of(READY, phase(span(200, "", -1, 2), span(503, "", 2.2, 9)))
    assert course is not None
    assert course.has_fallen
    assert (course.last_yes, course.first_no) == (2, 2.2)


def test_a_course_counts_from_the_zero_on() -> None:
    course = course_of(READY, phase(span(200, "", -3, -1), span(503, "", -0.5, 9)))
    assert course is not None
    assert (course.last_yes, course.first_no) == (None, 0.0)


def test_flapping_falls_with_its_last_no() -> None:
    course = course_of(READY, phase(span(503, "", 0, 1), span(200, "", 1.2, 4), span(503, "", 4.2, 9)))
    assert course is not None
    assert (course.last_yes, course.first_no) == (4, 4.2)


def test_an_old_answer_is_told_by_its_time_stamp() -> None:
    course = course_of(READY, phase(span(200, '{"status": "ok", "timestamp": 990}', 0, 9)))
    assert course is not None
    assert (course.last_yes, course.last_stale_yes) == (None, 9)


def test_an_old_and_then_a_new_answer_is_a_new_one() -> None:
    old, new = '{"status": "ok", "timestamp": 990}', '{"status": "ok", "timestamp": 1012}'
    both = Span(first_seconds=0, last_seconds=15, count=60, status=200, body=old, last_body=new)
    course = course_of(READY, phase(both))
    assert course is not None
    assert (course.last_yes, course.last_stale_yes) == (15, None)


def test_a_limiters_answers_are_left_out() -> None:
    course = course_of(READY, phase(span(503, "", 0, 1), span(429, "", 1.2, 9)))
    assert course is not None
    assert course.says is Standing.NO
    alone = course_of(READY, phase(span(429)))
    assert alone is not None
    assert (alone.settled, alone.unusable) == (None, "refused by a rate limiter")


def test_a_probe_that_was_not_asked_has_no_course() -> None:
    assert course_of(Probe(kind=ProbeKind.LIVE, path="/live"), phase()) is None
    assert course_of(READY, None) is None


@pytest.mark.parametrize(
    ("moment", "sent", "is_old"),
    [(98.5, 99.0, True), (99.6, 101.0, False), (99.6, 119.0, True), (100.4, 119.0, True), (118.9, 119.0, False)],
)
def test_an_answer_of_the_moment_of_the_fault_is_old_once_it_is_only_repeated(
    moment: float, sent: float, is_old: bool
) -> None:
    assert describes_before(moment, zero=100.0, sent=sent) is is_old
