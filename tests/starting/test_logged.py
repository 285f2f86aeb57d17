from __future__ import annotations

import pytest

from readiness.facts.startup import Attempt
from readiness.starting.logged import about, naming, silent, tells_number, tells_pause


def attempts(*lines: tuple[str, ...]) -> tuple[Attempt, ...]:
    return tuple(Attempt(seconds=float(number), lines=each) for number, each in enumerate(lines))


@pytest.mark.parametrize("line", ["retrying in 2 s", "connect ECONNREFUSED 10.0.0.2:5432", "waiting for db"])
def test_a_line_about_an_attempt_is_known(line: str) -> None:
    assert about((line, "GET / 200"), ("db",)) == (line,)


def test_a_name_is_a_word() -> None:
    assert naming('"host": "db:5432"', ("db",))
    assert not naming("feedback", ("db",))


def test_of_two_lines_after_silence_one_is_late() -> None:
    late = attempts((), ("attempt 1", "attempt 2"), ("attempt 3",))
    assert silent(late, ()) == ()
    assert silent(attempts((), ("attempt 2",), ("attempt 3",)), ()) == (late[0],)
    assert len(silent(attempts((), (), ("attempt", "attempt")), ())) == 1
    assert len(silent(attempts(("attempt",), ()), ())) == 1


def test_a_number_that_rises_or_falls_by_one_is_the_attempts() -> None:
    assert tells_number(attempts(("try 1 of 5",), ("try 2 of 5",), ("try 3 of 5",)))
    assert tells_number(attempts(("9 left",), ("8 left",), ("7 left",)))
    assert not tells_number(attempts(("db:5432 refused",), ("db:5432 refused",), ("db:5432 refused",)))
    assert not tells_number(attempts(("try 1",), ("try 2",)))


def test_clocks_count_no_attempts() -> None:
    lines = [(f"2027-01-15T08:00:0{n}.120Z 1795775909{n}00 08:00:0{n} db refused",) for n in range(5)]
    assert not tells_number(attempts(*lines))


def test_a_pause_is_told_in_seconds_or_milliseconds() -> None:
    assert tells_pause(attempts(("in 1 s",), ("in 2 s",)), (1.1, 2.1))
    assert tells_pause(attempts(('{"pause":1000}',), ('{"pause":2000}',)), (1.1, 2.1))
    assert not tells_pause(attempts(("refused",), ("refused",)), (1.1, 2.1))
    assert not tells_pause(attempts(("in 1 s",), ("in 1 s",)), (1.0, 4.0))
    assert not tells_pause((), ())
