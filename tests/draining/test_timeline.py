from __future__ import annotations

import dataclasses
import runpy
from pathlib import Path
from typing import Any

import pytest

from readiness.chart import Chart, Tone
from readiness.draining.judging import is_refusal, open_at_signal, reacted
from readiness.draining.timeline import timeline
from readiness.facts._codec import decode
from readiness.facts.drain import DrainRuns, Ending, Fate, Kind, Stop, Tracked

BUILDER = Path(__file__).parents[1] / "checks" / "bases" / "build_drain.py"


@pytest.fixture(scope="module")
def runs() -> DrainRuns:
    found: dict[str, Any] = runpy.run_path(str(BUILDER))["build"]()
    return decode(DrainRuns, found["drain_runs"])


def request(fate: Fate, *, sent: float = 1.5, ended: float = 1.6, status: int | None = None) -> Tracked:
    return Tracked(kind=Kind.NEW, name="GET /", sent_seconds=sent, ended_seconds=ended, fate=fate, status=status)


def drawn(stop: Stop, runs: DrainRuns) -> dict[str, list[tuple[float, float, str, str]]]:
    chart: Chart = timeline("api", stop, runs.control)
    return {lane.label: [(s.start, s.end, s.tone.value, s.label) for s in lane.spans] for lane in chart.lanes}


def test_a_stop_is_drawn_with_its_signal_probes_requests_and_end(runs: DrainRuns) -> None:
    assert runs.stopped is not None
    lanes = drawn(runs.stopped, runs)
    assert lanes["SIGTERM"] == [(0.0, 0.0, "neutral", "signal")]
    assert lanes["api"] == [(0.0, 3.3, "good", "exit 0")]
    assert lanes["readiness"][0] == (-0.5, -0.5, "good", "ready")
    assert lanes["readiness"][-1] == (0.4, 0.4, "neutral", "no answer")
    # All that had the same end share a lane.
    assert lanes["POST /items, half sent (2)"] == [(-0.98, 3.05, "good", "finished 201")]
    assert lanes["POST /embed, half sent"] == [(-0.98, 3.02, "good", "finished 200")]
    assert {label for *_, label in lanes["new connections"]} == {"finished 200", "refused"}


def test_what_was_cut_and_who_was_killed_is_bad(runs: DrainRuns) -> None:
    cut = Tracked(kind=Kind.WRITE, name="POST /x", sent_seconds=-1.0, ended_seconds=0.1, fate=Fate.RESET)
    ending = Ending(signal="SIGTERM", watched_seconds=10.2, grace_seconds=10.0, seconds=10.1, exit_code=137)
    lanes = drawn(Stop(ending=ending, requests=(cut,)), runs)
    assert lanes["api"] == [(0.0, 10.1, Tone.BAD.value, "killed")]
    assert lanes["POST /x"] == [(-1.0, 0.1, Tone.BAD.value, "cut")]


def test_who_ended_otherwise_has_a_lane_apart(runs: DrainRuns) -> None:
    assert runs.stopped is not None
    write = runs.control[0]
    cut = dataclasses.replace(write, fate=Fate.RESET, status=None, ended_seconds=0.2)
    lanes = drawn(dataclasses.replace(runs.stopped, requests=(write, cut, cut, write, write)), runs)
    assert lanes["POST /items, half sent (3)"] == [(-0.98, 3.02, "good", "finished 201")]
    assert lanes["POST /items, half sent (2)"] == [(-0.98, 0.2, "bad", "cut")]


def test_one_that_still_runs_is_drawn_as_long_as_it_was_watched(runs: DrainRuns) -> None:
    lanes = drawn(Stop(ending=Ending(signal="SIGTERM", watched_seconds=12.0)), runs)
    assert lanes["api"] == [(0.0, 12.0, "bad", "still running")]


@pytest.mark.parametrize(
    ("tracked", "expected"),
    [
        (request(Fate.REFUSED), True),
        (request(Fate.RESET), True),
        (request(Fate.FINISHED, status=503), True),
        (request(Fate.FINISHED, status=200), False),
        (request(Fate.RESET, status=200), False),  # an answer had begun
        (request(Fate.UNANSWERED, ended=5.5), False),
        (request(Fate.RESET, ended=4.0), False),  # waited for, and closed with the end
    ],
)
def test_a_refusal_is_quick_and_without_an_answer(tracked: Tracked, expected: bool) -> None:
    assert is_refusal(tracked, at_most_seconds=2.0) is expected


def test_what_ended_before_the_signal_or_began_after_it_was_not_in_flight(runs: DrainRuns) -> None:
    ending = Ending(signal="SIGTERM", watched_seconds=1.0, seconds=0.9, exit_code=0)
    every = [(-1.0, -0.1), (-1.0, 0.5), (0.1, 0.5)]
    requests = tuple(
        Tracked(kind=Kind.UPLOAD, name="x", sent_seconds=sent, ended_seconds=ended, fate=Fate.FINISHED, status=200)
        for sent, ended in every
    )
    assert open_at_signal(Stop(ending=ending, requests=requests)) == requests[1:2]


def test_a_killed_service_that_turned_somebody_away_had_heard_the_signal() -> None:
    ending = Ending(signal="SIGTERM", watched_seconds=10.2, grace_seconds=10.0, seconds=10.1, exit_code=137)
    assert reacted(Stop(ending=ending, requests=(request(Fate.REFUSED),)))
    assert not reacted(Stop(ending=ending, requests=(request(Fate.FINISHED, status=200),)))
    # Within the first second a full queue or a slow turn looks the same.
    assert not reacted(Stop(ending=ending, requests=(request(Fate.REFUSED, sent=0.2, ended=0.3),)))
    # Nobody is there any more to turn anybody away, and what the kill itself cut was not turned away either.
    assert not reacted(Stop(ending=ending, requests=(request(Fate.REFUSED, sent=10.05, ended=10.06),)))
    assert not reacted(Stop(ending=ending, requests=(request(Fate.RESET, sent=9.9, ended=10.02),)))
