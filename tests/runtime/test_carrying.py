"""What is carried of a folder, and what of a hostile archive is not."""

from __future__ import annotations

import io
import os
import stat
import tarfile
import threading
from pathlib import Path

import pytest

from readiness.exceptions import StackError
from readiness.runtime.carrying import copy_tree, owner_in, pack, unpack


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    (folder / "20260102" / "empty").mkdir(parents=True)
    (folder / "20260102" / "db.dump").write_bytes(b"\0PGDMP" * 1000)
    (folder / "20260102" / "db.dump").chmod(0o640)
    (folder / "20260102").chmod(0o770)
    os.utime(folder / "20260102" / "db.dump", (1_700_000_000, 1_700_000_000))
    (folder / "latest").symlink_to("20260102")
    (folder / "20260102" / "up").symlink_to("../latest")
    (folder / "20260102" / "secret").symlink_to("/etc/passwd")
    (folder / "20260102" / "out").symlink_to("../../elsewhere")
    os.mkfifo(folder / "pipe")
    os.utime(folder / "20260102", (1_600_000_000, 1_600_000_000))
    return folder


def assert_is_whole(copy: Path) -> None:
    assert sorted(str(path.relative_to(copy)) for path in copy.rglob("*")) == [
        "20260102", "20260102/db.dump", "20260102/empty", "20260102/up", "latest",
    ]  # fmt: skip
    assert [(copy / name).readlink() for name in ("latest", "20260102/up")] == [Path("20260102"), Path("../latest")]
    dump = copy / "20260102" / "db.dump"
    assert dump.read_bytes() == b"\0PGDMP" * 1000
    assert [stat.S_IMODE(path.stat().st_mode) for path in (dump, dump.parent)] == [0o640, 0o770]
    assert [int(path.stat().st_mtime) for path in (dump, dump.parent)] == [1_700_000_000, 1_600_000_000]


