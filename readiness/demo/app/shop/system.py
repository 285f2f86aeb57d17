"""Disk, memory and processor as this process may use them."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import psutil

__all__ = ["SystemMetrics", "cgroup_memory_used_ratio", "disk_free_ratio", "memory_used_ratio", "read"]

CGROUP = Path("/sys/fs/cgroup")


@dataclass(frozen=True, kw_only=True)
class SystemMetrics:
    """Percentages, 0 to 100."""

    cpu_percent: float
    memory_percent: float
    disk_percent: float


def read(data_path: Path) -> SystemMetrics:
    """Measure now; the processor's figure is the mean since the last call."""
    return SystemMetrics(
        cpu_percent=psutil.cpu_percent(interval=None),
        memory_percent=round(100 * memory_used_ratio(), 4),
        disk_percent=round(100 * (1 - disk_free_ratio(data_path)), 2),
    )


def disk_free_ratio(path: Path) -> float:
    """Free part of the file system that holds ``path``, 0 to 1; what only root may use does not count."""
    usage = shutil.disk_usage(path)
    return usage.free / usage.total if usage.total else 0.0


def memory_used_ratio() -> float:
    """Used part of the memory limit, 0 to 1; of the machine's memory where no limit applies."""
    limited = cgroup_memory_used_ratio(CGROUP)
    if limited is not None:
        return limited
    memory = psutil.virtual_memory()
    return (memory.total - memory.available) / memory.total


def cgroup_memory_used_ratio(root: Path) -> float | None:
    """Used part of the control group's limit, version 2 or 1; None without a limit below the machine's memory.

    Page cache that the kernel drops first does not count, as in the kubelet's working set: a service that read a
    large file is not short of memory.
    """
    for limit_file, usage_file, stat_file, inactive in (
        ("memory.max", "memory.current", "memory.stat", "inactive_file"),
        (
            "memory/memory.limit_in_bytes",
            "memory/memory.usage_in_bytes",
            "memory/memory.stat",
            "total_inactive_file",
        ),
    ):
        try:
            limit_text = (root / limit_file).read_text().strip()
            usage_bytes = int((root / usage_file).read_text())
            stat = dict(line.split() for line in (root / stat_file).read_text().splitlines())
        except OSError:
            continue
        if limit_text == "max" or int(limit_text) > psutil.virtual_memory().total:
            return None
        return max(0, usage_bytes - int(stat.get(inactive, 0))) / int(limit_text)
    return None
