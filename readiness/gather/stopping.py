"""Stopping services as their engine does, and what gatherers that stop them share."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping

from readiness.exceptions import StackError, UnsupportedError
from readiness.facts.model import StackModel
from readiness.facts.stack_stop import StoppedService
from readiness.runtime import Capability, Stack
from readiness.target import Entry, Target

__all__ = ["inner_entry", "limits_off", "merged", "stop_order", "stop_service", "wait_healthy"]

#: Of a log, for evidence.
LINES, CHARS = 20, 2000
#: The process runtime's own, and the engine's default where a container names none.
GRACE_SECONDS = 10.0
POLL_SECONDS = 0.1
#: 128 + SIGKILL.
KILLED = 137


def inner_entry(target: Target) -> Entry | None:
    """Where the service under audit is asked past any proxy, else where strangers enter."""
    own = (entry for entry in target.entries if entry.service == target.service)
    return next(own, next(iter(target.entries), None))


def limits_off(target: Target) -> dict[str, dict[str, str]]:
    """Service -> variables that switch the declared limiters off, as far as the owner names one."""
    switched: dict[str, dict[str, str]] = {}
    for limit in target.limits:
        service = limit.service or target.service
        if service and "enabled" in limit.env:
            switched.setdefault(service, {})[limit.env["enabled"]] = "false"
    return switched


def merged(*parts: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, str]]:
    """Service -> variables, of all parts together."""
    whole: dict[str, dict[str, str]] = {}
    for part in parts:
        for service, variables in part.items():
            whole[service] = {**whole.get(service, {}), **variables}
    return whole


def stop_order(model: StackModel, services: Iterable[str]) -> tuple[str, ...]:
    """Dependents before what they depend on, as compose stops them; a circle in any order."""
    left = sorted(services)
    order: list[str] = []
    while left:
        needed = {need for name in left if name in model.services for need in model.services[name].depends_on}
        free = [name for name in left if name not in needed] or left
        order += free
        left = [name for name in left if name not in free]
    return tuple(order)


def stop_service(stack: Stack, service: str) -> StoppedService:
    """Stop a service that runs, and say how it ended; trouble is told, not raised."""
    was = ""
    try:
        was = stack.state(service).status
        if was != "running":
            return StoppedService(service=service, was=was, exit_code=stack.state(service).exit_code)
        grace = _grace_seconds(stack, service)
        began = time.monotonic()
        stack.stop(service)
        seconds = time.monotonic() - began
        exit_code, is_oom_killed = _end(stack, service)
        return StoppedService(
            service=service,
            was=was,
            seconds=round(seconds, 2),
            grace_seconds=grace,
            exit_code=exit_code,
            is_oom_killed=is_oom_killed,
            log=_last_lines(stack, service),
        )
    except StackError as error:
        return StoppedService(service=service, was=was, problem=str(error)[:300])


def wait_healthy(stack: Stack, service: str, *, at_most_seconds: float) -> bool:
    """Wait until its own health check passes; at once where it has none, or is no longer running."""
    deadline = time.monotonic() + at_most_seconds
    while True:
        state = stack.state(service)
        if state.health in {None, "healthy"} or not state.is_running:
            return state.is_running
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)


def _end(stack: Stack, service: str) -> tuple[int | None, bool]:
    """Exit code, and whether memory ran out; of several replicas those of one that was killed, where one was."""
    state = stack.state(service)
    if Capability.INSPECT not in stack.capabilities:
        return state.exit_code, state.is_oom_killed
    for each in stack.containers(service):
        if each.exit_code == KILLED or each.is_oom_killed:
            return each.exit_code, each.is_oom_killed
    return state.exit_code, state.is_oom_killed


def _grace_seconds(stack: Stack, service: str) -> float:
    if Capability.INSPECT not in stack.capabilities:
        return GRACE_SECONDS
    return min((each.stop_seconds for each in stack.containers(service)), default=GRACE_SECONDS)


def _last_lines(stack: Stack, service: str) -> str:
    try:
        return "\n".join(stack.logs(service, tail=LINES).splitlines()[-LINES:])[-CHARS:]
    except (StackError, UnsupportedError):
        return ""
