from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from readiness.runtime import reaper
from readiness.runtime.reaper import (
    RUN_VARIABLE,
    Owner,
    forget_process,
    reap_dead_runs,
    register_process,
    start_reaper,
    sweep,
)

Sleeper = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture(autouse=True)
def without_engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No docker command and a registry of the test's own: nothing of the machine is looked at."""
    empty = tmp_path / "bin"
    empty.mkdir()
    monkeypatch.setenv("PATH", str(empty))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


@pytest.fixture
def sleeper() -> Iterator[Sleeper]:
    started: list[subprocess.Popen[bytes]] = []

    def start(**environment: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-S", "-c", "import time; time.sleep(60)"],
            start_new_session=True,
            env={**os.environ, **environment},
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()


def work_of(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "file").write_text("x", encoding="utf-8")
    return folder


def test_owner_survives_its_description() -> None:
    owner = Owner.of()
    assert Owner.parse(owner.describe()) == owner
    assert not owner.is_provably_dead
    assert Owner.parse("nonsense") is None
    assert Owner.parse("a/b/c/d/e/f") is None


def test_death_is_believed_only_where_it_is_certain(sleeper: Sleeper) -> None:
    process = sleeper()
    owner = Owner.of(process.pid)
    assert not owner.is_provably_dead
    assert dataclasses.replace(owner, started="1").is_provably_dead, "the number belongs to another process now"
    process.kill()
    process.wait()
    assert owner.is_provably_dead
    assert not dataclasses.replace(owner, user=owner.user + 1).is_provably_dead
    assert not dataclasses.replace(owner, namespace="pid:[1]").is_provably_dead
    assert not dataclasses.replace(owner, boot="another", machine="another").is_provably_dead
    assert not dataclasses.replace(owner, boot="another", machine="").is_provably_dead
    here = dataclasses.replace(owner, boot="another", machine="same")
    assert here.is_provably_dead is (Owner.of().machine == "same")


def test_ended_but_not_waited_for_owner_is_dead(sleeper: Sleeper) -> None:
    process = sleeper()
    owner = Owner.of(process.pid)
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert owner.is_provably_dead


def test_process_that_ignores_the_signal_to_end_is_killed(tmp_path: Path) -> None:
    work = work_of(tmp_path)
    guard = start_reaper("r1", work)
    code = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"
    )
    environment = {**os.environ, RUN_VARIABLE: "r1"}
    with subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE) as deaf:
        assert deaf.stdout is not None
        assert deaf.stdout.readline() == b"deaf\n"
        guard.close()
        assert deaf.wait(5) == -9


def test_frozen_descendant_that_left_its_group_and_bears_no_mark_ends_too(tmp_path: Path) -> None:
    work = work_of(tmp_path)
    guard = start_reaper("r1", work)
    code = "import subprocess, time; print(subprocess.Popen(['sleep', '60'], env={}, start_new_session=True).pid, flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, start_new_session=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        register_process(work, parent.pid)
        os.kill(child, signal.SIGSTOP)
        guard.close()
        assert parent.wait(5) == -15
    # Nobody may have waited for the orphan yet; ended it has.
    stat = Path(f"/proc/{child}/stat")
    assert not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] == "Z"


def test_end_of_a_run_takes_its_processes_and_folder(tmp_path: Path, sleeper: Sleeper) -> None:
    work = work_of(tmp_path)
    guard = start_reaper("r1", work)
    registered, bearer, stranger = sleeper(), sleeper(**{RUN_VARIABLE: "r1"}), sleeper(**{RUN_VARIABLE: "r2"})
    register_process(work, registered.pid)
    entry = json.loads((work / "pids" / str(registered.pid)).read_text(encoding="utf-8"))
    assert entry.keys() == {"pid", "create_time", "session"}
    assert abs(entry["create_time"] - time.time()) < 60
    guard.close()
    guard.close()
    assert registered.wait(5) == bearer.wait(5) == -15
    assert stranger.poll() is None
    assert not work.exists()
    assert list(tmp_path.glob("readiness-runs-*/*")) == []


def test_kept_run_is_left_alone_by_its_guard_and_by_later_runs(tmp_path: Path, sleeper: Sleeper) -> None:
    work = work_of(tmp_path)
    guard = start_reaper("r1", work)
    process = sleeper()
    register_process(work, process.pid)
    guard.close(keep=True)
    assert reap_dead_runs() == ()
    assert process.poll() is None
    assert (work / "file").exists()


