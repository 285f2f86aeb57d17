"""The service to which numbers are pushed, frozen for a moment, while requests that need nothing of it go on."""

from __future__ import annotations

import time
from collections.abc import Iterator

from readiness.check import Impact
from readiness.declared.metrics import metrics_of
from readiness.facts.sinks import SinkPause, Timed
from readiness.gather import gatherer
from readiness.instruments.client import HttpClient
from readiness.instruments.faults import Faults
from readiness.runtime import Capability, Stack
from readiness.target import Entry, Request, Role, Target

__all__ = ["sink_pause"]

#: As many before as during: enough for a 95th percentile that one hiccup does not make.
REQUESTS = 20
#: A client's patience, and how long the sink is frozen at most.
TIMEOUT_SECONDS, FROZEN_SECONDS = 4.0, 6.0


@gatherer(impact=Impact.DISRUPTS, at_most_seconds=40)
def sink_pause(target: Target, stack: Stack, http: HttpClient, faults: Faults) -> SinkPause:
    """Times of an unrelated request at rest, and while the declared sink of metrics hangs."""
    declared = metrics_of(target)
    unrelated = Request(path=declared.unrelated) if declared.unrelated else target.paths.static
    if not declared.sink or unrelated is None or not target.entries:
        return SinkPause(sink=declared.sink, not_done="no sink, or no path that needs nothing of it, is declared")
    if declared.sink not in stack.services:
        return SinkPause(sink=declared.sink, not_done=f"{declared.sink} is no service of this stack")
    if Capability.PAUSE not in stack.capabilities:
        return SinkPause(sink=declared.sink, not_done=f"needs a pause, which the {stack.runtime} runtime cannot do")
    proxies = target.services_of(Role.PROXY)
    entry = next((e for e in target.entries if e.service not in proxies), target.entries[0])
    before = tuple(_times(http, entry, unrelated, seconds=FROZEN_SECONDS))
    with faults.paused(declared.sink, at_most_seconds=FROZEN_SECONDS + TIMEOUT_SECONDS + 20):
        during = tuple(_times(http, entry, unrelated, seconds=FROZEN_SECONDS))
    return SinkPause(sink=declared.sink, path=unrelated.path, entry=entry.name, before=before, during=during)


def _times(http: HttpClient, entry: Entry, request: Request, *, seconds: float) -> Iterator[Timed]:
    """One after the other; ends early where they take too long to be waited for."""
    deadline = time.monotonic() + seconds
    for _ in range(REQUESTS):
        answer = http.send(entry, request, timeout_seconds=TIMEOUT_SECONDS)
        yield Timed(status=answer.status, seconds=round(answer.seconds, 4))
        if time.monotonic() >= deadline:
            return
