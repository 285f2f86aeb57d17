"""SIGKILL of pytest at any moment leaves nothing behind: the guard removes what the run made."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
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
        listings = {
            "container": ["ps", "-a"],
            "network": ["network", "ls"],
            "volume": ["volume", "ls"],
            "image": ["image", "ls"],
        }
        for kind, listing in listings.items():
            for run_id in ids:
                command = ["docker", *listing, "-q", "--filter", f"label=io.readiness.run={run_id}"]
                done = subprocess.run(command, capture_output=True, text=True, check=True)
                left += [f"{kind} {name}" for name in done.stdout.split()]
    return left


def _kill_at(runtime: str, moment: str) -> tuple[set[Path], list[str]]:
    """Begin an audit, SIGKILL pytest when its progress says ``moment``; its folders, and what is left after the promised time."""
    # A temporary folder of its own tells this run from others; services that drop privileges must reach below it.
    place = Path(tempfile.mkdtemp(prefix="kill-"))
    place.chmod(0o711)
    try:
        command = [sys.executable, "-u", "-m", "pytest", "-p", "no:randomly", "-p", "no:cacheprovider", "-k", CHECKS]
        command += ["--readiness-profile=production", "--readiness-demo", f"--readiness-runtime={runtime}"]
        environment = {**os.environ, "TMPDIR": str(place)}
        with subprocess.Popen(
            command, cwd=place, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as process:
            assert process.stdout is not None
            seen = []
            try:
                for line in process.stdout:
                    seen.append(line)
                    if re.search(moment, line):
                        break
                else:
                    raise AssertionError(f"the audit never said {moment!r}:\n{''.join(seen)}")
            finally:
                made = set(place.glob("readiness-????????-*"))
                process.kill()
        deadline = time.monotonic() + WITHIN_SECONDS
        while (left := _left(made, runtime)) and time.monotonic() < deadline:
            time.sleep(0.5)
        return made, left
    finally:
        shutil.rmtree(place, ignore_errors=True)


#: What the audit says when it begins a thing: creating, asking, with a service stopped, with one frozen, a second stack,
#: with requests in flight.
MOMENTS = [
    "to become ready|waiting for",
    "gathering responses",
    "watching the probes without db",
    "watching the probes while db hangs",
    "gathering development_responses",
    "to stop with requests in flight",
]
#: Enough of the checks to come through all of these.
CHECKS = "nosniff or ready_503 or hang_bounded or hsts_absent_nonprod or inflight_completes"

Killed = dict[str, "Future[tuple[set[Path], list[str]]]"]


def _killed(runtime: str) -> Iterator[Killed]:
    """All moments, several at once: they mostly wait."""
    with ThreadPoolExecutor(max_workers=3) as pool:
        yield {moment: pool.submit(_kill_at, runtime, moment) for moment in MOMENTS}


@pytest.fixture(scope="module")
def killed_processes() -> Iterator[Killed]:
    yield from _killed("process")


@pytest.fixture(scope="module")
def killed_containers() -> Iterator[Killed]:
    yield from _killed("compose")


@pytest.mark.slow
@pytest.mark.parametrize("moment", MOMENTS)
def test_processes_are_gone_after_a_kill(killed_processes: Killed, moment: str) -> None:
    made, left = killed_processes[moment].result()
    assert made
    assert left == []


@pytest.mark.docker
@pytest.mark.parametrize("moment", MOMENTS)
def test_containers_are_gone_after_a_kill(killed_containers: Killed, moment: str) -> None:
    made, left = killed_containers[moment].result()
    assert made
    assert left == []
