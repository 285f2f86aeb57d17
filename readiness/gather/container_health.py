"""Every health check's own command, at rest, while all processes of its container are stuck, and afterwards.

A paused container runs no health checks, so the processes are stopped by signals past the engine. All of them: a master
that is stuck alone lets its workers serve on, and a check that stays green is then right. Services that do not need each
other are stuck at once; one that is needed is stuck in a round of its own, or its users' checks would turn red for it.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from readiness.check import Impact
from readiness.exceptions import GatherError, StackError, UnsupportedError
from readiness.facts.container_trials import HealthTrial, HealthTrials
from readiness.facts.containers import Container
from readiness.facts.model import HealthCheck, StackModel
from readiness.gather import gatherer
from readiness.gather.container_wells import Wells, require_containers, run_health_check, running
from readiness.instruments.faults import Faults
from readiness.runtime import Capability, Progress, Runtime, Stack

__all__ = ["bound_seconds", "needs_of", "rounds_of", "try_round"]

#: A check that has not noticed by then is not waited for, whatever its interval: the trial then says what was watched.
MOST_SECONDS = 120.0
RECOVERY_SECONDS = 60.0
#: Between two runs while stuck.
EVERY_SECONDS = 1.5
#: Of all rounds together; the rest is not tried.
ALL_SECONDS = 240.0


@gatherer(impact=Impact.DISRUPTS, at_most_seconds=ALL_SECONDS + MOST_SECONDS)
def container_health(*, stack: Stack, runtime: Runtime, faults: Faults, progress: Progress) -> HealthTrials:
    """Whether each container's health check notices that its container does nothing any more."""
    require_containers(stack, Capability.CRASH, Capability.EXEC)
    checked = {name: container for name, container in running(stack).items() if container.health_check is not None}
    trials: list[HealthTrial] = []
    began = time.monotonic()
    for services in rounds_of(tuple(checked), runtime.model()):
        containers = [checked[service] for service in services]
        if time.monotonic() - began > ALL_SECONDS:
            trials += [replace(_trial(c), problem="the other health checks had used up the time") for c in containers]
            continue
        progress(f"health checks while {' and '.join(services)} do nothing", at_most_seconds=MOST_SECONDS)
        trials += try_round(containers, stack=stack, faults=faults)
    return HealthTrials(trials=tuple(trials))


def bound_seconds(check: HealthCheck) -> float:
    """After how long the engine says unhealthy: so many runs in a row, each at most this late and this long."""
    return (check.interval_seconds + check.timeout_seconds) * check.retries


def rounds_of(services: Sequence[str], model: StackModel) -> list[tuple[str, ...]]:
    """The services in as few rounds as the model allows: no two of a round need each other, directly or not."""
    needs = {service: needs_of(service, model) for service in services}
    rounds: list[list[str]] = []
    for service in services:
        for members in rounds:
            if not any(other in needs[service] or service in needs[other] for other in members):
                members.append(service)
                break
        else:
            rounds.append([service])
    return [tuple(members) for members in rounds]


def needs_of(service: str, model: StackModel) -> set[str]:
    """What a service waits for or names in its variables, and what those need."""
    found: set[str] = set()
    waiting = [service]
    while waiting:
        declared = model.services.get(waiting.pop())
        named = {*declared.depends_on, *declared.urls} if declared else set()
        waiting += named - found
        found |= named
    return found - {service}


def _trial(container: Container) -> HealthTrial:
    check = container.health_check
    assert check is not None  # noqa: S101  # only such containers are tried; tells the type checker
    words = check.test[0] if check.is_shell else " ".join(check.test)
    return HealthTrial(service=container.service, test=words[:300], bound_seconds=bound_seconds(check))


def try_round(containers: Sequence[Container], *, stack: Stack, faults: Faults) -> list[HealthTrial]:
    """All of these stuck at once, until every check has noticed or had its time.

    Raises:
        UnsupportedError: this engine does not let us.
    """
    trials = {container.service: _trial(container) for container in containers}
    checks = {c.service: c.health_check for c in containers if c.health_check is not None}
    for service, check in checks.items():
        trials[service] = _at_rest(trials[service], check, stack)
    usable = [service for service, trial in trials.items() if trial.before and trial.before.is_green]
    if not usable:
        return list(trials.values())
    starts = {service: stack.state(service).started_at for service in usable}
    at_most = max(min(trials[service].bound_seconds, MOST_SECONDS) for service in usable)
    try:
        with faults.stuck_all(*usable, at_most_seconds=at_most + 60) as fault:
            trials |= _while_stuck({s: trials[s] for s in usable}, checks, stack=stack, zero=fault.applied_at)
    except UnsupportedError:
        raise
    except (StackError, GatherError) as error:
        return [replace(t, problem=str(error)[:300]) if t.service in usable else t for t in trials.values()]
    for service in usable:
        wells = Wells(stack=stack, service=service, check=checks[service], since=time.monotonic())
        wells.wait(
            at_most_seconds=RECOVERY_SECONDS, is_back=lambda status, _: status == "running", is_lost=lambda _: False
        )
        is_restarted = stack.state(service).started_at != starts[service]
        trials[service] = replace(trials[service], after=wells.last, is_restarted=is_restarted)
    return list(trials.values())


def _at_rest(trial: HealthTrial, check: HealthCheck, stack: Stack) -> HealthTrial:
    """A second try: a busy machine may be late once."""
    for _ in range(2):
        try:
            trial = replace(trial, before=run_health_check(stack, trial.service, check), problem="")
        except StackError as error:
            trial = replace(trial, problem=f"its command could not be run: {error}"[:300])
        if trial.before is not None and trial.before.is_green:
            break
    return trial


def _while_stuck(
    trials: Mapping[str, HealthTrial], checks: Mapping[str, HealthCheck], *, stack: Stack, zero: float
) -> dict[str, HealthTrial]:
    """Run every command again and again until it is red, or its time is over; all at once, for each may hang."""
    with ThreadPoolExecutor(max_workers=len(trials)) as pool:
        watched = {s: pool.submit(_watch, trial, checks[s], stack, zero) for s, trial in trials.items()}
        return {service: future.result() for service, future in watched.items()}


def _watch(trial: HealthTrial, check: HealthCheck, stack: Stack, zero: float) -> HealthTrial:
    while True:
        try:
            run = run_health_check(stack, trial.service, check)
        except StackError as error:
            return replace(trial, problem=str(error)[:300])
        seconds = round(time.monotonic() - zero, 3)
        trial = replace(trial, stuck=run, red=None if run.is_green else run, watched_seconds=seconds)
        if trial.red is not None or seconds >= min(trial.bound_seconds, MOST_SECONDS):
            return trial
        time.sleep(EVERY_SECONDS)
