"""The wheel ships everything an audit needs, and works installed as well as from a checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    return next(folder.glob("*.whl"))


def test_the_wheel_ships_checks_profiles_schemas_templates_and_the_demo(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for source, target in (
        ("checks", "readiness/checks"),
        ("profiles", "readiness/profiles"),
        ("readiness", "readiness"),
    ):
        wanted = {
            f"{target}/{path.relative_to(ROOT / source)}"
            for path in (ROOT / source).rglob("*")
            if path.is_file() and "__pycache__" not in path.parts
        }
        assert wanted <= names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert not [name for name in names if name.startswith(("tests/", "checks/", "reports/"))]


def test_an_installed_copy_collects_the_shipped_checks(wheel: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    install = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--no-index",
        "--target",
        str(site),
        str(wheel),
    ]
    subprocess.run(install, check=True, capture_output=True, timeout=120)
    user = tmp_path / "user"
    user.mkdir()
    command = [sys.executable, "-m", "pytest", "-p", "no:randomly", "--collect-only", "-q"]
    command += ["--readiness-profile=production", "--readiness-url=http://127.0.0.1:9"]
    environment = {**os.environ, "PYTHONPATH": str(site)}
    done = subprocess.run(command, cwd=user, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "headers/check_nosniff.py::" in done.stdout
    where = [sys.executable, "-c", "from readiness.catalogue import shipped_checks; print(shipped_checks())"]
    found = subprocess.run(where, cwd=user, env=environment, capture_output=True, text=True, timeout=60, check=True)
    assert found.stdout.strip() == str(site / "readiness" / "checks")
    assert not (user / "reports").exists()
