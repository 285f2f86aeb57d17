from __future__ import annotations

import pytest

from readiness.starting.sleeps import Place, sleeps_in, starts_compose


def places(script: str) -> list[str]:
    return [sleep.place for sleep in sleeps_in(script)]


@pytest.mark.parametrize(
    ("script", "place"),
    [
        ("sleep 10\nexec app\n", Place.FIXED),
        ("sleep 10 && exec app", Place.FIXED),
        ("docker compose up -d; sleep 10; curl localhost", Place.FIXED),
        ("until pg_isready; do sleep 1; done", Place.LOOP),
        ("while ! nc -z db 5432; do echo wait; sleep 1; done", Place.LOOP),
        ("for i in 1 2 3; do check && break; sleep 2; done", Place.LOOP),
        ("if ! check; then sleep 5; fi", Place.BRANCH),
        ("check || sleep 5", Place.BRANCH),
        ("check || { sleep 5; check; }", Place.BRANCH),
        ("sleep 5 &\nwait", Place.BACKGROUND),
        ("sleep infinity", Place.LASTING),
        ("exec sleep 3600", Place.LASTING),
        ("pause() { sleep 2; }\nuntil check; do pause; done", Place.LOOP),
        ("pause() { sleep 2; }\npause\nexec app", Place.FIXED),
        ("pause() { sleep 2; }\n", Place.BRANCH),
        ("stop() { kill $pid; sleep 2; }\ntrap stop TERM\napp & pid=$!; wait", Place.TRAP),
    ],
)
def test_the_place_of_a_sleep_is_told(script: str, place: Place) -> None:
    found = places(script)
    if script.startswith("exec"):
        assert found == []  # a program of its own: nothing comes after it
    else:
        assert found == [place]


def test_what_only_looks_like_a_sleep_is_none() -> None:
    assert places("# sleep 10\necho 'sleep 10'\nsleepy 3\ncat <<END\nsleep 5\nEND\n") == []


def test_lines_and_seconds_are_told() -> None:
    (first, second, third) = sleeps_in('#!/bin/sh\n\nsleep 1m 30s\nsleep "$DELAY"\n  sleep .5\n')
    assert (first.line, first.seconds, first.text) == (3, 90.0, "sleep 1m 30s")
    assert (second.line, second.seconds) == (4, None)
    assert (third.line, third.seconds) == (5, 0.5)


def test_functions_that_call_each_other_come_to_an_end() -> None:
    assert places("a() { b; sleep 1; }\nb() { a; }\na\n") == [Place.FIXED]


def test_what_is_no_script_is_read_to_its_end() -> None:
    assert places("if then ((( \x00 sleep 5 }}}") is not None


def test_a_script_that_brings_the_stack_up_is_known() -> None:
    assert starts_compose("#!/bin/sh\ndocker compose -f a.yaml up -d\n") == 2
    assert starts_compose("docker-compose up") == 1
    assert starts_compose("# docker compose up\ndocker compose down") is None
