"""Files of a set are read through, whatever they are."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import lzma
import random
import tarfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from readiness.facts.backup import CommandRun, SetFile
from readiness.facts.backup_drill import Artifact
from readiness.gather import backup_artifacts
from readiness.gather.backup_artifacts import artifacts_of

DUMP = (
    b"--\n-- PostgreSQL database dump\n--\n\n\\restrict x\nselect 1;\n--\n-- PostgreSQL database dump complete\n--\n\n"
)
RDB = b"REDIS0011" + b"x" * 20 + b"\xff" + b"12345678"


def tar(mode: str = "w:gz", members: int = 5) -> bytes:
    noise = random.Random(5)  # noqa: S311  # content of a file
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode=mode) as archive:  # type: ignore[call-overload]  # a mode
        for number in range(members):
            content = noise.randbytes(50_000)
            member = tarfile.TarInfo(f"f{number}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return packed.getvalue()


def zipped() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.txt", random.Random(7).randbytes(1000))  # noqa: S311  # as below
    return packed.getvalue()


def read(tmp_path: Path, name: str, content: bytes, *, run: CommandRun | None = None) -> Artifact:
    folder = tmp_path / "set"
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(content)
    ran: list[tuple[str, ...]] = []

    def program(words: Sequence[str], seconds: float) -> CommandRun:
        del seconds
        ran.append(tuple(words))
        return run or CommandRun(command="", exit_code=127)

    (found,) = artifacts_of(tmp_path, [SetFile(path=f"set/{name}", size_bytes=len(content))], program, "/backups/")
    assert all(words[-1] == f"/backups/set/{name}" for words in ran)
    return found


@pytest.mark.parametrize(
    ("name", "content", "kind", "by"),
    [
        ("db.dump", b"PGDMP" + bytes(99), "pg_dump", "its first bytes"),
        ("db.sql", DUMP, "text", "its first and last lines"),
        ("db.sql.gz", gzip.compress(DUMP), "gzip", "gzip, unpacked"),
        ("two.gz", gzip.compress(b"a") + gzip.compress(b"b") + bytes(512), "gzip", "gzip, unpacked"),
        ("db.sql.bz2", bz2.compress(DUMP), "bzip2", "bzip2, unpacked"),
        ("db.sql.xz", lzma.compress(DUMP), "xz", "xz, unpacked"),
        ("uploads.tgz", tar(), "gzip", "gzip and tar, listed"),
        ("uploads.tar", tar("w"), "tar", "tar, listed"),
        ("none.tgz", tar(members=0), "gzip", "gzip, unpacked"),
        ("all.zip", zipped(), "zip", "zip, tested"),
        ("cache.rdb", RDB, "rdb", "its first and last bytes"),
        ("db.age", b"age\x00\x01", "unknown", "its first bytes"),
        ("SUCCESS", b"", "text", "its name"),
        ("report.txt", b"all well\n", "text", "its first and last lines"),
    ],
)
def test_what_is_whole_is_known_for_what_it_is(tmp_path: Path, name: str, content: bytes, kind: str, by: str) -> None:
    found = read(tmp_path, name, content)
    assert (found.kind, found.by, found.problem) == (kind, by, "")


def flipped(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 0xFF]) + data[middle + 1 :]


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("db.dump", b"", "is empty"),
        ("db.sql.gz", gzip.compress(b""), "is empty once unpacked"),
        ("cut.sql.gz", gzip.compress(DUMP[:60]), "it is cut off"),
        ("cut.sql", DUMP[:60], "it is cut off"),
        ("cut.tgz", tar()[:-5000], "cannot be unpacked to its end"),
        ("flip.tgz", flipped(tar()), "cannot be unpacked to its end"),
        ("cut.tar", tar("w")[:120_000], "cannot be listed to its end"),
        ("flip.zip", flipped(zipped()), "damaged"),
        ("cut.rdb", RDB[:-9], "it is cut off"),
    ],
)
def test_what_is_not_whole_is_told(tmp_path: Path, name: str, content: bytes, problem: str) -> None:
    assert problem in read(tmp_path, name, content).problem


def test_checksums_are_made_again(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "a").write_bytes(b"a")
    (tmp_path / "secret").write_bytes(b"s")
    good = hashlib.sha256(b"a").hexdigest()
    assert read(tmp_path, "good.sha256", f"{good}  a\n".encode()).problem == ""
    assert read(tmp_path, "elsewhere.sha256", f"{good}  /backups/set/a\n".encode()).problem == ""
    lines = f"{'0' * 64}  a\n{good}  gone\n{'0' * 64}  ../../secret\n"
    assert (
        read(tmp_path, "bad.sha256", lines.encode()).problem
        == "a has another sum; gone is missing; ../../secret is missing"
    )


@pytest.mark.parametrize(
    ("run", "by", "problem"),
    [
        (CommandRun(command="", exit_code=0), "pg_restore --list", ""),
        (CommandRun(command="", exit_code=1, lines=("input file is damaged",)), "pg_restore", "input file is damaged"),
        (CommandRun(command="", exit_code=1, lines=("unsupported version (1.16)",)), "its first bytes", ""),
        (CommandRun(command="", exit_code=None, problem="the engine is away"), "its first bytes", ""),
    ],
)
def test_the_program_that_belongs_to_a_file_has_the_last_word(
    tmp_path: Path, run: CommandRun, by: str, problem: str
) -> None:
    found = read(tmp_path, "db.dump", b"PGDMP" + bytes(99), run=run)
    assert found.by == by
    assert problem in found.problem
    assert bool(problem) == bool(found.problem)


def test_an_archive_of_any_length_is_read_in_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backup_artifacts, "MAX_BYTES", 1000)
    found = read(tmp_path, "bomb.gz", gzip.compress(bytes(10_000_000)))
    assert (found.kind, found.problem) == ("gzip", "")
    assert "too long to be read through" in found.by


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "link").symlink_to("/etc/passwd")
    (found,) = artifacts_of(
        tmp_path, [SetFile(path="set/link", size_bytes=9)], lambda *_: CommandRun(command="", exit_code=127), "/b"
    )
    assert (found.kind, found.problem) == ("unknown", "")
