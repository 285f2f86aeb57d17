"""What the tests need of the machine: they say so by a marker, run last, and are left out, with a word, where it lacks."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

import pytest

from readiness.runtime.confine import confined

#: CI sets this to the markers that must run: there, a lacking engine is a failure and not a reason to skip.
REQUIRED = {word for word in os.environ.get("READINESS_REQUIRE", "").split(",") if word}


@cache
def _lacking(marker: str) -> str | None:
    """Why tests with this marker cannot run here, or None."""
    if marker == "docker":
        if shutil.which("docker") is None:
            return "no docker command"
        command = ["docker", "version", "--format", "{{.Server.Version}}"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
        return None if done.returncode == 0 else "no Docker engine answers"
    if marker == "swarm":
        return None if marker in REQUIRED else "it takes an engine on which nothing else runs: READINESS_REQUIRE=swarm"
    if marker == "namespaces":
        return _refusal()
    if marker == "promtool":
        return None if shutil.which("promtool") else "no promtool"
    return None if shutil.which("chromium") or shutil.which("google-chrome") else "no chromium"


def _refusal() -> str | None:
    """Why this machine confines nobody, or None."""
    if shutil.which("unshare") is None:
        return "no unshare"
    with tempfile.TemporaryDirectory() as folder:
        places = {name: Path(folder) / name for name in ("place", "folder", "shared")}
        for place in places.values():
            place.mkdir()
        command = confined(["true"], **places)
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    return None if done.returncode == 0 else f"this kernel refuses: {done.stderr.strip()[:200]}"


#: Files of many minutes, in the order in which they begin: whatever is begun last is waited for by everybody, so the
#: longest come first, and the longest of all beside the quick tests.
FIRST = "test_detection_matrix.py"
LONG = ("test_other_make_django.py", "test_other_make.py", "test_demo_compose.py")


def _turn(item: pytest.Item) -> tuple[int, int]:
    """When a test's file begins: cheap ones before those that need an engine, and there the long ones first."""
    if item.path.name == FIRST:
        return -1, int(item.get_closest_marker("docker") is not None)
    needs = sum(item.get_closest_marker(name) is not None for name in ("browser", "docker"))
    return needs, LONG.index(item.path.name) if item.path.name in LONG else len(LONG)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order the files for the shortest run."""
    items.sort(key=_turn)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Leave out what this machine cannot run, unless it must."""
    for marker in ("docker", "browser", "promtool", "swarm", "namespaces"):
        if item.get_closest_marker(marker) is not None and (reason := _lacking(marker)) is not None:
            if marker in REQUIRED:
                pytest.fail(f"READINESS_REQUIRE asks for {marker}, but {reason}", pytrace=False)
            pytest.skip(reason)
