"""Requests that can be told apart, and every line that a service logs of them."""

from __future__ import annotations

import dataclasses
import datetime as dt
import time
from collections.abc import Callable

from readiness.check import Impact
from readiness.declared.logs import logs_of
from readiness.exceptions import StackError, UnsupportedError
from readiness.facts.logs import RequestLogs
from readiness.gather import gatherer
from readiness.gather.log_asking import Asking, Canaries
from readiness.gather.log_reading import (
    addresses_of,
    files_of,
    leaks_in,
    lines_naming,
    services_of,
    sorted_out,
    without,
)
from readiness.gather.own_user import own_user
from readiness.instruments.client import HttpClient
from readiness.instruments.identity import Identity
from readiness.runtime import Capability, Progress, Stack
from readiness.target import Role, Target
from readiness.verdict import Inconclusive

__all__ = ["collect", "request_logs"]

#: How long a line may take from the service to where logs are read; buffered loggers write at least this often.
WAIT_SECONDS = 6.0
POLL_SECONDS = 0.25
#: A job's time where none is declared.
JOB_SECONDS = 10.0
#: The whole of what these requests cause, many times over.
MAX_LINES = 20_000


@gatherer(impact=Impact.OBSERVES, at_most_seconds=90)
def request_logs(target: Target, stack: Stack, http: HttpClient, progress: Progress) -> RequestLogs:
    """Marked requests of a user of its own, their answers' ids, and the log lines about them.

    What may do harm (oversized ids, control characters, errors on purpose) goes to throw-away copies alone.
    """
    return collect(target, stack, http, progress)


def collect(
    target: Target, stack: Stack, http: HttpClient, progress: Progress, *, sleep: Callable[[float], None] = time.sleep
) -> RequestLogs:
    """Ask, wait for the log, read it. ``sleep`` waits between two looks at the log.

    Raises:
        Inconclusive: there is no entry to ask through.
    """
    if not target.entries:
        raise Inconclusive("there is no entry to ask through", undeclared="entry")
    began = dt.datetime.now(dt.UTC)
    not_done: dict[str, str] = {}
    identity = Identity(name="anonymous")
    try:
        identity = own_user(target, stack, http, "logs")
    except Inconclusive as reason:
        not_done["login"] = reason.reason
    canaries = Canaries()
    asking = Asking(target=target, stack=stack, identity=identity, canaries=canaries, not_done=not_done)
    progress("sending requests that the log should know", at_most_seconds=30.0)
    asking.run()
    services, workers = services_of(target, stack)
    fact = RequestLogs(
        header=asking.header,
        asked=tuple(asking.asked),
        services=services,
        workers=workers,
        canaries=tuple(canaries.by_kind),
        source_address=asking.source,
        not_done=not_done,
    )
    if Capability.LOGS not in stack.capabilities:
        fact = dataclasses.replace(fact, no_logs=f"the {stack.runtime} runtime cannot read logs")
    elif not services:
        fact = dataclasses.replace(fact, no_logs="no service is known whose log could be read")
    else:
        progress("the log lines of these requests", at_most_seconds=WAIT_SECONDS)
        fact = _with_lines(fact, asking, began, sleep)
    asking.send_burst()
    return dataclasses.replace(fact, burst=asking.burst)


def _with_lines(fact: RequestLogs, asking: Asking, began: dt.datetime, sleep: Callable[[float], None]) -> RequestLogs:
    """The fact with what the logs say of its requests, and of the secrets that they carried."""
    target, stack = asking.target, asking.stack
    texts = _texts(stack, began, fact, asking.job_seconds, sleep)
    files = files_of(logs_of(target).files, stack)
    secrets = {**asking.canaries.by_kind, **asking.tokens}
    everywhere = dict(texts)
    for service in stack.services:
        if service not in everywhere:
            everywhere.update(_read(stack, service, began))
    proxies = target.services_of(Role.PROXY)
    doors = {*proxies, *(entry.service for entry in target.entries)}
    seen_by = {entry.service for entry in target.entries for a in fact.of("canary") if a.entry == entry.name}
    return dataclasses.replace(
        sorted_out(fact, texts, secrets, logs_of(target).fields),
        proxy_lines=lines_naming(fact, {name: everywhere[name] for name in proxies if name in everywhere}, secrets),
        files=tuple(without(file, secrets) for file in files),
        leaks=leaks_in(everywhere, files, secrets),
        # Of a proxy through which no secret went, the log proves nothing.
        searched=tuple(name for name in everywhere if name not in doors or name in seen_by),
        proxy_addresses=tuple(a for s in proxies for a in addresses_of(stack, s)),
    )


def _texts(
    stack: Stack,
    began: dt.datetime,
    fact: RequestLogs,
    job_seconds: float,
    sleep: Callable[[float], None],
) -> dict[str, str]:
    """The logs since ``began``, as soon as they know every marker, and the workers' every job; at the latest in time."""
    # An inbound id that the server itself refuses to parse reaches nobody who could log it.
    named = (asked for asked in fact.asked if asked.marker and asked.status is not None)
    markers = {asked.marker for asked in named if asked.purpose != "inbound" or asked.ids}
    jobs = {asked.ids[0] for asked in fact.of("job") if asked.ids}
    deadline = time.monotonic() + max(WAIT_SECONDS, min(job_seconds, JOB_SECONDS) if jobs else 0.0)
    while True:
        texts = {name: text for service in fact.services for name, text in _read(stack, service, began).items()}
        everything = "\n".join(texts.values())
        worked = "\n".join(texts.get(worker, "") for worker in fact.workers)
        is_there = all(marker in everything for marker in markers) and all(
            job in worked for job in jobs if fact.workers
        )
        if is_there or time.monotonic() >= deadline:
            return texts
        sleep(POLL_SECONDS)


def _read(stack: Stack, service: str, since: dt.datetime) -> dict[str, str]:
    """The log of one service, or nothing where it cannot be read."""
    try:
        return {service: stack.logs(service, since=since, tail=MAX_LINES)}
    except (StackError, UnsupportedError):
        return {}
