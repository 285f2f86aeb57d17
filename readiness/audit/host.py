"""Facts about this machine and the owner's folder that a reader needs to weigh the figures."""

from __future__ import annotations

import os
import platform
import subprocess
from typing import TYPE_CHECKING, Any

import psutil

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["describe_host", "version_of"]


def describe_host(runtime: str) -> dict[str, Any]:
    """Processors, memory, platform, and what runs the stack; no names of this machine or its user."""
    return {
        "cpus": os.cpu_count() or 0,
        "memory_bytes": psutil.virtual_memory().total,
        "platform": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
        "runtime": runtime,
    }


def version_of(folder: Path) -> str:
    """Commit and branch of a git checkout, ``+`` marking local changes; empty where it is none."""

    def git(*arguments: str) -> str:
        # The owner's hooks and file monitors must not run on our behalf.
        command = ["git", "-C", str(folder), "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
        return done.stdout.strip()

    try:
        commit, branch = git("rev-parse", "--short=12", "HEAD"), git("rev-parse", "--abbrev-ref", "HEAD")
        changed = "+" if git("--no-optional-locks", "status", "--porcelain", "--untracked-files=no", "--", ".") else ""
    except (OSError, subprocess.SubprocessError):
        return ""
    return f"{commit}{changed} ({branch})"
