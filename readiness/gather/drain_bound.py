"""The service stopped with a request that never becomes whole: does the drain come to an end, and when."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from readiness.check import Impact
from readiness.declared.drain import TIMEOUT_EXAMPLE, drain_of
from readiness.exceptions import ReadinessError, StackError, UnsupportedError
from readiness.facts.drain import Bounded, DrainBound, SecondSignal
from readiness.gather import gatherer
from readiness.gather.drain_asking import (
    HALVES_EXAMPLE,
    LAST_WORDS_SECONDS,
    Open,
    app_entry,
    back,
    ending_of,
    halves,
    headers_for,
    manner_of,
)
from readiness.instruments.client import HttpClient
from readiness.instruments.faults import Faults
from readiness.instruments.held import Held
from readiness.instruments.poller import run_bounded
from readiness.instruments.variants import Variants
from readiness.runtime import Capability, Progress, Stack, Variant
from readiness.target import Entry, Target
from readiness.verdict import Inconclusive

__all__ = ["drain_bound"]

#: A declared timeout beyond this is not waited for.
MAX_TIMEOUT_SECONDS = 65.0
#: What the variable sets: long enough to be told from no drain at all, and from a busy machine.
LOWERED_SECONDS = 4
OPENING_SECONDS = 1.0
#: The late request becomes whole so long before the declared end: a part of it, and never less than its answer takes.
MARGIN_RATIO, MARGIN_SECONDS = 0.15, 2.0
#: The second signal comes so long after the first, and what it does is waited for so long beyond the timeout.
SECOND_SECONDS, WATCHED_SECONDS = 1.0, 3.0
LOOK_SECONDS = 0.05
#: Beyond the grace period: until the engine has killed.
SLACK_SECONDS = 15.0


@gatherer(impact=Impact.DISRUPTS, at_most_seconds=150)
def drain_bound(
    *, target: Target, stack: Stack, http: HttpClient, faults: Faults, variants: Variants, progress: Progress
) -> DrainBound:
    """As deployed, and beside it in a variant with a shorter timeout where a variable sets it."""
    if Capability.STOP not in stack.capabilities:
        raise UnsupportedError(Capability.STOP, runtime=stack.runtime, hint="audit a throw-away stack")
    declared = drain_of(target)
    target.require("drain.timeout_seconds", declared.timeout_seconds, example=TIMEOUT_EXAMPLE)
    timeout = declared.timeout_seconds or 0.0
    entry, wanted = app_entry(target), halves(target, most=1)
    if not wanted:
        raise Inconclusive("no request with a body is declared that could be held", supply=HALVES_EXAMPLE)
    not_done: dict[str, str] = {}
    lowered = _Lowered()
    beside = threading.Thread(
        target=_lowered,
        args=(target, variants, entry, wanted[0]),
        kwargs={"found": lowered, "not_done": not_done},
        name="readiness-lowered",
    )
    beside.start()
    deployed = None
    try:
        if timeout > MAX_TIMEOUT_SECONDS:
            not_done["deployed"] = f"the declared {timeout:g} s are not waited for"
        else:
            progress(f"{target.service} to end with a request that does not", at_most_seconds=timeout + SLACK_SECONDS)
            held = _Outlasting(target, stack, http, entry, wanted[0])
            service = target.service or ""
            most = held.manner.grace_seconds + SLACK_SECONDS + timeout
            late = timeout - max(MARGIN_SECONDS, MARGIN_RATIO * timeout)
            with held.opened(late=late), faults.stopped(service, at_most_seconds=most + 30):
                deployed = held.result(timeout)
            back(target, http, entry)
    finally:
        # A variant has to be closed by whoever opened it.
        beside.join()
    return DrainBound(
        has_engine=Capability.INSPECT in stack.capabilities,
        deployed=deployed,
        lowered=lowered.bounded,
        second=lowered.second,
        variable=declared.env,
        not_done=not_done,
    )


@dataclass(kw_only=True)
class _Lowered:
    """What was found with the shorter timeout."""

    bounded: Bounded | None = None
    second: SecondSignal | None = None


def _lowered(
    target: Target, variants: Variants, entry: Entry, wanted: Open, *, found: _Lowered, not_done: dict[str, str]
) -> None:
    """The same in a variant; what goes wrong is told, never raised."""
    declared = drain_of(target)
    if not declared.env:
        not_done["lowered"] = "no variable is declared that sets the timeout"
        return
    if declared.timeout_seconds is not None and declared.timeout_seconds <= 2 * LOWERED_SECONDS:
        not_done["lowered"] = f"the declared {declared.timeout_seconds:g} s are too short to be told from others"
        return
    environment = {target.service or "": {declared.env: str(LOWERED_SECONDS)}}
    try:
        with variants(Variant(name="draining", environment=environment)) as stack, HttpClient(stack) as http:
            held = _Outlasting(target, stack, http, entry, wanted)
            with held.opened(late=None):
                stack.stop(target.service or "")
                found.bounded = held.result(float(LOWERED_SECONDS))
            found.second = _second(target, stack, http, entry, wanted)
    except (ReadinessError, Inconclusive) as reason:
        not_done["second" if found.bounded else "lowered"] = str(reason)[:300]


def _second(target: Target, stack: Stack, http: HttpClient, entry: Entry, wanted: Open) -> SecondSignal:
    """The same service started again, and asked twice to end; nobody kills it."""
    service = target.service or ""
    stack.start(service)
    if not back(target, http, entry):
        raise Inconclusive(f"{service} did not become ready again")
    held = _Outlasting(target, stack, http, entry, wanted)
    with held.opened(late=None):
        stack.signal(service, held.manner.signal)
        time.sleep(SECOND_SECONDS)
        sent = held.since_signal()
        if stack.state(service).is_running:
            # It may have ended just now.
            with contextlib.suppress(StackError):
                stack.signal(service, held.manner.signal)
        sent_by = held.since_signal()
        while stack.state(service).is_running and held.since_signal() < sent + LOWERED_SECONDS + WATCHED_SECONDS:
            time.sleep(LOOK_SECONDS)
        told = held.result(float(LOWERED_SECONDS), is_killed_later=False)
    return SecondSignal(
        timeout_seconds=told.timeout_seconds,
        sent_seconds=round(sent, 3),
        sent_by_seconds=round(sent_by, 3),
        ending=told.ending,
        held=told.held,
    )


@dataclass(kw_only=True)
class _Clock:
    """The moment of the signal, by both clocks."""

    monotonic: float = 0.0
    unix: float = 0.0


class _Outlasting:
    """One stop with one request that is never finished, and maybe one that is finished late."""

    def __init__(self, target: Target, stack: Stack, http: HttpClient, entry: Entry, wanted: Open) -> None:
        self._stack, self.manner = stack, manner_of(target, stack)
        headers, problem = headers_for(target, stack, http, entry, requests=[wanted.request], purpose="drain-bound")
        if problem:
            raise Inconclusive(problem)
        self._held, self._late = (self._of(entry, wanted, headers) for _ in range(2))
        self._has_late = False
        self._clock = _Clock()

    def _of(self, entry: Entry, wanted: Open, headers: Mapping[str, str]) -> Held:
        return Held(self._stack, entry, wanted.request, kind=wanted.kind, headers=headers, name=wanted.name)

    @contextlib.contextmanager
    def opened(self, *, late: float | None) -> Iterator[None]:
        """Both requests open; the block begins with the signal, and ``late`` seconds later one becomes whole."""
        self._has_late = late is not None
        most = self.manner.grace_seconds + SLACK_SECONDS + OPENING_SECONDS
        ended = threading.Event()
        work = threading.Thread(target=self._work, args=(late, most, ended.is_set), name="readiness-held", daemon=True)
        work.start()
        time.sleep(OPENING_SECONDS)
        self._clock.monotonic, self._clock.unix = time.monotonic(), time.time()
        try:
            yield
        finally:
            ended.set()
            work.join(5.0)

    def _work(self, late: float | None, most: float, is_over: Callable[[], bool]) -> None:
        async def hold() -> None:
            tasks = [asyncio.create_task(self._held.run(timeout_seconds=most))]
            if late is not None:
                tasks.append(asyncio.create_task(self._late.run(timeout_seconds=most)))
                await asyncio.sleep(OPENING_SECONDS + late)
                self._late.release()
            while not is_over() and not all(task.done() for task in tasks):  # noqa: ASYNC110  # another thread tells
                await asyncio.sleep(0.05)
            await asyncio.wait(tasks, timeout=LAST_WORDS_SECONDS)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        with contextlib.suppress(TimeoutError):
            run_bounded(hold(), at_most_seconds=most + 10)

    def since_signal(self) -> float:
        """Seconds since the block began."""
        return time.monotonic() - self._clock.monotonic

    def result(self, timeout: float, *, is_killed_later: bool = True) -> Bounded:
        """To be asked when the service has stopped; ``is_killed_later``: whether an engine does it in the end."""
        watched = self.since_signal()
        deadline = time.monotonic() + 1.0
        while self._held.reply is None and time.monotonic() < deadline:
            time.sleep(0.02)
        ending = ending_of(
            self._stack, self.manner, zero_unix=self._clock.unix, watched=watched, is_killed_later=is_killed_later
        )
        zero = self._clock.monotonic
        late = self._late.tracked(zero) if self._has_late else None
        return Bounded(timeout_seconds=timeout, ending=ending, held=self._held.tracked(zero), late=late)
