"""Busy loops in every container that has a CPU limit, one container after the other."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from threading import Event, Thread

from readiness.check import Impact
from readiness.exceptions import GatherError, StackError
from readiness.facts.container_trials import CpuTrial, CpuTrials
from readiness.facts.containers import Container
from readiness.facts.model import StackModel
from readiness.gather import gatherer
from readiness.gather.container_health import needs_of
from readiness.gather.container_wells import require_containers, running
from readiness.gather.containers import control_group
from readiness.instruments.client import HttpClient
from readiness.instruments.faults import Faults
from readiness.instruments.this_machine import load_per_cpu
from readiness.runtime import Capability, Progress, Runtime, Stack
from readiness.target import Target

__all__ = ["cpu_trial", "usage_of"]

#: Forty periods of the kernel's accounting: one more or less is within the ledger's 5 %.
BURN_SECONDS = 4
REQUESTS_AT_REST = 20
#: Nobody else may work meanwhile; those come first beside which requests can be asked.
MOST_SERVICES = 3
#: $1 how many loops, $2 for how many seconds. Says what the container used, in microseconds, and for how long.
BURN = """
usage() {
  if [ -r /sys/fs/cgroup/cpu.stat ]; then
    while read -r key value; do [ "$key" = usage_usec ] && echo "used $value"; done </sys/fs/cgroup/cpu.stat
  elif [ -r /sys/fs/cgroup/cpuacct/cpuacct.usage ]; then
    read -r value </sys/fs/cgroup/cpuacct/cpuacct.usage && echo "used ${value%???}"
  fi
  read -r now _ </proc/uptime && echo "at $now"
}
command -v timeout >/dev/null || exit 3
usage
count=0
while [ $count -lt "$1" ]; do timeout "$2" sh -c 'while :; do :; done' & count=$((count + 1)); done
wait
usage
"""


@gatherer(impact=Impact.PERTURBS, at_most_seconds=120)
def container_cpu(
    *, target: Target, stack: Stack, http: HttpClient, runtime: Runtime, faults: Faults, progress: Progress
) -> CpuTrials:
    """Whether a container that wants every processor gets no more than its limit, and the others are still served."""
    require_containers(stack, Capability.EXEC)
    model = runtime.model()
    trials: list[CpuTrial] = []
    limited = [container for container in running(stack).values() if container.cpus is not None]
    limited.sort(key=lambda container: _is_needed(container.service, target, model))
    for container in limited[:MOST_SERVICES]:
        service = container.service
        trial = CpuTrial(service=service, limit_cpus=container.cpus or 0.0)
        progress(f"busy loops in {service}", at_most_seconds=2 * BURN_SECONDS)
        try:
            trials.append(cpu_trial(container, target=target, stack=stack, http=http, faults=faults, model=model))
        except (StackError, GatherError) as error:
            trials.append(CpuTrial(service=trial.service, limit_cpus=trial.limit_cpus, problem=str(error)[:300]))
    return CpuTrials(trials=tuple(trials), load_per_cpu=load_per_cpu())


def cpu_trial(
    container: Container, *, target: Target, stack: Stack, http: HttpClient, faults: Faults, model: StackModel
) -> CpuTrial:
    """Busy loops in one container.

    Raises:
        StackError: it could not be tried; says why.
    """
    service = container.service
    machine = control_group(stack, service).machine_cpus
    if not machine:
        raise StackError("how many processors the machine has could not be seen inside")
    ask = _ordinary(target, http, apart_from=service, model=model)
    before = [seconds for _ in range(REQUESTS_AT_REST) if (seconds := ask()) is not None] if ask else []
    during: list[float] = []
    said: list[str] = []

    def burn(name: str) -> None:
        words = ["sh", "-c", BURN, "sh", str(machine), str(BURN_SECONDS)]
        with _Meanwhile(ask, during):
            said.append(stack.execute(name, words, timeout_seconds=BURN_SECONDS * 10).output)

    with faults.strained(service, burn, at_most_seconds=BURN_SECONDS * 10 + 30):
        pass
    after = [seconds for _ in range(REQUESTS_AT_REST) if (seconds := ask()) is not None] if ask else []
    return CpuTrial(
        service=service,
        limit_cpus=container.cpus or 0.0,
        machine_cpus=machine,
        used_cpus=usage_of(said[0]),
        rest_p95_seconds=max((_p95(part) for part in (before, after) if part), default=None),
        busy_p95_seconds=_p95(during) if during else None,
        requests=len(during),
    )


def usage_of(said: str) -> float:
    """Processors used on average, from what the script printed.

    Raises:
        StackError: it printed something else.
    """
    used = [int(number) for number in re.findall(r"^used (\d+)$", said, re.MULTILINE)]
    moments = [float(number) for number in re.findall(r"^at ([\d.]+)$", said, re.MULTILINE)]
    if len(used) != 2 or len(moments) != 2 or moments[1] <= moments[0]:  # noqa: PLR2004  # at the begin and at the end
        raise StackError(f"what the container used could not be read inside: {said.strip()[:100] or 'no output'}")
    return round((used[1] - used[0]) / 1e6 / (moments[1] - moments[0]), 3)


def _is_needed(service: str, target: Target, model: StackModel) -> bool:
    """Whether the stack's ordinary request goes through this service."""
    entry = target.entries[0].service if target.entries else service
    return service in {entry, *needs_of(entry, model)}


def _ordinary(
    target: Target, http: HttpClient, *, apart_from: str, model: StackModel
) -> Callable[[], float | None] | None:
    """Asks the stack's ordinary request and tells how long it took; None where the busy container is on its way."""
    if not target.entries:
        return None
    entry = target.entries[0]
    if _is_needed(apart_from, target, model):
        return None

    def ask() -> float | None:
        began = time.monotonic()
        answered = http.send(entry, target.steady_request, timeout_seconds=10.0).status is not None
        return time.monotonic() - began if answered else None

    return ask


class _Meanwhile:
    """Asks again and again in a thread of its own for as long as the block lasts."""

    def __init__(self, ask: Callable[[], float | None] | None, into: list[float]) -> None:
        self._ask, self._into, self._end = ask, into, Event()
        self._thread = Thread(target=self._run, name="readiness busy loops", daemon=True)

    def __enter__(self) -> None:
        if self._ask is not None:
            self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._end.set()
        if self._ask is not None:
            self._thread.join()

    def _run(self) -> None:
        while self._ask is not None and not self._end.wait(0.05):
            if (seconds := self._ask()) is not None:
                self._into.append(seconds)


def _p95(seconds: list[float]) -> float:
    ranked = sorted(seconds)
    return round(ranked[min(len(ranked) - 1, int(len(ranked) * 0.95))], 4)
