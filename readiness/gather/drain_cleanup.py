"""The service stopped while its cache is away: one step of its shutdown cannot work."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from readiness.check import Impact
from readiness.exceptions import UnsupportedError
from readiness.facts.drain import DrainCleanup
from readiness.gather import gatherer
from readiness.gather.drain_asking import (
    LOG_LINES,
    SessionCount,
    app_entry,
    asked_quickly,
    back,
    ending_of,
    manner_of,
)
from readiness.instruments.client import HttpClient
from readiness.instruments.faults import Faults
from readiness.runtime import Capability, Progress, Stack
from readiness.target import Role, Target

__all__ = ["drain_cleanup"]

#: Ordinary requests before, so that there is something to clean up.
REQUESTS = 5
SETTLED_SECONDS = 1.0
SLACK_SECONDS = 60.0


@gatherer(impact=Impact.DISRUPTS, at_most_seconds=80)
def drain_cleanup(target: Target, stack: Stack, http: HttpClient, faults: Faults, progress: Progress) -> DrainCleanup:
    """Redis stopped, a few requests, then the engine's own stop of the service."""
    if Capability.STOP not in stack.capabilities:
        raise UnsupportedError(Capability.STOP, runtime=stack.runtime, hint="audit a throw-away stack")
    stores = target.services_of(Role.REDIS)
    if not stores:
        return DrainCleanup()
    entry, manner, sessions = app_entry(target), manner_of(target, stack), SessionCount(target, stack)
    most = manner.grace_seconds + SLACK_SECONDS
    progress(f"{manner.service} to stop without {stores[0]}", at_most_seconds=most)
    sessions.look()
    for _ in range(REQUESTS):
        http.send(entry, target.steady_request, timeout_seconds=5.0)
    with faults.stopped(stores[0], at_most_seconds=most + 60) as away:
        for request in (target.steady_request, asked_quickly(target, entry)):
            http.send(entry, request, timeout_seconds=5.0)
        if not stack.state(manner.service).is_running:
            return DrainCleanup(store=stores[0], problem=f"{manner.service} ends by itself without {stores[0]}")
        sessions.look()
        zero, zero_unix = time.monotonic(), time.time()
        with faults.stopped(manner.service, at_most_seconds=most):
            watched = time.monotonic() - zero
            time.sleep(SETTLED_SECONDS)
            sessions.look()
            ending = ending_of(stack, manner, zero_unix=zero_unix, watched=watched, is_killed_later=True)
            moment = datetime.fromtimestamp(zero_unix - 0.2, UTC)
            log = tuple(stack.logs(manner.service, since=moment, tail=LOG_LINES).splitlines())
            # Its start finds everything there again.
            away.undo()
    back(target, http, entry)
    return DrainCleanup(store=stores[0], ending=ending, sessions=sessions.result(), log=log)
