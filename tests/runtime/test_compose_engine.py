from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from readiness.exceptions import StackError
from readiness.runtime import engine
from readiness.runtime.compose import LOG_BYTES, ComposeStack, _demultiplexed, removal_command
from readiness.runtime.compose_start import required_services
from readiness.runtime.engine import Commands, available
from readiness.runtime.reaper import RUN_VARIABLE
from readiness.target import Entry, Target


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A docker command of the test's own making."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    return folder / "docker"


def write(docker: Path, *, compose: str = "exit 0", context: str = "exit 1", version: str = "echo 1.45") -> None:
    lines = ['case "$1" in', f"compose) {compose};;", f"context) {context};;", f"version) {version};;", "esac"]
    docker.write_text("#!/bin/sh\n" + "\n".join(lines) + "\n", encoding="utf-8")
    docker.chmod(0o755)


def test_engine_that_answers_is_available(docker: Path) -> None:
    write(docker)
    assert available() is None


def test_missing_command_plugin_engine_and_permission_are_told_apart(
    docker: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as alone:
        alone.setenv("PATH", str(docker.parent))
        assert available() == "the docker command is not installed"
    write(docker, compose="exit 1")
    assert "no compose plugin" in str(available())
    write(docker, version="echo 'Cannot connect to the Docker daemon' >&2; exit 1")
    assert str(available()).startswith("no engine answers at unix:///var/run/docker.sock: Cannot connect")
    write(docker, version="echo 'permission denied while trying to connect' >&2; exit 1")
    assert "may not use the engine" in str(available())


def test_engine_on_another_machine_is_not_used(docker: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(docker, context="echo ssh://build-host")
    assert "ssh://build-host is not on this machine" in str(available())
    monkeypatch.setenv("DOCKER_HOST", "tcp://10.0.0.1:2375")
    assert "tcp://10.0.0.1:2375 is not on this machine" in str(available())


def test_engine_that_hangs_is_not_waited_for(docker: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "PATIENCE_SECONDS", 0.2)
    write(docker, version="exec sleep 30")
    assert "no engine answers" in str(available())


def test_command_tells_its_end_and_carries_the_runs_id(tmp_path: Path) -> None:
    commands = Commands("r1", tmp_path)
    program = f"import os, sys; print(os.environ['{RUN_VARIABLE}'], os.environ['A']); sys.exit(3)"
    done = commands.run([sys.executable, "-c", program], cwd=tmp_path, timeout_seconds=30, environment={"A": "a"})
    assert (done.exit_code, done.stdout, done.is_ok) == (3, "r1 a\n", False)
    assert list((tmp_path / "pids").iterdir()) == []
    with pytest.raises(StackError, match="cannot be run"):
        commands.run(["/nowhere/program"], cwd=tmp_path, timeout_seconds=1)


def test_late_command_is_ended_with_all_its_children(tmp_path: Path) -> None:
    commands = Commands("r1", tmp_path)
    # The child leaves its parent's process group, as the docker command's plugins do, but not the session.
    script = "import os, subprocess; p = subprocess.Popen(['sleep', '60'], process_group=0); print(p.pid, flush=True); p.wait()"
    done = commands.run([sys.executable, "-c", script], cwd=tmp_path, timeout_seconds=3.0)
    assert done.exit_code is None
    child = int(done.stdout)
    # A signal is delivered when the kernel gets round to it, which a busy machine may put off.
    deadline = time.monotonic() + 10
    while _is_alive(child) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not _is_alive(child)


def _is_alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_running_commands_can_be_ended_from_another_thread(tmp_path: Path) -> None:
    commands = Commands("r1", tmp_path)
    codes: list[int | None] = []
    thread = threading.Thread(
        target=lambda: codes.append(commands.run(["sleep", "60"], cwd=tmp_path, timeout_seconds=60).exit_code)
    )
    thread.start()
    while not any((tmp_path / "pids").glob("*")):
        thread.join(0.01)
    commands.end_all()
    thread.join(10)
    assert codes == [None]


def test_streams_of_an_execution_are_put_together_in_order() -> None:
    def frame(stream: int, data: bytes) -> bytes:
        return bytes([stream, 0, 0, 0]) + len(data).to_bytes(4, "big") + data

    whole = frame(1, b"out ") + frame(2, b"err ") + frame(1, b"out")
    assert _demultiplexed(whole) == b"out err out"
    assert _demultiplexed(whole[:-2]) == b"out err o"
    assert _demultiplexed(b"") == b""


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ({"1": b"first\n"}, "first\n"),
        ({"1": b"\x1b[32mfirst\x1b[0m\n", "2": b"second\n"}, "first\nsecond\n"),
        ({"1": b"unfinished", "2": b"second\n"}, "unfinished\nsecond\n"),
        ({"1": b"", "2": b""}, ""),
    ],
)
def test_the_log_of_a_service_is_that_of_all_its_replicas(
    written: dict[str, bytes], read: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert replicated(written, monkeypatch).logs("api") == read


def test_replicas_share_the_bound_of_a_log(monkeypatch: pytest.MonkeyPatch) -> None:
    stack = replicated({"1": b"a" * LOG_BYTES, "2": b"b" * LOG_BYTES}, monkeypatch)
    text = stack.logs("api")
    assert (text.count("a"), text.count("b")) == (LOG_BYTES // 2, LOG_BYTES // 2)


def replicated(written: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> ComposeStack:
    """A stack whose one service has these containers with these logs."""
    stack = object.__new__(ComposeStack)
    monkeypatch.setattr(ComposeStack, "_all", lambda _, service: [{"Id": name} for name in written])
    api = SimpleNamespace(logs=lambda name, **options: written[name])
    monkeypatch.setattr(stack, "_client", SimpleNamespace(api=api), raising=False)
    return stack


def test_a_service_without_a_container_is_made_by_starting_it(monkeypatch: pytest.MonkeyPatch) -> None:
    stack = object.__new__(ComposeStack)
    asked: list[tuple[str, ...]] = []
    found: list[dict[str, str]] = []
    done = SimpleNamespace(is_ok=True, stderr="")
    api = SimpleNamespace(start=lambda name: asked.append(("start", name)))
    monkeypatch.setattr(ComposeStack, "_found", lambda _, service: found)
    monkeypatch.setattr(stack, "_cli", lambda *words, seconds: asked.append(words) or done, raising=False)
    monkeypatch.setattr(stack, "_client", SimpleNamespace(api=api), raising=False)
    stack.start("db")
    assert asked == [("up", "--detach", "--no-deps", "--no-build", "db")]
    found.append({"Id": "c1"})
    stack.start("db")
    assert asked[1:] == [("start", "c1")]
    found.clear()
    done.is_ok, done.stderr = False, "no space left on device"
    with pytest.raises(StackError, match="db had no container and got none: no space left"):
        stack.start("db")


def test_what_is_asked_and_its_needs_are_required_and_all_where_nothing_is_said() -> None:
    services = {"web": {"depends_on": {"api": {}}}, "api": {"depends_on": {"db": {}}}, "db": {}, "ui": {}}
    plain = Target(name="x", folder="/x")
    assert required_services(plain, services) == {"web", "api", "db", "ui"}
    asked = Target(name="x", folder="/x", service="api", entries=(Entry(name="direct", service="api", port=1),))
    assert required_services(asked, services) == {"api", "db"}


def test_command_that_removes_a_kept_copy_takes_its_own_images_too(docker: Path) -> None:
    docker.write_text(
        '#!/bin/sh\necho "$*" >>"$0.log"\nif [ "$1 $2" = "image ls" ]; then echo sha1; echo sha2; fi\n',
        encoding="utf-8",
    )
    docker.chmod(0o755)
    place = docker.parent / "a copy"
    place.mkdir()
    subprocess.run(removal_command("readiness-r1-base", run_id="r1", place=place), shell=True, check=True, timeout=10)  # noqa: S602  # it is a shell command
    assert docker.with_name("docker.log").read_text(encoding="utf-8").splitlines() == [
        "compose -p readiness-r1-base down --volumes --remove-orphans --rmi local",
        "image ls --quiet --filter label=io.readiness.run=r1",
        "image rm --force sha1 sha2",
    ]
    assert not place.exists()
