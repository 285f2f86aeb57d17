"""Ctrl-C in the middle of a disturbance: it is undone, the scorecard says what it lacks, and the stack is removed or kept.

A terminal sends Ctrl-C to everything that runs in the foreground: to pytest, its workers, and the programs they started.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

STACKS = Path(__file__).parent / "stacks"
#: Beyond this a disturbance did not come; a busy machine starts the demo in less.
AT_MOST_SECONDS = 300.0
PRESSED_AGAIN_AFTER_SECONDS = 0.3


@dataclass(frozen=True, kw_only=True)
class Moment:
    """When and how often Ctrl-C is pressed.

    Attributes:
        at: what the audit says when it begins the disturbance.
        is_fault: whether the disturbance is one that stands in the journal of its worker; else it is a second stack.
    """

    checks: str
    at: str
    is_fault: bool = True
    times: int = 1
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Interrupted:
    """How it ended, and what of it is left."""

    code: int
    output: str
    card: dict[str, Any]
    left: tuple[str, ...]
    run_id: str

    def lines(self, beginning: str) -> list[str]:
        """The lines of the output that begin so."""
        return [line for line in self.output.splitlines() if line.startswith(beginning)]


#: On the demo, as processes: its database is stopped or frozen.
PROCESSES = {
    "stopped, with workers": Moment(checks="ready_503", at="watching the probes without db", arguments=("-n", "2")),
    "frozen, twice": Moment(checks="hang_bounded", at="watching the probes while db hangs", times=2),
    "a second stack, twice": Moment(
        checks="hsts_absent_nonprod", at="gathering development_responses", is_fault=False, times=2
    ),
}
KEPT = {
    "stopped, twice": Moment(
        checks="ready_503", at="watching the probes without db", times=2, arguments=("--readiness-keep",)
    ),
    "frozen": Moment(checks="hang_bounded", at="watching the probes while db hangs", arguments=("--readiness-keep",)),
}
#: On a service without anything else, as containers: it is stopped itself, or stuck.
CONTAINERS = {
    "stopped": Moment(checks="inflight_completes", at="to stop with requests in flight"),
    "stuck, twice": Moment(checks="healthcheck_truthful", at="health checks while", times=2),
    "a second stack": Moment(checks="repeatable", at="cold start 2", is_fault=False),
}
KEPT_CONTAINERS = {
    "stopped, twice": Moment(
        checks="inflight_completes", at="to stop with requests in flight", times=2, arguments=("--readiness-keep",)
    ),
}


def _await_fault(folder: Path) -> None:
    """Until something stands in a journal that is not taken back."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        entries = [
            json.loads(line)
            for path in folder.glob("journal-*.jsonl")
            for line in path.read_text().splitlines()
            if line
        ]
        if {entry["intend"] for entry in entries if "intend" in entry} - {e["done"] for e in entries if "done" in e}:
            return
        time.sleep(0.02)
    raise AssertionError("nothing was disturbed")


