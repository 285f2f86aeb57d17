from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from readiness.demo.app.shop.system import cgroup_memory_used_ratio, disk_free_ratio

MIB = 1024 * 1024


def _version_2(root: Path, limit: int | str, current: int, inactive: int) -> None:
    (root / "memory.max").write_text(f"{limit}\n")
    (root / "memory.current").write_text(f"{current}\n")
    (root / "memory.stat").write_text(f"anon 5\ninactive_file {inactive}\n")


def _version_1(root: Path, limit: int | str, usage: int, inactive: int) -> None:
    (root / "memory").mkdir()
    (root / "memory" / "memory.limit_in_bytes").write_text(f"{limit}\n")
    (root / "memory" / "memory.usage_in_bytes").write_text(f"{usage}\n")
    (root / "memory" / "memory.stat").write_text(f"inactive_file 1\ntotal_inactive_file {inactive}\n")


@pytest.mark.parametrize("write", [_version_1, _version_2])
def test_page_cache_that_goes_first_does_not_count_as_used(
    tmp_path: Path, write: Callable[[Path, int, int, int], None]
) -> None:
    write(tmp_path, 100 * MIB, 95 * MIB, 45 * MIB)
    assert cgroup_memory_used_ratio(tmp_path) == pytest.approx(0.5)


def test_without_a_limit_there_is_no_ratio(tmp_path: Path) -> None:
    _version_2(tmp_path, "max", 95 * MIB, 0)
    assert cgroup_memory_used_ratio(tmp_path) is None


def test_a_limit_above_the_machine_is_none(tmp_path: Path) -> None:
    _version_1(tmp_path, 9223372036854771712, 95 * MIB, 0)
    assert cgroup_memory_used_ratio(tmp_path) is None


def test_without_control_groups_there_is_no_ratio(tmp_path: Path) -> None:
    assert cgroup_memory_used_ratio(tmp_path) is None


def test_free_disk_is_a_ratio(tmp_path: Path) -> None:
    assert 0 <= disk_free_ratio(tmp_path) <= 1
