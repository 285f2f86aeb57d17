from __future__ import annotations

from readiness.metrics.exposition import read
from readiness.metrics.machine import has_processor, is_saturated, machine_groups, stands_still

TEXT = "system_cpu_percent 3\nsystem_memory_percent 4\nprocess_resident_memory_bytes 5\nhttp_memory_hits 1\n"


def test_metrics_of_the_machine_are_grouped_by_who_says_them() -> None:
    assert machine_groups(read(TEXT), ()) == (
        ("system_cpu_percent", "system_memory_percent"),
        ("process_resident_memory_bytes",),
    )


def test_declared_ones_are_one_group() -> None:
    assert machine_groups(read(TEXT), ("a", "b")) == (("a", "b"),)


def test_a_group_stands_still_when_none_of_it_moves() -> None:
    (first, _), later = machine_groups(read(TEXT), ()), TEXT.replace("memory_percent 4", "memory_percent 5")
    assert stands_still(first, [read(TEXT), read(TEXT)])
    assert not stands_still(first, [read(TEXT), read(later)])


def test_a_processor_at_the_end_of_its_scale_may_stand_still() -> None:
    group = ("system_cpu_percent",)
    assert has_processor(group)
    assert is_saturated(group, read("system_cpu_percent 100\n"))
    assert not is_saturated(group, read("system_cpu_percent 42\n"))
    assert not is_saturated(("system_memory_percent",), read(TEXT))
