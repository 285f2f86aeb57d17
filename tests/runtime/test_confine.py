"""A confined program: what it sees, what it cannot reach, and what is left of it."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from readiness.runtime.confine import REFUSED, confined

pytestmark = pytest.mark.namespaces
PATH = "/usr/local/bin:/usr/bin:/bin"
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def places(tmp_path: Path) -> dict[str, Path]:
    found = {name: tmp_path / name for name in ("place", "folder", "shared")}
    for path in found.values():
        path.mkdir()
    (found["folder"] / "kept.txt").write_text("kept")
    return found


@pytest.fixture
def run(places: dict[str, Path]) -> Run:
    """Run a script confined."""

    def go(script: str, **more: Path) -> subprocess.CompletedProcess[str]:
        command = confined(["sh", "-c", script], **{**places, **more})
        environment = {"PATH": PATH, "HOME": "/home"}
        return subprocess.run(
            command, env=environment, cwd=places["shared"], capture_output=True, text=True, timeout=60, check=False
        )

    return go


def test_the_folder_is_seen_and_what_is_written_to_it_is_gone(run: Run, places: dict[str, Path]) -> None:
    done = run("pwd; cat kept.txt; echo changed > kept.txt; rm kept.txt; echo new > new.txt; cat new.txt; exit 7")
    assert (done.returncode, done.stdout) == (7, "/target\nkeptnew\n")
    assert [(path.name, path.read_text()) for path in places["folder"].iterdir()] == [("kept.txt", "kept")]


def test_what_is_written_to_the_shared_folder_is_seen_outside(run: Run, places: dict[str, Path]) -> None:
    assert run("echo said > /readiness/out").returncode == 0
    assert (places["shared"] / "out").read_text() == "said\n"


def test_nothing_else_of_this_machine_is_there(run: Run, tmp_path: Path) -> None:
    done = run(f"cat /home/* /run/* /tmp/* /var/* /root/* /sys/* {tmp_path}/* 2>/dev/null; ls -A /etc")
    assert "passwd" in done.stdout.splitlines()
    assert not {"shadow", "hostname", "ssl"} & set(done.stdout.splitlines())


@pytest.mark.parametrize(
    "attempt",
    [
        "echo x > /usr/readiness-was-here",
        "mount -o remount,rw,bind /usr && echo x > /usr/readiness-was-here",
        "unshare -Urm sh -c 'mount -o remount,rw,bind /usr && echo x > /usr/readiness-was-here'",
        "echo 1 > /proc/self/oom_score_adj",
        "echo core > /proc/sys/kernel/core_pattern",
        "mknod /tmp/disk b 8 0",
        "chroot / true",
        "kill -9 -1 && ls /proc/2/root",
    ],
)
def test_no_power_is_left(run: Run, attempt: str) -> None:
    assert run(f"({attempt}) 2>/dev/null && exit 1; exit 0").returncode in {0, 137}
    assert not Path("/usr/readiness-was-here").exists()


def test_what_watches_it_has_no_power_either(run: Run) -> None:
    done = run("grep -h -E '^Cap(Inh|Prm|Eff|Bnd)|^NoNewPrivs' /proc/1/status /proc/self/status; ls /proc/1/root/home")
    values = [line.split()[1] for line in done.stdout.splitlines()]
    assert values == [*["0" * 16] * 4, "1"] * 2


@pytest.mark.parametrize(("script", "code"), [("kill -TERM $$", 143), ("kill -KILL $$", 137), ("exit 9", 9)])
def test_how_it_ended_is_told_as_a_shell_does(run: Run, script: str, code: int) -> None:
    assert run(script).returncode == code


def test_no_engine_and_no_network_can_be_reached(run: Run) -> None:
    ways = """
import os, socket, sys
for path in ("/var/run/docker.sock", "/run/docker.sock"):
    print(os.path.exists(path))
try:
    socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=2)
    print("connected")
except OSError:
    print("no network")
"""
    import socket  # noqa: PLC0415  # of this test alone

    if shutil.which("python3", path=PATH) is None:
        pytest.skip("this machine has no Python of its own, and the audit's need not be seen in the confinement")
    with socket.create_server(("127.0.0.1", 0)) as server:
        done = run(f"/usr/bin/env python3 -c '{ways}' {server.getsockname()[1]}")
    assert done.stdout.split("\n")[:3] == ["False", "False", "no network"]


def test_not_even_a_socket_in_the_folder_leads_out(run: Run, places: dict[str, Path]) -> None:
    import os  # noqa: PLC0415  # of this test alone
    import socket  # noqa: PLC0415  # as above

    here = Path.cwd()
    os.chdir(places["folder"])  # a socket's path is short
    try:
        server = socket.socket(socket.AF_UNIX)
        server.bind("s.sock")
        server.listen()
    finally:
        os.chdir(here)
    ways = 'import socket; s = socket.socket(socket.AF_UNIX); s.connect("s.sock")'
    with server:
        done = run(f"ls; /usr/bin/env python3 -c '{ways}'")
    assert "s.sock" in done.stdout
    assert done.returncode != 0


def test_what_it_started_ends_with_it(run: Run) -> None:
    marker = f"{time.time_ns() % 1_000_000}.25"
    assert run(f"sleep {marker} & setsid sleep {marker} & exit 0").returncode == 0
    left = [p for p in psutil.process_iter(["cmdline"]) if marker in (p.info["cmdline"] or [])]
    assert left == []


def test_what_ends_its_supervisor_ends_it(places: dict[str, Path]) -> None:
    marker = f"{time.time_ns() % 1_000_000}.75"
    with subprocess.Popen(confined(["sleep", marker], **places), cwd=places["shared"]) as process:

        def sleeping() -> list[psutil.Process]:
            return [p for p in psutil.process_iter(["cmdline"]) if p.info["cmdline"] == ["sleep", marker]]

        deadline = time.monotonic() + 20
        while not sleeping() and time.monotonic() < deadline:
            time.sleep(0.05)
        assert sleeping()
        process.kill()
        process.wait()
        while sleeping() and time.monotonic() < deadline:
            time.sleep(0.05)
        assert sleeping() == []


def test_where_a_part_is_refused_nothing_is_run(run: Run, places: dict[str, Path], tmp_path: Path) -> None:
    done = run("echo ran > /readiness/ran", folder=tmp_path / "missing")
    assert done.returncode == REFUSED
    assert "not confined" in done.stderr
    assert not (places["shared"] / "ran").exists()


def test_a_program_that_is_not_there_is_told_as_a_shell_does(places: dict[str, Path]) -> None:
    done = subprocess.run(
        confined(["no-such-program"], **places), cwd=places["shared"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 127
    assert "no-such-program" in done.stderr


def test_a_pipe_that_nobody_reads_ends_its_writer(run: Run) -> None:
    done = run("yes | head -n 1")
    assert (done.returncode, done.stdout, done.stderr) == (0, "y\n", "")


def test_a_folder_of_the_runs_is_found_where_it_is_asked_for(places: dict[str, Path], tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    for path in ("/var/backups/shop", "/target/a/b"):
        command = confined(["sh", "-c", f"echo x > {path}/file"], **places, bound={path: own})
        done = subprocess.run(command, cwd=places["shared"], capture_output=True, text=True, timeout=60, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        assert (own / "file").read_text() == "x\n"
        (own / "file").unlink()
    assert [path.name for path in places["folder"].iterdir()] == ["kept.txt"]
