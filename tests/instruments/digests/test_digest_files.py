"""What a digest of a folder tells apart, read by the shell of this machine and by Python."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from readiness.backup.differences import compare
from readiness.facts.digest import Difference, StoreDigest
from readiness.instruments.digests import files, open_side
from readiness.instruments.digests.narrow import with_keys
from readiness.instruments.digests.side import Digested, Where
from readiness.runtime import Completed
from tests.instruments.digests.servers import ServerStack


class Reading(ServerStack):
    """Runs what reads; without a shell where there is none."""

    def __init__(self, *, has_shell: bool = True, most_bytes: int = 1 << 20) -> None:
        super().__init__({}, 0)
        self.has_shell, self.most_bytes = has_shell, most_bytes

    def execute(self, service: str, command: Any, *, timeout_seconds: float = 30.0) -> Completed:
        if command[0] == "sh" and not self.has_shell:
            return Completed(exit_code=127, output="no such file")
        done = super().execute(service, command, timeout_seconds=timeout_seconds)
        # As the process runtime does: the last of it.
        return Completed(exit_code=done.exit_code, output=done.output[-self.most_bytes :])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    (folder / "a" / "b").mkdir(parents=True)
    (folder / "a" / "one.txt").write_text("one")
    (folder / "a" / "b" / "two words.bin").write_bytes(bytes(range(256)) * 100)
    (folder / "empty").touch()
    (folder / "nothing").mkdir()
    (folder / "link").symlink_to("a/one.txt")
    (folder / "broken link").symlink_to("/no/where")
    (folder / "back\\slash").write_text("x")
    (folder / "quo\"te's $(touch oops)").write_text("y")
    (folder / "ümlaut → 😀").write_text("z")
    with (folder / "sparse").open("wb") as sparse:
        sparse.truncate(5_000_000)
        sparse.seek(1_000_000)
        sparse.write(b"in the middle")
    os.mkfifo(folder / "pipe")
    return folder


def digest(folder: Path, stack: ServerStack) -> tuple[Any, StoreDigest]:
    side = open_side("files", Where(stack=stack, service="web", name=str(folder)))  # type: ignore[arg-type]  # a fake
    return side, side.digest()


@pytest.fixture(params=[True, False], ids=["shell", "python"])
def stack(request: pytest.FixtureRequest) -> Reading:
    return Reading(has_shell=request.param)


def changed(folder: Path, stack: ServerStack, change: Callable[[Path], object]) -> list[Difference]:
    side, before = digest(folder, stack)
    change(folder)
    other, after = digest(folder, stack)
    found = with_keys(
        Digested(side=side, digest=before), Digested(side=other, digest=after), compare(before, after).differences
    )
    side.close()
    other.close()
    return found


def test_everything_below_is_told(folder: Path, stack: Reading) -> None:
    side, found = digest(folder, stack)
    assert found.problem == ""
    assert found.tables["files"].rows == sum(1 for _ in folder.rglob("*")) + 1
    assert found.size_bytes < 5_000_000
    assert not (folder / "oops").exists()
    assert list(found.not_digested) == ["times, extended attributes and hard links"]
    side.close()


def test_shell_and_python_tell_the_same(folder: Path) -> None:
    first, with_shell = digest(folder, Reading())
    second, with_python = digest(folder, Reading(has_shell=False))
    assert with_shell.tables == with_python.tables
    first.close()
    second.close()


def test_a_copy_is_equal_and_so_is_one_with_other_times(folder: Path, stack: Reading, tmp_path: Path) -> None:
    subprocess.run(["cp", "-a", "--sparse=never", str(folder), str(tmp_path / "copy")], check=True)
    os.utime(tmp_path / "copy" / "empty", (1, 1))
    side, before = digest(folder, stack)
    other, after = digest(tmp_path / "copy", stack)
    assert compare(before, after).is_equal
    side.close()
    other.close()


def rewrite(folder: Path) -> None:
    state = (folder / "a" / "one.txt").stat()
    (folder / "a" / "one.txt").write_text("two")
    os.utime(folder / "a" / "one.txt", (state.st_atime, state.st_mtime))


def relink(folder: Path) -> None:
    (folder / "link").unlink()
    (folder / "link").symlink_to("a/b")


def retype(folder: Path) -> None:
    (folder / "nothing").rmdir()
    (folder / "nothing").touch(mode=0o755)


@pytest.mark.parametrize(
    ("change", "columns", "name"),
    [
        (rewrite, {"content"}, "a/one.txt"),
        (lambda folder: (folder / "empty").chmod(0o600), {"mode"}, "empty"),
        (lambda folder: (folder / "a").chmod(0o700), {"mode"}, "a"),
        (lambda folder: os.chown(folder / "empty", 1234, -1), {"owner"}, "empty"),
        (relink, {"target"}, "link"),
        (
            lambda folder: subprocess.run(["sh", "-c", "printf x >>sparse"], check=True, cwd=folder),
            {"size", "content"},
            "sparse",
        ),
        (retype, {"type", "size", "content"}, "nothing"),
    ],
)
def test_each_difference_is_named(
    folder: Path, stack: Reading, change: Callable[[Path], object], columns: set[str], name: str
) -> None:
    if columns == {"owner"} and os.geteuid() != 0:
        pytest.skip("only root may give files away")
    (found,) = changed(folder, stack, change)
    assert set(found.columns) - {"mode"} == columns - {"mode"}
    assert found.changed == (name,)


def test_a_name_that_is_no_text_is_told(folder: Path, stack: Reading) -> None:
    name = os.fsencode(folder) + b"/caf\xe9"
    (found,) = changed(folder, stack, lambda _: Path(os.fsdecode(name)).write_text("x"))
    assert found.added == ("caf\\udce9",)


def test_lost_and_added_files_are_named(folder: Path, stack: Reading) -> None:
    def change(folder: Path) -> None:
        (folder / "back\\slash").unlink()
        (folder / "new").write_text("n")
        shutil.rmtree(folder / "a" / "b")

    (found,) = changed(folder, stack, change)
    assert found.lost == ("a/b", "a/b/two words.bin", "back\\slash")
    assert found.added == ("new",)


def test_many_files_are_read_in_pages_and_long_names_in_shorter_ones(
    folder: Path, stack: Reading, monkeypatch: pytest.MonkeyPatch
) -> None:
    for i in range(60):
        (folder / f"{i:03}{'x' * 200}").write_text(str(i))
    side, whole = digest(folder, stack)
    monkeypatch.setattr(files, "PAGE_FILES", 17)
    stack.most_bytes = 9000
    other, paged = digest(folder, stack)
    assert paged.tables == whole.tables
    assert whole.tables["files"].rows > 60
    side.close()
    other.close()


def test_names_that_cannot_be_told_in_lines_are_counted(folder: Path, stack: Reading) -> None:
    (folder / "line\nbreak").write_text("x")
    side, found = digest(folder, stack)
    assert found.not_digested["names with line breaks"] == "could not be told: 1 files have such names"
    assert not compare(found, found).is_equal
    side.close()


def test_a_folder_that_is_not_there_is_a_problem(tmp_path: Path, stack: Reading) -> None:
    side, found = digest(tmp_path / "missing", stack)
    assert "has no folder" in found.problem
    side.close()


def test_a_container_that_can_run_nothing_is_a_problem(folder: Path) -> None:
    class Bare(Reading):
        def execute(self, service: str, command: Any, *, timeout_seconds: float = 30.0) -> Completed:
            return Completed(exit_code=127, output="")

    side, found = digest(folder, Bare())
    assert "neither sh" in found.problem
    side.close()


@pytest.mark.skipif(shutil.which("busybox") is None, reason="no busybox on this machine")
def test_busybox_tells_the_same(folder: Path, tmp_path: Path) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    subprocess.run(["busybox", "--install", "-s", str(programs)], check=True)

    class Small(Reading):
        def execute(self, service: str, command: Any, *, timeout_seconds: float = 30.0) -> Completed:
            alone = ["env", "-i", f"PATH={programs}", str(programs / "sh"), *command[1:]]
            return super().execute(service, alone, timeout_seconds=timeout_seconds)

    first, here = digest(folder, Reading())
    second, there = digest(folder, Small())
    assert there.problem == ""
    assert there.tables == here.tables
    first.close()
    second.close()
