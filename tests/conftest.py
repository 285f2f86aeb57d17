"""What the tests need of the machine: they say so by a marker, run last, and are left out, with a word, where it lacks."""

from __future__ import annotations

import os
import shutil
import subprocess
from functools import cache

import pytest

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
    if marker == "promtool":
        return None if shutil.which("promtool") else "no promtool"
    return None if shutil.which("chromium") or shutil.which("google-chrome") else "no chromium"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Cheap tests first: an engine is asked for only when all else has passed."""
    items.sort(key=lambda item: sum(item.get_closest_marker(name) is not None for name in ("browser", "docker")))


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Leave out what this machine cannot run, unless it must."""
    for marker in ("docker", "browser", "promtool"):
        if item.get_closest_marker(marker) is not None and (reason := _lacking(marker)) is not None:
            if marker in REQUIRED:
                pytest.fail(f"READINESS_REQUIRE asks for {marker}, but {reason}", pytrace=False)
            pytest.skip(reason)
