from __future__ import annotations

import os
import socket
import tarfile
from pathlib import Path

import pytest

from readiness.runtime.safe_files import LocalDisk, copy_files, write_archive
from readiness.runtime.safe_mounts import FileCopy


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A folder with everything that may lie in one."""
    root = tmp_path / "owner"
    (root / "sub").mkdir(parents=True)
    (root / "sub" / "file").write_text("content", encoding="utf-8")
    (root / "sub" / "file").chmod(0o640)
    (root / ".git").mkdir()
    (root / ".git" / "history").write_text("x" * 1000, encoding="utf-8")
    (root / "out").symlink_to("/etc")
    (root / "loop").symlink_to(root)
    os.mkfifo(root / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.path.relpath(root / "socket"))
    root.chmod(0o711)
    return root


def names(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*")}


def test_kinds_are_told_apart(tree: Path) -> None:
    disk = LocalDisk()
    found = {name: disk.kind(str(tree / name)) for name in ("sub", "sub/file", "pipe", "socket", "gone", "sub/file/x")}
    assert found == {
        "sub": "folder",
        "sub/file": "file",
        "pipe": "other",
        "socket": "other",
        "gone": "missing",
        "sub/file/x": "missing",
    }
    assert disk.real(str(tree / "out" / "hosts")) == "/etc/hosts"


def test_size_counts_what_would_be_copied(tree: Path) -> None:
    disk = LocalDisk()
    assert disk.is_within(str(tree / "sub" / "file"), limit_bytes=7)
    assert not disk.is_within(str(tree / "sub" / "file"), limit_bytes=6)
    size = sum(path.lstat().st_size for path in (tree, *tree.rglob("*")) if ".git" not in path.parts)
    assert disk.is_within(str(tree), limit_bytes=size)


def test_folder_with_nothing_but_a_placeholder_has_no_content(tmp_path: Path) -> None:
    disk = LocalDisk()
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / ".gitkeep").touch()
    assert not disk.has_content(str(folder))
    (folder / "uploads").mkdir()
    assert disk.has_content(str(folder))
    assert not disk.has_content(str(folder / ".gitkeep"))
    (folder / "shop.db").write_text("x", encoding="utf-8")
    assert disk.has_content(str(folder / "shop.db"))


def test_what_cannot_be_looked_into_counts_as_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: str) -> None:
        raise PermissionError(path)

    monkeypatch.setattr(os, "scandir", refuse)
    assert LocalDisk().has_content(str(tmp_path))


def test_copy_keeps_modes_and_links_and_leaves_out_what_cannot_be_copied(tree: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copies" / "1-owner"
    copy_files(FileCopy(source=str(tree), destination=str(copy)))
    assert names(copy) == {"sub", "sub/file", "out", "loop"}
    assert (copy / "out").readlink() == Path("/etc")
    assert (copy / "sub" / "file").read_text(encoding="utf-8") == "content"
    assert (copy / "sub" / "file").stat().st_mode & 0o777 == 0o640
    assert copy.stat().st_mode & 0o777 == 0o711


def test_made_up_file_takes_the_mode_of_the_one_it_stands_for(tree: Path, tmp_path: Path) -> None:
    copy_files(FileCopy(source=str(tree / "sub" / "file"), destination=str(tmp_path / "a"), content=""))
    copy_files(FileCopy(source="/nowhere", destination=str(tmp_path / "b"), content="made up"))
    assert ((tmp_path / "a").read_bytes(), (tmp_path / "a").stat().st_mode & 0o777) == (b"", 0o640)
    assert ((tmp_path / "b").read_bytes(), (tmp_path / "b").stat().st_mode & 0o777) == (b"made up", 0o644)


@pytest.mark.parametrize("is_empty", [True, False])
def test_archive_holds_the_folder_under_another_name(tree: Path, tmp_path: Path, is_empty: bool) -> None:
    archive = tmp_path / "seed.tar"
    write_archive(tree, archive, name="seed", is_empty=is_empty)
    with tarfile.open(archive) as tar:
        members = {member.name: member for member in tar.getmembers()}
    content = set() if is_empty else {"seed/sub", "seed/sub/file", "seed/out", "seed/loop"}
    assert set(members) == {"seed", *content}
    assert members["seed"].mode == 0o711
    assert members["seed"].uid == tree.stat().st_uid
