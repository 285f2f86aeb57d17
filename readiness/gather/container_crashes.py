"""The main process of every container killed as in a crash, one service after the other."""

from __future__ import annotations

import time

from readiness.check import Impact
from readiness.exceptions import GatherError, StackError, UnsupportedError
from readiness.facts.container_trials import ContainerCrashes, Crash
from readiness.facts.containers import Container
from readiness.gather import gatherer
from readiness.gather.container_serving import serving
from readiness.gather.container_wells import WATCH_SECONDS, Wells, require_containers, run_health_check, running
from readiness.instruments.client import HttpClient
from readiness.instruments.faults import Faults
from readiness.instruments.this_machine import load_per_cpu
from readiness.runtime import Capability, Progress, Stack
from readiness.target import Target

__all__ = ["crash_of"]

SERVING_SECONDS = 30.0
#: More services than this are not crashed in one run.
MOST_SERVICES = 12
LOG_CHARS = 500


@gatherer(impact=Impact.DISRUPTS, at_most_seconds=300)
def container_crashes(
    *, target: Target, stack: Stack, http: HttpClient, faults: Faults, progress: Progress
) -> ContainerCrashes:
    """Whether each container comes back by its own policy, is well, and the stack serves again."""
    require_containers(stack, Capability.CRASH)
    crashes: list[Crash] = []
    not_done: dict[str, str] = {}
    found = running(stack)
    for service in stack.services:
        if service not in found:
            not_done[service] = "its main process does not run, so it cannot be killed"
        elif len(crashes) >= MOST_SERVICES:
            not_done[service] = f"no more than {MOST_SERVICES} services are crashed in one run"
        else:
            progress(f"{service} to come back after a crash", at_most_seconds=WATCH_SECONDS)
            crashes.append(crash_of(found[service], target=target, stack=stack, http=http, faults=faults))
    return ContainerCrashes(crashes=tuple(crashes), not_done=not_done, load_per_cpu=load_per_cpu())


def crash_of(container: Container, *, target: Target, stack: Stack, http: HttpClient, faults: Faults) -> Crash:
    """Kill one main process, and see what becomes of its service.

    Raises:
        UnsupportedError: this engine does not let us; the next service would not be killed either.
    """
    service, check = container.service, container.health_check
    crash = Crash(service=service, restart=container.restart, has_health_check=check is not None)
    try:
        if check is not None and not run_health_check(stack, service, check).is_green:
            # A check that is never green would not tell when the container is well.
            check = None
        before = stack.state(service).started_at
        serves = serving(target, http, time.monotonic(), at_most_seconds=5.0) is not None
        with faults.crashed(service, at_most_seconds=WATCH_SECONDS + SERVING_SECONDS + 30) as fault:
            zero = fault.applied_at
            wells = Wells(stack=stack, service=service, check=check, since=zero)
            well = wells.wait(
                at_most_seconds=WATCH_SECONDS,
                is_back=lambda status, started: status == "running" and started != before,
                is_lost=lambda status: status in {"exited", "dead"} and container.restart == "no",
            )
            # Where nothing was served before either, this crash is not to blame.
            is_asked = well is not None and serves
            served = serving(target, http, zero, at_most_seconds=SERVING_SECONDS) if is_asked else well
            state = stack.state(service)
            watched = time.monotonic() - zero
            log = "" if well is not None else stack.logs(service, tail=5)[-LOG_CHARS:]
        return Crash(
            service=service,
            restart=container.restart,
            has_health_check=check is not None,
            back_seconds=wells.back_seconds,
            well_seconds=well,
            serving_seconds=served,
            watched_seconds=round(watched, 1),
            status=state.status if well is None or state.health is None else f"{state.status}, {state.health}",
            exit_code=state.exit_code,
            log=log,
        )
    except UnsupportedError:
        raise
    except (StackError, GatherError) as error:
        return Crash(**{**vars(crash), "problem": str(error)[:300]})
