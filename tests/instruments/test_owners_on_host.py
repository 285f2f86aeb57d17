"""Commands that run on this machine: what is asked of the stack, and what is told of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from readiness.declared.backup import Backup
from readiness.exceptions import GatherError, StackError
from readiness.instruments.owners_backup import OwnersBackup
from readiness.instruments.owners_on_host import files_in
from readiness.runtime import RanBeside
from readiness.runtime.owners_commands import kept_folder

BACKUP = Backup(
    run="host",
    command=("./backup.sh",),
    directory="backups",
    directory_variable="BACKUP_DIR",
    cwd="ops",
    environment={"LEVEL": "9"},
)


class Stack:
    """Runs nothing and remembers what it was asked."""

    def __init__(self, place: Path, answer: RanBeside | Exception) -> None:
        self.place, self.answer = place, answer
        self.asked: dict[str, Any] = {}

    def run_owners(self, command: Any, **asked: Any) -> RanBeside:
        self.asked = {"command": command, **asked}
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def owners_directory(self, directory: str) -> Path:
        return kept_folder(self.place, directory)


def made(tmp_path: Path, answer: RanBeside | Exception) -> tuple[OwnersBackup, Stack]:
    stack = Stack(tmp_path, answer)
    return OwnersBackup(backup=BACKUP, stack=stack, secrets={"PASSWORD": "hunter2-and-more"}), stack  # type: ignore[arg-type]


def test_it_is_run_with_all_that_is_declared(tmp_path: Path) -> None:
    owners, stack = made(tmp_path, RanBeside(exit_code=0, seconds=1.5, output="done\n"))
    run = owners.run(
        BACKUP.command, timeout_seconds=9, stdin="yes\n", variables={"BACKUP_DIR": "/other"}, also_ports=(9000,)
    )
    assert (run.exit_code, run.seconds, run.lines, run.problem, run.is_good) == (0, 1.5, ("done",), "", True)
    assert stack.asked == {
        "command": ("./backup.sh",),
        "variables": {"LEVEL": "9", "BACKUP_DIR": "/other"},
        "timeout_seconds": 9,
        "directories": ("backups", "/other"),
        "cwd": "ops",
        "stdin": "yes\n",
        "also_ports": (9000,),
    }


def test_no_secret_is_told(tmp_path: Path) -> None:
    said = "password hunter2-and-more"
    owners, _ = made(
        tmp_path, RanBeside(exit_code=1, seconds=1, output=said, refused=(said,), lacked=(said,), problem=said)
    )
    assert "hunter2" not in repr(owners.run(["./backup.sh", said], timeout_seconds=9))


def test_time_that_was_up_is_a_problem_and_so_is_what_cannot_be_run(tmp_path: Path) -> None:
    late, _ = made(tmp_path, RanBeside(exit_code=None, seconds=9, output=""))
    assert late.run(BACKUP.command, timeout_seconds=9).problem == "not ended after 9 s"
    broken, _ = made(tmp_path, StackError("no unshare"))
    run = broken.run(BACKUP.command, timeout_seconds=9)
    assert (run.exit_code, run.problem, run.command) == (None, "no unshare", "./backup.sh")


def test_what_it_left_is_listed_and_carried_to_another_stack(tmp_path: Path) -> None:
    done = RanBeside(exit_code=0, seconds=1, output="")
    first, stack = made(tmp_path / "first", done)
    second, _ = made(tmp_path / "second", done)
    assert first.files() == ()
    kept = stack.owners_directory("backups")
    (kept / "20260102").mkdir()
    (kept / "20260102" / "db.dump").write_text("dump")
    (kept / "20260102" / "db.dump").chmod(0o640)
    (kept / "latest").symlink_to("20260102")
    (found,) = first.files()
    assert (found.path, found.size_bytes, found.mode, found.set_name) == ("20260102/db.dump", 4, "0640", "20260102")
    first.carry_to(second, folder=tmp_path / "between")
    assert second.files() == (found,)
    with pytest.raises(GatherError, match="no folder of backups"):
        files_in(kept, most=0)