def test_kept_run_whose_guard_was_killed_is_left_alone_by_later_runs(tmp_path: Path, sleeper: Sleeper) -> None:
    work, owner = work_of(tmp_path), sleeper()
    guard = start_reaper("r1", work)
    guard._process.kill()
    guard._process.wait()
    guard.close(keep=True)
    ((file, entry),) = reaper._registered()
    assert entry["kept"] == "yes"
    # As after this process: the run's owner is gone.
    reaper._write_whole(file, {**entry, "owner": Owner.of(owner.pid).describe()})
    owner.kill()
    owner.wait()
    assert reap_dead_runs() == ()
    assert (work / "file").exists()


def test_guard_that_was_killed_is_stood_in_for(tmp_path: Path) -> None:
    work = work_of(tmp_path)
    guard = start_reaper("r1", work)
    guard._process.kill()
    guard._process.wait()
    guard.close()
    assert not work.exists()


def test_dead_run_is_reaped_and_a_living_one_is_not(tmp_path: Path, sleeper: Sleeper) -> None:
    registry = reaper._registry()
    assert registry is not None
    owners = {"dead": sleeper(), "alive": sleeper()}
    for run_id, process in owners.items():
        work = tmp_path / run_id
        work.mkdir()
        (work / reaper.MARKER).write_text(run_id, encoding="utf-8")
        reaper._register(run_id, work, Owner.of(process.pid))
    (registry / "damaged.json").write_text("{", encoding="utf-8")
    owners["dead"].kill()
    owners["dead"].wait()
    assert reap_dead_runs() == ("dead",)
    assert not (tmp_path / "dead").exists()
    assert (tmp_path / "alive").exists()


def test_folder_without_the_runs_mark_is_never_removed(tmp_path: Path, sleeper: Sleeper) -> None:
    process = sleeper()
    precious, linked = tmp_path / "precious", tmp_path / "linked"
    precious.mkdir()
    (precious / reaper.MARKER).write_text("another run", encoding="utf-8")
    linked.symlink_to(precious)
    for run_id, folder in (("a", precious), ("b", linked), ("c", tmp_path / "gone")):
        reaper._register(run_id, folder, Owner.of(process.pid))
    process.kill()
    process.wait()
    assert set(reap_dead_runs()) == {"a", "b", "c"}
    assert precious.exists()


def test_registry_that_others_can_write_is_not_believed(tmp_path: Path) -> None:
    registry = reaper._registry()
    assert registry is not None
    registry.chmod(0o777)
    assert reaper._registry() is None
    assert reap_dead_runs() == ()


def test_reused_process_number_is_not_hit(tmp_path: Path, sleeper: Sleeper) -> None:
    work = work_of(tmp_path)
    guard = start_reaper("r1", work)
    process = sleeper()
    register_process(work, process.pid)
    file = work / "pids" / str(process.pid)
    entry = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps({**entry, "create_time": entry["create_time"] - 100}), encoding="utf-8")
    (work / "pids" / "1").write_text("half a", encoding="utf-8")
    guard.close()
    assert process.poll() is None


def test_forgotten_and_ended_processes_are_not_registered(tmp_path: Path, sleeper: Sleeper) -> None:
    process = sleeper()
    register_process(tmp_path, process.pid)
    forget_process(tmp_path, process.pid)
    forget_process(tmp_path, process.pid)
    process.kill()
    process.wait()
    register_process(tmp_path, process.pid)
    assert list((tmp_path / "pids").glob("*")) == []


def test_creation_times_are_psutils(sleeper: Sleeper) -> None:
    import psutil  # noqa: PLC0415  # the guard must do without; the process runtime writes with it

    process = sleeper()
    created = reaper._create_time(process.pid)
    assert created is not None
    assert abs(created - psutil.Process(process.pid).create_time()) < reaper.CREATION_TOLERANCE_SECONDS


def test_machine_without_docker_is_clean() -> None:
    assert sweep("r1") == ()


def test_engine_that_does_not_answer_is_not_taken_for_clean(tmp_path: Path) -> None:
    docker = tmp_path / "bin" / "docker"
    docker.write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
    docker.chmod(0o755)
    assert len(sweep("r1")) == 4
