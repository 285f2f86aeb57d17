"""The containers of the stack as they are, twice with nothing disturbed in between."""

from __future__ import annotations

import time

from readiness.check import Impact
from readiness.exceptions import StackError
from readiness.facts.container_trials import ContainersAtRest, ControlGroup
from readiness.facts.containers import Container
from readiness.gather import gatherer
from readiness.gather.container_wells import require_containers
from readiness.runtime import Capability, Progress, Stack

__all__ = ["control_group"]

#: A restart policy starts again after 0.1 s, and twice as long each time; what ends at once restarts six times in so long.
WATCH_SECONDS = 30.0
#: Limits of the control group in both of its versions, and what the machine has; needs nothing but a shell.
SCRIPT = r"""
say() { if [ -r "$2" ]; then read -r line <"$2" && echo "$1 $line"; fi; }
g=/sys/fs/cgroup
say memory $g/memory.max
say memory $g/memory/memory.limit_in_bytes
say cpu $g/cpu.max
say quota $g/cpu/cpu.cfs_quota_us
say period $g/cpu/cpu.cfs_period_us
while read -r key value _; do [ "$key" = MemTotal: ] && echo "machine $value"; done </proc/meminfo
count=0
while read -r key _; do [ "$key" = processor ] && count=$((count + 1)); done </proc/cpuinfo
echo "processors $count"
"""
#: A control group of version 1 without a limit names a figure near 2^63.
NO_LIMIT_BYTES = 1 << 60
SCRIPT_SECONDS = 20.0


@gatherer(impact=Impact.OBSERVES, at_most_seconds=WATCH_SECONDS + 30)
def containers_at_rest(*, stack: Stack, progress: Progress) -> ContainersAtRest:
    """Every container's settings in force, what the kernel holds it to, and whether it keeps running."""
    require_containers(stack)
    began = time.monotonic()
    containers, absent = _containers(stack)
    groups = tuple(
        control_group(stack, container.service)
        for container in containers
        if container.number == 1 and container.status == "running"
    )
    progress("watching whether containers keep running", at_most_seconds=WATCH_SECONDS)
    time.sleep(max(0.0, WATCH_SECONDS - (time.monotonic() - began)))
    later, _ = _containers(stack)
    return ContainersAtRest(
        containers=containers,
        later=later,
        watched_seconds=round(time.monotonic() - began, 1),
        absent=absent,
        groups=groups,
    )


def _containers(stack: Stack) -> tuple[tuple[Container, ...], dict[str, str]]:
    found: list[Container] = []
    absent: dict[str, str] = {}
    for service in stack.services:
        try:
            found += stack.containers(service)
        except StackError as error:
            absent[service] = str(error)[:200]
    return tuple(found), absent


def control_group(stack: Stack, service: str) -> ControlGroup:
    """What the kernel holds a running container to."""
    if Capability.EXEC not in stack.capabilities:
        return ControlGroup(service=service, problem="nothing can be run inside")
    try:
        done = stack.execute(service, ["sh", "-c", SCRIPT], timeout_seconds=SCRIPT_SECONDS)
    except StackError as error:
        return ControlGroup(service=service, problem=str(error)[:200])
    said = dict(line.partition(" ")[::2] for line in done.output.splitlines())
    if "memory" not in said or ("cpu" not in said and "quota" not in said):
        words = done.output.strip()[:100]
        return ControlGroup(service=service, problem=f"no control group is to be seen inside: {words or 'no output'}")
    return ControlGroup(
        service=service,
        cpus=_cpus(said),
        memory_bytes=_memory(said["memory"]),
        machine_cpus=_number(said.get("processors", "")) or 0,
        machine_memory_bytes=(_number(said.get("machine", "")) or 0) * 1024,
    )


def _cpus(said: dict[str, str]) -> float | None:
    quota, _, period = said["cpu"].partition(" ") if "cpu" in said else (said["quota"], "", said.get("period", ""))
    numbers = (_number(quota), _number(period))
    return None if numbers[0] is None or not numbers[1] else numbers[0] / numbers[1]


def _memory(text: str) -> int | None:
    number = _number(text)
    return None if number is None or number > NO_LIMIT_BYTES else number


def _number(text: str) -> int | None:
    """A whole number; None for ``max`` and for -1, which are no limit."""
    return int(text) if text.strip().isdecimal() else None
