"""Kill the run at any moment: its containers, networks, volumes, images, processes and folders go all the same."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from readiness.runtime.reaper import LABEL_RUN, RUN_VARIABLE, reap_dead_runs, sweep

pytestmark = pytest.mark.docker

STACKS = Path(__file__).parent / "stacks"
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Run:
    run_id: str
    work: Path
    process: subprocess.Popen[str]

    def wait_for(self, word: str, *, seconds: float = 120.0) -> None:
        """Read on until the run says ``word``; a run that ends before has failed."""
        assert self.process.stdout is not None
        deadline = time.monotonic() + seconds
        for line in self.process.stdout:
            if line.strip() == word:
                return
            assert time.monotonic() < deadline, f"not {word} in time"
        pytest.fail(f"the run ended before it was {word}")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()

    def left(self) -> list[str]:
        found = []
        for listing in (["ps", "-aq"], ["network", "ls", "-q"], ["volume", "ls", "-q"], ["image", "ls", "-q"]):
            command = ["docker", *listing, "--filter", f"label={LABEL_RUN}={self.run_id}"]
            found += [f"{listing[0]} {name}" for name in _output(command)]
        found += [f"process {pid}" for pid in self.processes()]
        return found + ([str(self.work)] if self.work.exists() else [])

    def processes(self) -> list[int]:
        """Everything that bears the run's id in its environment, or was registered by it."""
        bearers = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                variables = (folder / "environ").read_bytes().split(b"\0")
                command = (folder / "cmdline").read_bytes()
            except OSError:
                continue
            if f"{RUN_VARIABLE}={self.run_id}".encode() in variables or self.run_id.encode() in command:
                bearers.append(int(folder.name))
        return bearers


Begin = Callable[[str, str], Run]


def _output(command: list[str]) -> list[str]:
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.split()


def _until_nothing_is_left(run: Run, *, seconds: float) -> list[str]:
    deadline = time.monotonic() + seconds
    while (left := run.left()) and time.monotonic() < deadline:
        time.sleep(0.5)
    return left


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Begin]:
    runs: list[Run] = []

    def start(stack: str, moment: str) -> Run:
        run_id = uuid.uuid4().hex[:8]
        work = tmp_path / f"run-{run_id}"
        work.mkdir()
        process = subprocess.Popen(
            [sys.executable, str(STACKS / "owner.py"), run_id, str(work), str(STACKS / stack), moment],
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, "MOMENT": run_id, "PYTHONPATH": str(ROOT)},
        )
        run = Run(run_id=run_id, work=work, process=process)
        runs.append(run)
        return run

    yield start
    for run in runs:
        if run.process.poll() is None:
            run.kill()
        sweep(run.run_id)
        shutil.rmtree(run.work, ignore_errors=True)
    reap_dead_runs()  # also forgets the kept run, whose folder has gone


@pytest.mark.parametrize(
    ("stack", "moment", "delay_seconds"),
    [
        ("slow-build", "build", 3.0),
        ("sound", "up", 0.1),
        ("sound", "up", 0.6),
        ("sound", "up", 1.5),
        ("sound", "healthy", 0.0),
        ("sound", "paused", 0.0),
        ("sound", "down", 0.2),
    ],
)
def test_nothing_is_left_of_a_killed_run(begin: Begin, stack: str, moment: str, delay_seconds: float) -> None:
    run = begin(stack, moment)
    run.wait_for(moment)
    time.sleep(delay_seconds)
    assert run.left(), "there must be something to remove, or this proves nothing"
    sleeper = _registered_sleeper(run)
    run.kill()
    assert _until_nothing_is_left(run, seconds=30.0) == []
    assert not _is_alive(sleeper)


def test_run_that_ends_well_leaves_nothing_and_no_guard(begin: Begin) -> None:
    run = begin("sound", "close")
    run.wait_for("closed")
    run.process.wait(timeout=10)
    run.kill()
    assert run.left() == []


def test_kept_run_stays_and_the_next_run_does_not_remove_it(begin: Begin) -> None:
    run = begin("sound", "keep")
    run.wait_for("kept")
    run.process.wait(timeout=10)
    sleeper = _registered_sleeper(run)
    assert run.run_id not in reap_dead_runs()
    containers = [found for found in run.left() if found.startswith("ps ")]
    assert len(containers) == 4
    os.kill(sleeper, signal.SIGKILL)
    run.kill()


def test_next_run_removes_what_a_dead_run_left_without_its_guard(begin: Begin) -> None:
    run = begin("sound", "healthy")
    run.wait_for("healthy")
    for pid in run.processes():
        if b"reaper.py" in Path(f"/proc/{pid}/cmdline").read_bytes():
            os.kill(pid, signal.SIGKILL)
    assert run.run_id not in reap_dead_runs(), "its owner lives"
    sleeper = _registered_sleeper(run)
    run.kill()
    assert run.run_id in reap_dead_runs()
    assert run.left() == []
    assert not _is_alive(sleeper)


def _registered_sleeper(run: Run) -> int:
    for file in (run.work / "pids").iterdir():
        if b"sleep\x00300" in Path(f"/proc/{file.name}/cmdline").read_bytes():
            return int(file.name)
    pytest.fail("the run did not register its process")


def _is_alive(pid: int) -> bool:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return False
    return text.rpartition(")")[2].split()[0] != "Z"
