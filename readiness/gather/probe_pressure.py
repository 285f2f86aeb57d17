"""Low disk space and high memory usage, made in a stack of its own and taken back."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from readiness.check import Impact
from readiness.exceptions import StackError, UnsupportedError
from readiness.facts.probes import Phase, Pressure, ResourcePressure
from readiness.gather import gatherer
from readiness.gather.probe_asking import answer_of, ask_of, is_stale_answer, known_secrets, phase_of
from readiness.gather.store_asking import wait_for
from readiness.instruments.poller import Ask, Poller
from readiness.instruments.variants import Variants
from readiness.probes.standing import Standing, standing
from readiness.runtime import Capability, Progress, Runtime, Stack, Variant
from readiness.target import Probe, ProbeKind, Target
from readiness.verdict import Inconclusive

__all__ = ["PressurePeriods", "PressureScenario"]

#: Small enough to be filled at once, large enough for what a service writes there at its start.
DISK_BYTES = 64 * 1024 * 1024
#: Above every threshold in use (85 to 95 %), below what makes the kernel kill something.
DISK_RATIO = 0.99
MEMORY_RATIO = 0.955
#: Of the memory's limit that may be missing at the height: what else runs in the container gives and takes a little.
MEMORY_SLACK = 0.015
#: Taking a few hundred MiB takes a second at rest; a busy machine, or a container with little processor, needs longer.
TAKING_SECONDS = 15.0
#: The kernel ends the process that takes the memory where the service grows at the same moment, so it is tried again.
TAKING_ATTEMPTS = 3
#: Until an ended process has given its memory back, at most.
FREED_SECONDS = 5.0
#: A filled file has a name of its own, so that removing it removes nothing of the owner's.
FILL = ".readiness-fill"


@dataclass(frozen=True, kw_only=True)
class PressurePeriods:
    """How long each phase is watched, in seconds; a declared cache comes on top.

    Attributes:
        before: at rest; ``change``: until the answer changes, at most.
        settled: after the change.
        stale: as long an answer from before the change, by its own time stamp, is waited out.
    """

    before: float = 1.5
    change: float = 8.0
    settled: float = 1.0
    stale: float = 75.0
    interval: float = 0.25


@dataclass(kw_only=True)
class PressureScenario:
    """Uses up one resource of one service, and frees it."""

    stack: Stack
    probe: Probe
    ask: Ask
    progress: Progress
    periods: PressurePeriods

    def run(
        self,
        resource: str,
        service: str,
        *,
        use: Callable[[], float | None],
        free: Callable[[], None],
        see: Callable[[], None] = lambda: None,
    ) -> Pressure:
        """Use, watch, free, watch. ``free`` runs on every way out; ``see`` raises where it was not used up to the end."""
        secrets = known_secrets(self.stack)
        change = self.periods.change + self.probe.cache_seconds
        with Poller((self.ask,), resolve=self.stack.endpoint, interval_seconds=self.periods.interval) as poller:

            def phase(zero: float) -> Phase:
                return phase_of(poller, (self.ask,), stack=self.stack, zero=zero, since=zero, secrets=secrets)

            def says(zero: float, *, yes: bool) -> bool:
                samples = [sample for sample in poller.samples(self.ask.name) if sample.sent >= zero]
                last = samples[-1] if samples else None
                if last is None:
                    return False
                said = standing(self.probe, answer_of(last, zero=zero, secrets={}))
                return (said is Standing.YES) is yes

            def wait(zero: float, *, yes: bool) -> None:
                """Until the answer changes; longer while it is one from before, by its own time stamp."""

                def is_over() -> bool:
                    samples = poller.samples(self.ask.name)
                    return says(zero, yes=yes) or not is_stale_answer(samples[-1], zero=zero)

                poller.wait(lambda: says(zero, yes=yes), at_most_seconds=change)
                poller.wait(is_over, at_most_seconds=self.periods.stale - change)
                poller.wait(lambda: False, at_most_seconds=self.periods.settled)

            zero = time.monotonic()
            poller.wait(lambda: False, at_most_seconds=self.periods.before)
            before = phase(zero)
            self.progress(f"watching {self.ask.url} with little {resource} left", at_most_seconds=2 * change)
            try:
                used = use()
                zero = time.monotonic()
                wait(zero, yes=False)
                under = phase(zero)
                see()
            except StackError as error:
                return Pressure(resource=resource, service=service, before=before, problem=str(error))
            finally:
                free()
            zero = time.monotonic()
            wait(zero, yes=True)
            freed = phase(zero)
        return Pressure(resource=resource, service=service, before=before, used_ratio=used, under=under, freed=freed)


@gatherer(impact=Impact.DISRUPTS, at_most_seconds=190)
def resource_pressure(
    *, target: Target, stack: Stack, variants: Variants, runtime: Runtime, progress: Progress
) -> ResourcePressure:
    """The dependency-aware probe while the disk it watches is full, and while the memory it watches is used."""
    probe = target.probes.get(ProbeKind.BASIC)
    ask = ask_of(target, runtime.model(), probe) if probe is not None else None
    if probe is None or ask is None or not (probe.disk or probe.memory):
        return ResourcePressure()
    if probe.disk and Capability.TMPFS not in stack.capabilities:
        raise UnsupportedError(Capability.TMPFS, runtime=stack.runtime, hint="run with --readiness-runtime=compose")
    if Capability.EXEC not in stack.capabilities:
        raise UnsupportedError(Capability.EXEC, runtime=stack.runtime, hint="run with --readiness-runtime=compose")
    if stack.runtime == "process" and probe.memory:
        # Without a cgroup of its own the service's memory is this machine's.
        raise UnsupportedError(
            "a memory limit around one service", runtime=stack.runtime, hint="run with --readiness-runtime=compose"
        )
    tmpfs: Mapping[str, Mapping[str, int]] = {}
    if probe.disk:
        tmpfs = {_service(target, probe.disk): {probe.disk["path"]: DISK_BYTES}}
    with variants(Variant(name="pressure", tmpfs=tmpfs)) as small:
        scenario = PressureScenario(stack=small, probe=probe, ask=ask, progress=progress, periods=PressurePeriods())
        found = []
        if probe.disk:
            service, path = _service(target, probe.disk), probe.disk["path"]
            found.append(
                scenario.run(
                    "disk",
                    service,
                    use=lambda: fill_disk(small, service, path),
                    free=lambda: free_disk(small, service, path),
                )
            )
        if probe.memory:
            eater = _service(target, probe.memory)
            found.append(
                scenario.run(
                    "memory",
                    eater,
                    use=lambda: use_memory(small, eater),
                    free=lambda: free_memory(small, eater),
                    see=lambda: see_used(small, eater),
                )
            )
    return ResourcePressure(pressures=tuple(found))


def _service(target: Target, declared: Mapping[str, str]) -> str:
    service = declared.get("service") or target.service
    if service is None:
        raise Inconclusive("nobody says whose disk or memory the probe watches", undeclared="service")
    return service


def fill_disk(stack: Stack, service: str, path: str) -> float:
    """Fill the small disk at ``path``; returns how full it then is.

    Raises:
        StackError: it cannot be filled, or ``path`` is not the small disk: nothing is written then.
    """
    size, available = _disk(stack, service, path)
    # The guard against filling a real disk, should the overlay ever not be there.
    if size > 2 * DISK_BYTES:
        raise StackError(f"{path} in {service} is not the small disk that was asked for; not filling {size} bytes")
    amount = max(0, available - int(size * (1 - DISK_RATIO)))
    script = 'head -c "$1" /dev/zero > "$2"'
    done = stack.execute(service, ["sh", "-c", script, "sh", str(amount), f"{path.rstrip('/')}/{FILL}"])
    if done.exit_code != 0:
        raise StackError(f"{path} in {service} cannot be filled: {done.output.strip()[-200:]}")
    size, available = _disk(stack, service, path)
    return round(1 - available / size, 4)


def free_disk(stack: Stack, service: str, path: str) -> None:
    """Take the filling away."""
    stack.execute(service, ["rm", "-f", f"{path.rstrip('/')}/{FILL}"])


def _disk(stack: Stack, service: str, path: str) -> tuple[int, int]:
    """Bytes of the file system at ``path``, and of them available."""
    done = stack.execute(service, ["df", "-P", "-k", path])
    numbers = re.search(r"\s(\d+)\s+(\d+)\s+(\d+)\s+\d+%", done.output)
    if done.exit_code != 0 or numbers is None:
        raise StackError(f"{service} cannot tell how large {path} is: {done.output.strip()[-200:]}")
    return int(numbers.group(1)) * 1024, int(numbers.group(3)) * 1024


_MEMORY = (
    "for d in /sys/fs/cgroup /sys/fs/cgroup/memory; do "
    'for p in "memory.max memory.current" "memory.limit_in_bytes memory.usage_in_bytes"; do set -- $p; '
    '[ -r "$d/$1" ] && [ -r "$d/$2" ] && { cat "$d/$1" "$d/$2" "$d/memory.stat"; exit 0; }; done; done; exit 1'
)
#: A cgroup v1 without a limit names a figure near 2^63.
NO_LIMIT_BYTES = 1 << 60
#: More than this is not taken from a machine that others use too.
MOST_MEMORY_BYTES = 2 * 1024**3


def use_memory(stack: Stack, service: str) -> float:
    """Bring the service's container near its memory limit with a process of ours; returns how full it then is.

    Raises:
        StackError: there is no limit to come near to, or the memory could not be taken.
    """
    for _ in range(TAKING_ATTEMPTS):
        limit, before = _memory(stack, service)
        amount = int(limit * MEMORY_RATIO) - before
        if amount > MOST_MEMORY_BYTES:
            raise StackError(
                f"{service} would need {amount} bytes more to come near its limit; too much for this machine"
            )
        if amount > 0:
            # tail keeps what has no line end until its input ends; the sleep keeps the input open.
            script = '( (head -c "$1" /dev/zero; exec sleep 9417) | exec tail -c "$1" ) >/dev/null 2>&1 &'
            stack.execute(service, ["sh", "-c", script, "sh", str(amount)])
        wait_for(lambda: _is_used_up(*_memory(stack, service)), at_most_seconds=TAKING_SECONDS)
        limit, usage = _memory(stack, service)
        if _is_used_up(limit, usage):
            return round(usage / limit, 4)
        free_memory(stack, service)
        # What is ended gives its memory back a moment later; until then the next attempt would take too little, or too much.
        rest = before + int(limit * MEMORY_SLACK)
        wait_for(partial(_is_freed, stack, service, rest), at_most_seconds=FREED_SECONDS)
    raise StackError(
        f"the memory of {service} could be used to {usage / limit:.1%} only, in {TAKING_ATTEMPTS} attempts"
    )


def _is_freed(stack: Stack, service: str, rest: int) -> bool:
    _, usage = _memory(stack, service)
    return usage <= rest


def see_used(stack: Stack, service: str) -> None:
    """See that the memory is used up: the kernel may have ended what used it.

    Raises:
        StackError: it is not any more.
    """
    limit, usage = _memory(stack, service)
    if not _is_used_up(limit, usage):
        raise StackError(
            f"the memory of {service} did not stay used up: {usage / limit:.1%} when it was looked at last"
        )


def _is_used_up(limit: int, usage: int) -> bool:
    return usage >= limit * (MEMORY_RATIO - MEMORY_SLACK)


def free_memory(stack: Stack, service: str) -> None:
    """End what :func:`use_memory` started: without the sleep its pipe ends, and with the pipe the tail."""
    script = (
        "for c in /proc/[0-9]*/cmdline; do "
        'case "$(tr "\\0" " " < "$c" 2>/dev/null)" in "sleep 9417 "*) p=${c#/proc/}; kill "${p%/cmdline}";; esac; '
        "done; true"
    )
    stack.execute(service, ["sh", "-c", script])


def _memory(stack: Stack, service: str) -> tuple[int, int]:
    done = stack.execute(service, ["sh", "-c", _MEMORY])
    words = done.output.split()
    if done.exit_code != 0 or len(words) < 2 or not words[1].isdigit():  # noqa: PLR2004  # limit and usage
        raise StackError(f"{service} cannot tell how much memory it has")
    if not words[0].isdigit() or int(words[0]) > NO_LIMIT_BYTES:
        raise StackError(f"{service} has no memory limit, so high memory usage cannot be made safely")
    # Page cache that the kernel drops first is not usage, as in the kubelet's working set.
    found = dict(re.findall(r"^(total_inactive_file|inactive_file) (\d+)$", done.output, re.MULTILINE))
    cache = int(found.get("total_inactive_file") or found.get("inactive_file") or 0)
    return int(words[0]), max(0, int(words[1]) - cache)
