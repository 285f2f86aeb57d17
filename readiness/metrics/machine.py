"""Which metrics are of the machine, and whether they stand still."""

from __future__ import annotations

import re
from collections.abc import Sequence

from readiness.metrics.exposition import Exposition

__all__ = ["has_processor", "is_saturated", "machine_groups", "stands_still"]

#: By the first word of their names: what a process or the service's own gauges say of the machine.
GROUPS = ("system", "process", "node", "nodejs", "jvm", "dotnet")
_OF_THE_MACHINE = re.compile(r"cpu|memory|mem_|disk|filesystem|heap|rss", re.IGNORECASE)
_CPU = re.compile(r"cpu", re.IGNORECASE)
#: A processor that does nothing or everything: ratio and per cent.
_ENDS = (0.0, 1.0, 100.0)


def machine_groups(exposition: Exposition, declared: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """The declared metrics as one group, else those whose names say that they are of the machine, by who says it."""
    if declared:
        return (tuple(declared),)
    names = sorted({series.name for series in exposition.series})
    groups = (tuple(n for n in names if n.partition("_")[0] == group and _OF_THE_MACHINE.search(n)) for group in GROUPS)
    return tuple(group for group in groups if group)


def has_processor(group: Sequence[str]) -> bool:
    """Whether one of them is of the processor, which has to move where work is done."""
    return any(_CPU.search(name) for name in group)


def stands_still(group: Sequence[str], looks: Sequence[Exposition]) -> bool:
    """Whether none of them differs between any two looks."""
    return not any(look.values(name) != looks[0].values(name) for look in looks[1:] for name in group)


def is_saturated(group: Sequence[str], look: Exposition) -> bool:
    """Whether every figure of the processor is at an end of its scale, where it may stand still and be right."""
    values = [value for name in group if _CPU.search(name) for value in look.values(name).values()]
    return bool(values) and all(value in _ENDS for value in values)