def _press(runtime: str, moment: Moment, target: tuple[str, ...], place: Path) -> Interrupted:
    command = [sys.executable, "-u", "-m", "pytest"]
    command += [word for name in ("randomly", "cacheprovider") for word in ("-p", f"no:{name}")]
    command += ["--readiness-profile=production", f"--readiness-runtime={runtime}", "--readiness-format=json"]
    command += [*target, "-k", moment.checks, *moment.arguments]
    seen: list[str] = []
    with subprocess.Popen(
        command,
        cwd=place,
        env={**os.environ, "TMPDIR": str(place)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        # Tests that run in a shell's background would hand down that Ctrl-C is ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509  # one system call, no lock
    ) as process:
        try:
            assert process.stdout is not None
            for line in process.stdout:
                seen.append(line)
                if moment.at in line:
                    break
            else:
                raise AssertionError(f"the audit never said {moment.at!r}:\n{''.join(seen)}")
            (folder,) = place.glob("readiness-????????-*")
            if moment.is_fault:
                _await_fault(folder)
            # The engine, or the kernel, is given a moment to have done it.
            time.sleep(1.0)
            for number in range(moment.times):
                time.sleep(PRESSED_AGAIN_AFTER_SECONDS if number else 0.0)
                os.killpg(process.pid, signal.SIGINT)
            rest, _ = process.communicate(timeout=AT_MOST_SECONDS)
            seen.append(rest)
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
    run_id = folder.name.split("-")[1]
    path = place / "reports" / "scorecard.json"
    return Interrupted(
        code=process.returncode,
        output="".join(seen),
        card=json.loads(path.read_text()) if path.exists() else {},
        left=tuple(_left(folder, run_id, runtime)),
        run_id=run_id,
    )


def _left(folder: Path, run_id: str, runtime: str) -> Iterator[str]:
    """What bears a mark of the run, or lives in its folder."""
    if folder.exists():
        yield str(folder)
    for process in psutil.process_iter(["pid", "cmdline", "environ", "cwd"]):
        is_marked = (process.info["environ"] or {}).get("READINESS_RUN_ID") == run_id
        # Some servers write over their environment.
        if is_marked or (process.info["cwd"] or "").startswith(str(folder)):
            yield f"process {process.info['pid']} {process.info['cmdline']}"
    if runtime == "compose":
        for listing in (["ps", "-aq"], ["network", "ls", "-q"], ["volume", "ls", "-q"], ["image", "ls", "-q"]):
            command = ["docker", *listing, "--filter", f"label=io.readiness.run={run_id}"]
            yield from subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


@contextlib.contextmanager
def _place() -> Iterator[Path]:
    """A temporary folder that services which drop privileges can reach below."""
    place = Path(tempfile.mkdtemp(prefix="interrupt-"))
    place.chmod(0o711)
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _lone(place: Path) -> tuple[str, ...]:
    for part in ("images", "small", "lone"):
        shutil.copytree(STACKS / part, place / part)
    return (f"--readiness-target={place / 'lone'}",)


def _interrupted(runtime: str, moment: Moment) -> Interrupted:
    with _place() as place:
        target = ("--readiness-demo",) if runtime == "process" else _lone(place)
        return _press(runtime, moment, target, place)


@pytest.fixture(scope="module")
def processes() -> Iterator[dict[str, Future[Interrupted]]]:
    """All at once: they mostly wait."""
    with ThreadPoolExecutor(max_workers=3) as pool:
        yield {name: pool.submit(_interrupted, "process", moment) for name, moment in PROCESSES.items()}


@pytest.fixture(scope="module")
def containers() -> Iterator[dict[str, Future[Interrupted]]]:
    """All at once, as above."""
    with ThreadPoolExecutor(max_workers=3) as pool:
        yield {name: pool.submit(_interrupted, "compose", moment) for name, moment in CONTAINERS.items()}


def _told(ended: Interrupted) -> None:
    """It ended as pytest's interrupted runs do, and its scorecard says so and passes nothing."""
    assert ended.code == 2, ended.output
    assert "the run was interrupted" in ended.card["run"]["partial"], ended.output
    assert "the run was interrupted" in ended.card["gate"]["reasons"]
    assert not ended.card["gate"]["passed"]
    assert ended.card["next_grade"]["fix"] == []
    assert "Traceback" not in ended.output


@pytest.mark.slow
@pytest.mark.parametrize("case", PROCESSES)
def test_an_interrupted_audit_of_processes_says_so_and_leaves_nothing(
    processes: dict[str, Future[Interrupted]], case: str
) -> None:
    ended = processes[case].result()
    _told(ended)
    assert ended.left == ()


@pytest.mark.docker
@pytest.mark.parametrize("case", CONTAINERS)
def test_an_interrupted_audit_of_containers_says_so_and_leaves_nothing(
    containers: dict[str, Future[Interrupted]], case: str
) -> None:
    ended = containers[case].result()
    _told(ended)
    assert ended.left == ()


def _remove(ended: Interrupted) -> None:
    """As it tells its user to."""
    (line,) = ended.lines("remove: ")
    subprocess.run(["sh", "-c", line.removeprefix("remove: ")], capture_output=True, check=False, timeout=120)


@pytest.mark.slow
@pytest.mark.parametrize("case", KEPT)
def test_kept_processes_serve_after_ctrl_c_and_go_by_the_command_that_it_names(case: str) -> None:
    with _place() as place:
        ended = _press("process", KEPT[case], ("--readiness-demo",), place)
        try:
            _told(ended)
            ports = {line.partition(":")[0]: line for line in ended.output.splitlines() if "(declared as" in line}
            for service in ("db", "api"):
                port = int(re.findall(r"127\.0\.0\.1:(\d+)", ports[service])[0])
                with socket.create_connection(("127.0.0.1", port), timeout=5):
                    pass
            frozen = [p for p in psutil.process_iter(["status", "cwd"]) if p.info["status"] == psutil.STATUS_STOPPED]
            assert [p for p in frozen if (p.info["cwd"] or "").startswith(str(place))] == []
        finally:
            _remove(ended)
        (folder,) = place.glob("readiness-????????-*")
        deadline = time.monotonic() + 20
        while (left := [each for each in _left(folder, ended.run_id, "process") if each != str(folder)]) and (
            time.monotonic() < deadline
        ):
            time.sleep(0.2)
        assert left == []


@pytest.mark.docker
@pytest.mark.parametrize("case", KEPT_CONTAINERS)
def test_a_kept_container_serves_after_ctrl_c_and_goes_by_the_command_that_it_names(case: str) -> None:
    with _place() as place:
        ended = _press("compose", KEPT_CONTAINERS[case], _lone(place), place)
        try:
            _told(ended)
            (line,) = ended.lines("web: ")
            place_of = re.findall(r"127\.0\.0\.1:\d+", line)[0]
            deadline = time.monotonic() + 20
            while True:
                try:
                    with urllib.request.urlopen(f"http://{place_of}/health", timeout=5) as answer:
                        assert answer.status == 200
                    break
                except OSError:
                    assert time.monotonic() < deadline, ended.output
                    time.sleep(0.2)
        finally:
            _remove(ended)
        assert [each for each in ended.left if each.startswith("process")] == []
        (folder,) = place.glob("readiness-????????-*")
        assert [each for each in _left(folder, ended.run_id, "compose") if each != str(folder)] == []
