"""Bad input gets one clear error and exit status 4."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-p", "no:randomly", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--readiness-demo"], "--readiness-demo needs --readiness-profile"),
        (["--readiness-profile=persona"], "personal"),
        (["--readiness-profile=production"], "readiness.yaml"),
        (["--readiness-profile=production", "--readiness-demo=no-nosnif"], "no-nosniff"),
        (["--readiness-profile=production", "--readiness-demo", "--readiness-target=."], "exclude each other"),
        (["--readiness-profile=production", "--readiness-demo", "--readiness-format=pdf"], "expected some of"),
        (["--readiness-profile=production", "--readiness-demo", "--readiness-min-grade=Z"], "expected one of"),
        (["--readiness-profile=production", "--readiness-replay=nowhere"], "recording.json"),
        (["--readiness-profile=production", "--readiness-demo", "--readiness-baseline=no.json"], "not a scorecard"),
        (["--readiness-profile=production", "--readiness-demo", "--readiness-claims=no.yaml"], "no such file"),
        (["--readiness-profile=production", "--readiness-url=ftp://x"], "expected http"),
        (["--readiness-profile=production", "--readiness-url=http://192.0.2.1"], "--readiness-i-own=192.0.2.1"),
    ],
)
def test_one_clear_error(tmp_path: Path, arguments: list[str], message: str) -> None:
    done = run(tmp_path, *arguments)
    assert done.returncode == 4, done.stdout + done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "reports").exists()
