"""Folders of containers, carried through a docker command of the test's own making: a folder stands for a container."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from readiness.exceptions import StackError
from readiness.runtime.container_files import copy_in, copy_out
from readiness.runtime.engine import Commands

#: ``docker cp CONTAINER:PATH/. -``, ``docker cp - CONTAINER:PATH`` and ``docker exec … tar``; every call is written down.
DOCKER = """#!/bin/sh
echo "$*" >> "$ROOT.calls"
case "$1 $2" in
"cp -") [ -w "$ROOT${3#c0:}" ] || { echo "container rootfs is marked read-only" >&2; exit 1; }
  exec tar -C "$ROOT${3#c0:}" -xf - ;;
"cp "*) cd "$ROOT${2#c0:}" 2>/dev/null || { echo "Could not find the file" >&2; exit 1; }
  exec tar -cf - . ;;
"exec c0") exec tar -C "$ROOT$5" -cf - . ;;
"exec -i") exec tar -C "$ROOT$8" -xpf - ;;
esac
"""
CONTAINER: Mapping[str, Any] = {"Id": "c0", "HostConfig": {"Tmpfs": {"/small": "size=1m"}}, "Mounts": []}


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "docker").write_text(DOCKER, encoding="utf-8")
    (tmp_path / "bin" / "docker").chmod(0o755)
    root = tmp_path / "root"
    for folder in ("backups/20260102", "small"):
        (root / folder).mkdir(parents=True)
    (root / "backups" / "20260102" / "db.dump").write_bytes(b"\0" * 3_000_000)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    monkeypatch.setenv("ROOT", str(root))
    return root


def calls(root: Path) -> list[str]:
    return root.with_suffix(".calls").read_text().splitlines()


def test_a_folder_comes_out_and_goes_in_again(root: Path, tmp_path: Path) -> None:
    commands = Commands("r1", tmp_path)
    copy_out(commands, CONTAINER, "/backups", tmp_path / "kept", cwd=tmp_path)
    assert (tmp_path / "kept" / "20260102" / "db.dump").stat().st_size == 3_000_000
    copy_in(commands, CONTAINER, tmp_path / "kept", "/srv/new", cwd=tmp_path)
    assert (root / "srv" / "new" / "20260102" / "db.dump").stat().st_size == 3_000_000
    assert calls(root)[0] == "cp c0:/backups/. -"
    assert calls(root)[-1] == "cp - c0:/"
    assert list((tmp_path / "pids").iterdir()) == []


def test_a_disk_in_memory_is_read_from_inside(root: Path, tmp_path: Path) -> None:
    commands = Commands("r1", tmp_path)
    (root / "small" / "a").write_text("x")
    copy_out(commands, CONTAINER, "/small", tmp_path / "kept", cwd=tmp_path)
    (root / "small" / "a").unlink()
    copy_in(commands, CONTAINER, tmp_path / "kept", "/small", cwd=tmp_path)
    assert (root / "small" / "a").read_text() == "x"
    assert calls(root)[0] == "exec c0 tar -C /small -cf - ."
    assert calls(root)[-1] == "exec -i -u 0 c0 tar -C /small -xpf -"


def test_the_engines_own_words_are_told(root: Path, tmp_path: Path) -> None:
    commands = Commands("r1", tmp_path)
    with pytest.raises(StackError, match="reading /nowhere: Could not find the file"):
        copy_out(commands, CONTAINER, "/nowhere", tmp_path / "kept", cwd=tmp_path)
    (root / "backups" / "20260102" / "db.dump").unlink()
    for place in ("backups", "."):
        (root / place).chmod(0o555)
    try:
        if not (root / "backups").stat().st_uid:
            pytest.skip("root writes everywhere")
        with pytest.raises(StackError, match="marked read-only"):
            copy_in(commands, CONTAINER, root / "backups", "/new", cwd=tmp_path)
    finally:
        for place in (".", "backups"):
            (root / place).chmod(0o755)


@pytest.mark.parametrize("path", ["backups", "/backups/../etc", ""])
def test_only_an_absolute_path_is_one(path: str, root: Path, tmp_path: Path) -> None:
    with pytest.raises(StackError, match="no absolute path"):
        copy_out(Commands("r1", root.parent), CONTAINER, path, tmp_path / "kept", cwd=tmp_path)


def test_a_folder_that_is_too_big_ends_the_command(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("readiness.runtime.carrying.MAX_ENTRIES", 1)
    with pytest.raises(StackError, match="are not carried"):
        copy_out(Commands("r1", tmp_path), CONTAINER, "/backups", tmp_path / "kept", cwd=tmp_path)
    assert len(calls(root)) == 1
