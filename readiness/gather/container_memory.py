"""A program in every container that takes more memory than the container may have."""

from __future__ import annotations

import time
from collections.abc import Mapping

from readiness.check import Impact
from readiness.exceptions import GatherError, StackError
from readiness.facts.container_trials import MemoryTrial, MemoryTrials
from readiness.facts.containers import Container
from readiness.facts.model import StackModel
from readiness.gather import gatherer
from readiness.gather.container_health import needs_of
from readiness.gather.container_wells import WATCH_SECONDS, Wells, require_containers, run_health_check, running
from readiness.instruments.faults import Faults
from readiness.instruments.this_machine import load_per_cpu
from readiness.runtime import Capability, Completed, Progress, Runtime, Stack

__all__ = ["fill", "memory_trial"]

#: More is not taken from a machine that others use too.
MOST_BYTES = 1024**3
#: The machine keeps at least so much.
SPARE_BYTES = 1024**3
#: The ledger: up to the limit and 20 % more. With swap a container may have twice its limit (Docker's default), and more.
BEYOND, BEYOND_SWAP = 1.2, 2.5
FILL_SECONDS = 60.0
#: What a kill breaks shows at once; before that a check may still see the world of before.
SETTLE_SECONDS = 1.5
MOST_SERVICES = 12

#: $1 bytes. The program volunteers to be killed first. ``tail`` keeps what has no line end until its input ends.
FILL = """
echo 1000 2>/dev/null >/proc/self/oom_score_adj
head -c "$1" /dev/zero | tail -c "$1" >/dev/null
echo "ended $?"
"""
#: Kills the largest process that is neither the main one nor ours, as the kernel kills the one that leaks.
KILL = """
victim= best=0
for place in /proc/[0-9]*; do
  pid=${place#/proc/}
  [ "$pid" = "$$" ] && continue
  while read -r key value _; do
    [ "$key" = VmRSS: ] && [ "$value" -gt "$best" ] && best=$value victim=$pid
  done 2>/dev/null <"$place/status"
done
[ -n "$victim" ] && [ "$victim" != 1 ] || exit 0
read -r name <"/proc/$victim/comm"
kill -9 "$victim" && echo "killed $name"
"""
#: Bytes that the machine can spare, and its swap.
MACHINE = """
while read -r key value _; do
  case $key in MemAvailable:) echo "available $value" ;; SwapTotal:) echo "swap $value" ;; esac
done </proc/meminfo
command -v head >/dev/null && command -v tail >/dev/null && echo "tools yes"
"""


@gatherer(impact=Impact.DISRUPTS, at_most_seconds=300)
def container_memory(*, stack: Stack, runtime: Runtime, faults: Faults, progress: Progress) -> MemoryTrials:
    """Whether a container's memory limit cuts what is in the container, and nothing else."""
    require_containers(stack, Capability.EXEC)
    model = runtime.model()
    trials: list[MemoryTrial] = []
    for service, container in running(stack).items():
        if container.memory_bytes is None:
            continue
        trial = MemoryTrial(service=service, limit_bytes=container.memory_bytes)
        if len(trials) >= MOST_SERVICES:
            trials.append(_given_up(trial, f"no more than {MOST_SERVICES} services are tried in one run"))
            continue
        progress(f"{service} beyond its memory limit", at_most_seconds=WATCH_SECONDS)
        try:
            trials.append(memory_trial(container, stack=stack, faults=faults, model=model))
        except (StackError, GatherError) as error:
            trials.append(_given_up(trial, str(error)[:300]))
    return MemoryTrials(trials=tuple(trials), load_per_cpu=load_per_cpu())


def _given_up(trial: MemoryTrial, problem: str) -> MemoryTrial:
    return MemoryTrial(service=trial.service, limit_bytes=trial.limit_bytes, problem=problem)


def memory_trial(container: Container, *, stack: Stack, faults: Faults, model: StackModel) -> MemoryTrial:
    """Fill one container.

    Raises:
        StackError: it could not be tried; says why.
    """
    service, limit = container.service, container.memory_bytes or 0
    asked = _affordable(stack, service, limit)
    check = container.health_check
    if check is not None and not run_health_check(stack, service, check).is_green:
        check = None
    apart = [other for other in stack.services if other != service and service not in needs_of(other, model)]
    before = _identities(stack, apart)
    ended: dict[str, Completed] = {}
    started = stack.state(service).started_at

    def strain(name: str) -> None:
        ended["fill"] = fill(stack, name, asked)
        # What stays down after every end is told by its policy, and by a crash.
        if stack.state(name).started_at == started and container.restart != "no":
            ended["kill"] = stack.execute(name, ["sh", "-c", KILL], timeout_seconds=FILL_SECONDS)

    with faults.strained(service, strain, at_most_seconds=FILL_SECONDS + WATCH_SECONDS + 30) as fault:
        zero = fault.applied_at
        time.sleep(SETTLE_SECONDS)
        wells = Wells(stack=stack, service=service, check=check, since=zero)
        well = wells.wait(
            at_most_seconds=WATCH_SECONDS,
            is_back=lambda status, _: status == "running",
            is_lost=lambda status: status in {"exited", "dead"} and container.restart == "no",
        )
        state = stack.state(service)
        watched = time.monotonic() - zero
        after = _identities(stack, apart)
    killed = ended["kill"].output.strip() if "kill" in ended else ""
    return MemoryTrial(
        service=service,
        limit_bytes=limit,
        asked_bytes=asked,
        is_cut=_is_cut(ended["fill"]),
        victim=killed.removeprefix("killed ") if killed.startswith("killed ") else "",
        disturbed=tuple(other for other in apart if before.get(other) != after.get(other)),
        well_seconds=well,
        watched_seconds=round(watched, 1),
        status=state.status,
        last=wells.last,
        problem=_problem(ended["fill"]),
    )


def fill(stack: Stack, service: str, asked: int) -> Completed:
    """Take so many bytes inside a container; ends when it has them, or is killed."""
    return stack.execute(service, ["sh", "-c", FILL, "sh", str(asked)], timeout_seconds=FILL_SECONDS)


def _is_cut(done: Completed) -> bool:
    """Whether the program was killed; where its shell was killed with it, nothing is said at all."""
    return "ended 137" in done.output or ("ended" not in done.output and done.exit_code != 0)


def _problem(done: Completed) -> str:
    is_told = _is_cut(done) or "ended 0" in done.output
    return "" if is_told else f"the program that takes memory ended otherwise: {done.output.strip()[-200:]}"


def _affordable(stack: Stack, service: str, limit: int) -> int:
    """How much to ask for.

    Raises:
        StackError: it would be too much for this machine, or the image has no program to take it with.
    """
    said = stack.execute(service, ["sh", "-c", MACHINE], timeout_seconds=20.0)
    words = dict(line.partition(" ")[::2] for line in said.output.splitlines())
    if words.get("tools") != "yes" or not words.get("available", "").isdecimal():
        raise StackError("the image has neither a shell with head and tail nor another way to take memory")
    if limit > MOST_BYTES:
        raise StackError(f"the limit of {limit} B is more than is taken from this machine")
    asked = int(limit * (BEYOND_SWAP if words.get("swap", "0") != "0" else BEYOND))
    if int(words["available"]) * 1024 < asked + SPARE_BYTES:
        raise StackError(f"this machine has too little memory left to ask for {asked} B")
    return asked


def _identities(stack: Stack, services: list[str]) -> Mapping[str, tuple[str, str, int]]:
    found = {}
    for service in services:
        state = stack.state(service)
        found[service] = (state.status, state.started_at, state.restarts)
    return found
