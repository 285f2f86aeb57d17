from __future__ import annotations

import dataclasses
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from readiness.runtime.process_removal import removal_script
from readiness.runtime.reaper import Owner


@pytest.fixture
def leader() -> Iterator[subprocess.Popen[bytes]]:
    """A session that bears no mark of any run, with a child in it."""
    command = ["env", "-i", "sh", "-c", "sleep 60 & echo; wait"]
    with subprocess.Popen(command, start_new_session=True, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process
        process.kill()


def remove(*leaders: Owner, folder: Path) -> None:
    folder.mkdir()
    script = folder / "remove.sh"
    script.write_text(removal_script(leaders, run_id="removal-test", folder=folder), encoding="utf-8")
    subprocess.run(["sh", str(script), "KILL"], check=True, capture_output=True, timeout=20)
    assert not folder.exists()


def test_a_session_is_ended_only_while_it_is_provably_the_stacks(
    leader: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    owner = Owner.of(leader.pid)
    folder = tmp_path / "a stack's"
    remove(folder=folder)
    remove(dataclasses.replace(owner, started="1"), folder=folder)
    remove(dataclasses.replace(owner, boot="another one"), folder=folder)
    assert leader.poll() is None, "the number belongs to somebody else by now"
    remove(dataclasses.replace(owner, pid=2**22 + 1), owner, folder=folder)
    assert leader.wait(10) == -9
    assert leader.stdout is not None
    assert leader.stdout.read() == b"", "its child held this open"
