"""The sound demo under compose: nothing fails, parallel and replayed runs agree, nothing stays."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import Audited, run_audit

pytestmark = pytest.mark.docker
TOP = {"A+", "A"}


@pytest.fixture(scope="module")
def healthy(tmp_path_factory: pytest.TempPathFactory) -> Audited:
    """The sound demo, audited by four workers and recorded."""
    folder = tmp_path_factory.mktemp("healthy")
    arguments = ["--readiness-profile=production", "--readiness-demo", "--readiness-runtime=compose", "-n", "4"]
    arguments += [f"--readiness-record={folder / 'recording'}", "--readiness-format=json,html,md"]
    return run_audit(folder, *arguments)


def test_the_healthy_demo_fails_nothing(healthy: Audited) -> None:
    assert healthy.code == 0, healthy.explain()
    assert "fail" not in healthy.outcomes.values(), healthy.explain()
    assert healthy.card["grade"] in TOP, healthy.explain()
    assert (healthy.report / "scorecard.html").stat().st_size > 10_000


def test_the_healthy_demo_decides_every_check(healthy: Audited) -> None:
    undecided = {check for check, outcome in healthy.outcomes.items() if outcome == "inconclusive"}
    assert undecided <= healthy.crowded_out, healthy.explain()


def test_the_audit_takes_little_longer_than_its_critical_path(healthy: Audited) -> None:
    # Steps of work alone: gaps between them, in which everybody waited for nothing, are what is looked for.
    run = healthy.card["run"]
    path = sum(
        step["seconds"] for step in run["critical_path"] if step["kind"] in {"start", "gather", "stop", "render"}
    )
    assert run["seconds"] <= 1.25 * path, run["critical_path"]


def test_the_personal_profile_gives_a_top_grade(healthy: Audited, tmp_path: Path) -> None:
    recording = healthy.report.parent / "recording"
    audited = run_audit(tmp_path, "--readiness-profile=personal", f"--readiness-replay={recording}")
    assert audited.code == 0, audited.explain()
    assert audited.card["grade"] in TOP, audited.explain()
    assert "ratelimit.*" in audited.card["profile"]["excluded"]


def test_a_serial_audit_comes_to_the_same_verdicts(healthy: Audited, tmp_path: Path) -> None:
    # The families that disturb the stack and those that only look; all of them serially would take many minutes.
    serial = run_audit(tmp_path, "--readiness-profile=production", "--readiness-demo", "-m", "headers or probe")
    noise = serial.crowded_out | healthy.crowded_out
    ran = {i: outcome for i, outcome in serial.outcomes.items() if i.startswith(("headers.", "probe."))}
    assert {i for i, outcome in ran.items() if outcome != healthy.outcomes[i]} <= noise, serial.explain()
    assert serial.code == healthy.code


def test_a_replay_gives_the_same_scorecard_without_an_engine(healthy: Audited, tmp_path: Path) -> None:
    recording = healthy.report.parent / "recording"
    replay = run_audit(
        tmp_path,
        "--readiness-profile=production",
        f"--readiness-replay={recording}",
        environment={"DOCKER_HOST": "unix:///nonexistent/docker.sock", "PATH": "/usr/bin:/bin"},
    )
    assert replay.code == 0, replay.explain()
    assert timeless(replay.card) == timeless(healthy.card)


def test_nothing_of_the_audit_stays(healthy: Audited) -> None:
    run_id = healthy.card["run"]["id"]
    for listing in (["ps", "-aq"], ["network", "ls", "-q"], ["volume", "ls", "-q"], ["image", "ls", "-q"]):
        command = ["docker", *listing, "--filter", f"label=io.readiness.run={run_id}"]
        assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == ""


def timeless(card: dict[str, Any]) -> dict[str, Any]:
    """The card without its run and without how long things took."""
    rows = [{name: value for name, value in row.items() if name != "seconds"} for row in card["checks"]]
    return {**card, "run": None, "checks": rows}
