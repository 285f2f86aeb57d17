"""The main process of every container killed at the same moment, as when the machine loses its power.

A reboot of the machine that audits is out of the question, and an engine's restart is its other users' outage. What a
reboot does to a stack is done to it without one: everything ends at once and uncleanly, and the engine starts again,
by its policies alone, what is to run: all at the same time, without the order that ``depends_on`` gives to ``up``.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from readiness.check import Impact
from readiness.exceptions import StackError
from readiness.facts.container_trials import Crash
from readiness.facts.containers import Container
from readiness.facts.everything_ended import EverythingEnded
from readiness.facts.model import HealthCheck
from readiness.gather import gatherer
from readiness.gather.container_serving import serving
from readiness.gather.container_wells import Wells, require_containers, run_health_check, running
from readiness.instruments.client import HttpClient
from readiness.instruments.faults import Faults
from readiness.instruments.this_machine import load_per_cpu
from readiness.runtime import Capability, Progress, Stack
from readiness.target import Target

__all__ = ["end_everything"]

#: Twice what a single crash may take (ledger, compose.restart_on_crash: 60 s): everybody waits for somebody here.
WATCH_SECONDS = 120.0
SERVING_SECONDS = 30.0
MOST_SERVICES = 24
LOG_CHARS = 500


@gatherer(impact=Impact.DISRUPTS, at_most_seconds=240)
def everything_ended(
    *, target: Target, stack: Stack, http: HttpClient, faults: Faults, progress: Progress
) -> EverythingEnded:
    """Whether each container comes back by its own policy when nothing that it needs is there, and the stack serves."""
    require_containers(stack, Capability.CRASH)
    found = dict(list(running(stack).items())[:MOST_SERVICES])
    progress("everything to come back after all of it ended at once", at_most_seconds=WATCH_SECONDS)
    return end_everything(found, target=target, stack=stack, http=http, faults=faults)


def end_everything(
    found: dict[str, Container], *, target: Target, stack: Stack, http: HttpClient, faults: Faults
) -> EverythingEnded:
    """Kill these, and see what becomes of each.

    Raises:
        StackError: they could not all be killed.
    """
    # A check that is never green would not tell when its container is well.
    checks = {
        service: container.health_check
        for service, container in found.items()
        if container.health_check is not None and run_health_check(stack, service, container.health_check).is_green
    }
    before = {service: stack.state(service).started_at for service in found}
    was_serving = serving(target, http, time.monotonic(), at_most_seconds=5.0) is not None
    began = time.monotonic()
    with faults.crashed_all(*found, at_most_seconds=WATCH_SECONDS + SERVING_SECONDS + 30) as fault:
        zero = fault.applied_at
        with ThreadPoolExecutor(max_workers=max(1, len(found))) as pool:
            # All at once: one that never comes back must not take the others' time.
            watched = [
                pool.submit(_watched, stack, container, checks.get(service), before[service], zero)
                for service, container in found.items()
            ]
            crashes = [each.result() for each in watched]
        is_all_well = all(crash.well_seconds is not None for crash in crashes)
        served = serving(target, http, zero, at_most_seconds=SERVING_SECONDS) if was_serving and is_all_well else None
        seconds = time.monotonic() - zero
    return EverythingEnded(
        crashes=tuple(crashes),
        spread_seconds=round(zero - began, 3),
        was_serving=was_serving,
        serving_seconds=served,
        watched_seconds=round(seconds, 1),
        load_per_cpu=load_per_cpu(),
    )


def _is_back(before: str, status: str, started: str) -> bool:
    return status == "running" and started != before


def _is_lost(policy: str, status: str) -> bool:
    return status in {"exited", "dead"} and policy == "no"


def _watched(stack: Stack, container: Container, check: HealthCheck | None, before: str, zero: float) -> Crash:
    wells = Wells(stack=stack, service=container.service, check=check, since=zero)
    well = wells.wait(
        at_most_seconds=WATCH_SECONDS,
        is_back=partial(_is_back, before),
        is_lost=partial(_is_lost, container.restart),
    )
    return _crash(stack, container, wells, well)


def _crash(stack: Stack, container: Container, wells: Wells, well: float | None) -> Crash:
    service = container.service
    problem, log, state = "", "", None
    try:
        state = stack.state(service)
        log = "" if well is not None else stack.logs(service, tail=5)[-LOG_CHARS:]
    except StackError as error:
        problem = str(error)[:300]
    health = f", {state.health}" if state is not None and state.health is not None and well is None else ""
    return Crash(
        service=service,
        restart=container.restart,
        has_health_check=wells.check is not None,
        back_seconds=wells.back_seconds,
        well_seconds=well,
        watched_seconds=round(time.monotonic() - wells.since, 1),
        status=f"{state.status}{health}" if state is not None else "",
        exit_code=state.exit_code if state is not None else None,
        log=log,
        problem=problem,
    )