def archive(*members: tuple[str, bytes, str | bytes]) -> io.BytesIO:
    """An archive of (name, type, content or link)."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as tar:
        for name, kind, content in members:
            member = tarfile.TarInfo(name)
            member.type, member.mode, member.uid, member.gid = kind, 0o755, 70, 71
            if isinstance(content, bytes):
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
            else:
                member.linkname = content
                tar.addfile(member)
    made.seek(0)
    return made


FOLDER = ("backups/", tarfile.DIRTYPE, "")


def test_files_and_folders_come_through_a_stream_as_they_are(source: Path, tmp_path: Path) -> None:
    read_end, write_end = os.pipe()

    def give() -> None:
        with os.fdopen(write_end, "wb") as stream:
            pack(source, stream, uid=5, gid=6, below="backups")

    writer = threading.Thread(target=give)
    writer.start()
    with os.fdopen(read_end, "rb") as stream:
        unpack(stream, tmp_path / "copy")
    writer.join()
    assert_is_whole(tmp_path / "copy")


def test_everything_in_an_archive_belongs_to_whom_is_said(source: Path) -> None:
    made = io.BytesIO()
    pack(source, made, uid=5, gid=6, below="a/b")
    made.seek(0)
    assert owner_in(made) == (5, 6)
    made.seek(0)
    with tarfile.open(fileobj=made) as tar:
        members = tar.getmembers()
    assert [m.name for m in members] == [
        "a", "a/b", "a/b/20260102", "a/b/latest", "a/b/20260102/empty", "a/b/20260102/up", "a/b/20260102/db.dump",
    ]  # fmt: skip
    assert {(m.uid, m.gid) for m in members} == {(5, 6)}


def test_one_folder_of_this_machine_is_copied_into_another(source: Path, tmp_path: Path) -> None:
    copy_tree(source, tmp_path / "copy")
    assert_is_whole(tmp_path / "copy")
    copy_tree(source, tmp_path / "copy")
    assert_is_whole(tmp_path / "copy")


@pytest.mark.parametrize("root", ["backups/", "./", "."])
def test_the_folder_itself_is_no_part_of_the_copy(root: str, tmp_path: Path) -> None:
    unpack(archive((root, tarfile.DIRTYPE, ""), (f"{root.rstrip('/')}/a", tarfile.REGTYPE, b"x")), tmp_path / "copy")
    assert (tmp_path / "copy" / "a").read_text() == "x"


@pytest.mark.parametrize("name", ["backups/../../out", "/etc/out", "backups/a/../../../out", "elsewhere/out"])
def test_a_name_that_leads_elsewhere_is_an_error(name: str, tmp_path: Path) -> None:
    with pytest.raises(StackError, match=r"leads out|is not in"):
        unpack(archive(FOLDER, (name, tarfile.REGTYPE, b"x")), tmp_path / "copy")
    assert not list(tmp_path.rglob("out"))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE])
def test_what_is_neither_file_nor_folder_is_left_out(kind: bytes, tmp_path: Path) -> None:
    unpack(archive(FOLDER, ("backups/x", kind, "/etc")), tmp_path / "copy")
    assert list((tmp_path / "copy").iterdir()) == []


def test_nothing_is_written_through_a_link_that_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    hostile = archive(
        FOLDER, ("backups/x", tarfile.SYMTYPE, str(tmp_path / "outside")), ("backups/x/file", tarfile.REGTYPE, b"x")
    )
    with pytest.raises(OSError, match="No such file"):
        unpack(hostile, tmp_path / "copy")
    assert list((tmp_path / "outside").iterdir()) == []


@pytest.mark.parametrize("links", [
    [("x", "..")], [("x", "../..")], [("x", "/")], [("x", "a/../..")], [("a/x", "../..")],
    [("a/l", ".."), ("x", "a/l/..")], [("a/l", ".."), ("m", "a/l"), ("x", "m/../..")],
])  # fmt: skip
def test_a_link_that_leads_out_by_any_way_is_left_out(links: list[tuple[str, str]], tmp_path: Path) -> None:
    folders = [FOLDER, ("backups/a", tarfile.DIRTYPE, "")]
    unpack(archive(*folders, *((f"backups/{n}", tarfile.SYMTYPE, to) for n, to in links)), tmp_path / "in" / "copy")
    name = links[-1][0]
    assert not (tmp_path / "in" / "copy" / name).is_symlink()
    for path in (tmp_path / "in" / "copy").rglob("*"):
        assert path.resolve().is_relative_to(tmp_path / "in" / "copy")


def test_a_second_name_of_a_file_is_a_file(tmp_path: Path) -> None:
    unpack(
        archive(FOLDER, ("backups/a", tarfile.REGTYPE, b"x"), ("backups/b", tarfile.LNKTYPE, "backups/a")),
        tmp_path / "copy",
    )
    assert (tmp_path / "copy" / "b").read_text() == "x"
    with pytest.raises(StackError, match="leads out"):
        unpack(archive(FOLDER, ("backups/b", tarfile.LNKTYPE, "/etc/passwd")), tmp_path / "other")


def test_more_than_the_bound_is_given_up(source: Path, tmp_path: Path) -> None:
    with pytest.raises(StackError, match="are not carried"):
        copy_tree(source, tmp_path / "copy", limit_bytes=5000)
    with pytest.raises(StackError, match="are not carried"):
        pack(source, io.BytesIO(), uid=0, gid=0, limit_bytes=5000)
    with pytest.raises(StackError, match="are not carried"):
        unpack(archive(FOLDER, ("backups/a", tarfile.REGTYPE, b"x" * 6000)), tmp_path / "other", limit_bytes=5000)


@pytest.mark.parametrize(
    "data", [b"", b"no archive", archive(FOLDER, ("backups/a", tarfile.REGTYPE, b"x" * 9000)).read(3000)]
)
def test_what_is_no_whole_archive_is_an_error(data: bytes, tmp_path: Path) -> None:
    with pytest.raises(StackError, match="archive"):
        unpack(io.BytesIO(data), tmp_path / "copy")


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    with pytest.raises(StackError, match="no folder"):
        unpack(archive(("backups", tarfile.REGTYPE, b"x")), tmp_path / "copy")


def test_a_copy_is_not_written_through_links(source: Path, tmp_path: Path) -> None:
    outside, copy = tmp_path / "outside", tmp_path / "copy"
    outside.mkdir()
    (outside / "kept").write_text("kept")
    (copy / "20260102").mkdir(parents=True)
    (copy / "20260102" / "db.dump").symlink_to(outside / "kept")
    copy_tree(source, copy)
    assert_is_whole(copy)
    assert (outside / "kept").read_text() == "kept"
    (tmp_path / "second").mkdir()
    (tmp_path / "second" / "20260102").symlink_to(outside)
    with pytest.raises(StackError, match="is a link"):
        copy_tree(source, tmp_path / "second")
    assert [path.name for path in outside.iterdir()] == ["kept"]
