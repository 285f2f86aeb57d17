from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from readiness.demo import launch


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """A program as a wheel would have installed it, with the folder of libraries that it needs."""
    home = tmp_path / "home"
    (home / "package" / "bin").mkdir(parents=True)
    (home / "package.libs").mkdir()
    (home / "package.libs" / "libx.so").write_text("library")
    program = home / "package" / "bin" / "server"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    for place in (home, home / "package", home / "package" / "bin"):
        place.chmod(0o755)
    return program


def _needs(program: Path) -> tuple[Path, Path]:
    package = program.parents[1]
    return package, package.with_name("package.libs")


def test_an_ordinary_user_runs_the_installed_program(
    installed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert launch._usable(installed, tmp_path / "state", needs=_needs(installed)) == installed


def test_root_runs_a_copy_of_what_nobody_could_reach(
    installed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    installed.parents[2].chmod(0o700)
    copy = launch._usable(installed, tmp_path / "state", needs=_needs(installed))
    assert copy == tmp_path / "state" / "programs" / "package" / "bin" / "server"
    assert (tmp_path / "state" / "programs" / "package.libs" / "libx.so").exists()
    assert os.access(copy, os.X_OK)


def test_a_wheel_without_the_execute_bit_is_copied_and_gets_it(
    installed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    installed.chmod(0o644)
    copy = launch._usable(installed, tmp_path / "state")
    assert copy != installed
    assert copy.stat().st_mode & 0o111


def test_a_wheel_without_a_program_for_this_machine_is_said(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="no nginx for this machine"):
        launch._usable(tmp_path / "nginx", tmp_path)


def test_a_missing_wheel_is_named() -> None:
    with pytest.raises(SystemExit, match="needs some-wheel"):
        launch._package("no_such_package", wheel="some-wheel")


def test_wrong_usage_says_the_services() -> None:
    done = subprocess.run(
        [sys.executable, "-P", launch.__file__, "database"], capture_output=True, text=True, check=False, timeout=30
    )
    assert done.returncode == 1
    assert "db|cache|proxy|api|worker" in done.stderr


def test_the_certificate_s_key_is_for_its_owner_alone(tmp_path: Path) -> None:
    launch._write_certificate(tmp_path)
    assert (tmp_path / "tls.crt").read_bytes().startswith(b"-----BEGIN CERTIFICATE-----")
    assert (tmp_path / "tls.key").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(("defects", "is_executable"), [("", True), ("backup-script-not-executable", False)])
def test_the_backup_s_programs_are_on_its_path(tmp_path: Path, defects: str, is_executable: bool) -> None:
    environment = {"PATH": os.environ["PATH"], "TMPDIR": str(tmp_path), "SHOP_DEFECTS": defects}
    command = [sys.executable, "-P", launch.__file__, "backup", str(tmp_path / "state"), "none"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = process.stdout.readline()
        process.terminate()
        process.communicate(timeout=20)
    programs = tmp_path / "state" / "bin"
    assert "backups at 0 2 * * *" in said
    assert process.returncode == 0
    assert os.access(programs / "shop-backup", os.X_OK) is is_executable
    done = subprocess.run([programs / "redis-check-rdb", "nowhere"], capture_output=True, text=True, check=False)
    assert (done.returncode, "Checking RDB file nowhere" in done.stdout) == (1, True)
    told = subprocess.run([programs / "pg_dump", "--version"], capture_output=True, text=True, check=True)
    assert told.stdout.startswith("pg_dump")
