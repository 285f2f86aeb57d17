"""SIGKILL of pytest at any moment leaves nothing behind: the guard removes what the run made."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import pytest

#: The promise: after this time nothing of the run is left.
WITHIN_SECONDS = 30.0


def _left(run_folders: set[Path], runtime: str) -> list[str]:
    """What bears a mark of these runs: folders, processes, and with an engine containers, networks, volumes, images."""
    left = [str(path) for path in run_folders if path.exists()]
    ids = [path.name.split("-")[1] for path in run_folders]
    for process in psutil.process_iter(["pid", "cmdline", "environ"]):
        environment = process.info["environ"] or {}
        if environment.get("READINESS_RUN_ID") in ids:
            left.append(f"process {process.info['pid']} {process.info['cmdline']}")
    if runtime == "compose":
        listings = {"container": ["ps", "-a"], "network": ["network", "ls"], "volume": ["volume", "ls"], "image": ["image", "ls"]}
        for kind, listing in listings.items():
            for run_id in ids:
                command = ["docker", *listing, "-q", "--filter", f"label=io.readiness.run={run_id}"]
                done = subprocess.run(command, capture_output=True, text=True, check=True)
                left += [f"{kind} {name}" for name in done.stdout.split()]
    return left


def _folders() -> set[Path]:
    return set(Path(tempfile.gettempdir()).glob("readiness-????????-*"))


def _kill_at(folder: Path, runtime: str, moment: str) -> set[Path]:
    """Begin an audit, SIGKILL pytest when its progress says ``moment``; the folders of that run."""
    before = _folders()
    command = [sys.executable, "-u", "-m", "pytest", "-p", "no:randomly", "-p", "no:cacheprovider"]
    command += ["--readiness-profile=production", "--readiness-demo", f"--readiness-runtime={runtime}"]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert process.stdout is not None
    seen = []
    for line in process.stdout:
        seen.append(line)
        if moment in line:
            break
    else:
        pytest.fail(f"the audit never said {moment!r}:\n{''.join(seen)}")
    made = _folders() - before
    os.kill(process.pid, signal.SIGKILL)
    process.wait(10)
    process.stdout.close()
    assert made
    return made


def _assert_gone(made: set[Path], runtime: str) -> None:
    deadline = time.monotonic() + WITHIN_SECONDS
    while (left := _left(made, runtime)) and time.monotonic() < deadline:
        time.sleep(0.5)
    assert left == []


MOMENTS = ["starting the stack", "gathering responses", "database stopped", "database paused", "cold start"]


@pytest.mark.slow
@pytest.mark.parametrize("moment", MOMENTS)
def test_processes_are_gone_after_a_kill(tmp_path: Path, moment: str) -> None:
    _assert_gone(_kill_at(tmp_path, "process", moment), "process")


@pytest.mark.docker
@pytest.mark.parametrize("moment", MOMENTS)
def test_containers_are_gone_after_a_kill(tmp_path: Path, moment: str) -> None:
    _assert_gone(_kill_at(tmp_path, "compose", moment), "compose")
