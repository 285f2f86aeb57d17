"""A stack of its own, to provoke errors in: exceptions, bad requests, a body limit that was configured."""

from __future__ import annotations

import contextlib
import dataclasses
import time

from readiness.check import Impact
from readiness.declared.validation import validation_of
from readiness.exceptions import StackError
from readiness.facts.errors import ErrorRun
from readiness.facts.http import StatusClass
from readiness.facts.validation import BodyTrial
from readiness.failures.shape import is_good
from readiness.gather import gatherer
from readiness.gather.bad_input_sending import BadInputSender, without_bodies
from readiness.gather.error_asking import ErrorAsker
from readiness.gather.input_limits import BodyLab, app_entry, good_request, require_write
from readiness.gather.provoking import Provoker
from readiness.instruments.client import HttpClient
from readiness.instruments.variants import Variants
from readiness.runtime import Capability, Progress, Stack, Variant
from readiness.target import Target

__all__ = ["collect", "settings_of"]

#: More than the run sends in a minute.
LIMIT_REQUESTS = 100_000
RESTART_SECONDS = 30.0


@gatherer(impact=Impact.DISRUPTS, at_most_seconds=180)
def error_run(target: Target, stack: Stack, variants: Variants, progress: Progress) -> ErrorRun:
    """Unhandled exceptions with good requests between them, then bad requests to every operation, in a second stack.

    There the limiter's figure is raised and the body limit halved where variables for that are declared: nobody else's
    requests are counted, and a service that dies of it takes nothing along.
    """
    require_write(stack)
    with variants(Variant(name="errors", environment=settings_of(target))) as second, HttpClient(second) as http:
        progress("provoking errors", at_most_seconds=60)
        return collect(target, second, http)


def settings_of(target: Target) -> dict[str, dict[str, str]]:
    """Variables of the second stack: service -> variable -> value."""
    if target.service is None:
        return {}
    values = {limit.env["requests"]: str(LIMIT_REQUESTS) for limit in target.limits if "requests" in limit.env}
    limit = configured_limit(target)
    if limit is not None:
        values[validation_of(target).env["max_body_bytes"]] = str(limit)
    return {target.service: values} if values else {}


def configured_limit(target: Target) -> int | None:
    """The body limit that the second stack is given; None where no variable is declared."""
    declared = validation_of(target)
    if declared.max_body_bytes is None or "max_body_bytes" not in declared.env:
        return None
    return declared.max_body_bytes // 2


def collect(target: Target, stack: Stack, http: HttpClient) -> ErrorRun:
    """Everything, on this stack; it is not fit for anything else afterwards."""
    asker = ErrorAsker(target, stack, http, purpose="errors")
    configured = configured_limit(target)
    limit = configured or validation_of(target).max_body_bytes
    provoked = Provoker(target, asker).run(body_limit=limit)
    if provoked.good_after is not None and not is_good(provoked.good_after):
        restart(target, stack, asker)
    tried = _configured_trials(target, stack, asker, configured)
    found = without_bodies(BadInputSender(target, asker).run())
    setting = validation_of(target).env.get("max_body_bytes", "") if tried else ""
    return ErrorRun(
        provocations=provoked,
        bad_inputs=dataclasses.replace(found, settings_tried=tried, setting=setting),
        leaks=tuple(asker.leaks),
        searched=asker.searched,
    )


def restart(target: Target, stack: Stack, asker: ErrorAsker) -> None:
    """Start the service anew where exceptions have spoilt it: what follows judges something else."""
    service, entry = target.service, app_entry(target)
    if service is None or entry is None or Capability.STOP not in stack.capabilities:
        return
    with contextlib.suppress(StackError):
        if stack.state(service).is_running:
            stack.stop(service)
        stack.start(service)
    deadline = time.monotonic() + RESTART_SECONDS
    while time.monotonic() < deadline:
        if is_good(asker.ask(entry, target.steady_request, purpose=StatusClass.OK)):
            return
        time.sleep(0.3)


def _configured_trials(target: Target, stack: Stack, asker: ErrorAsker, limit: int | None) -> tuple[BodyTrial, ...]:
    good, _ = good_request(target)
    entry = app_entry(target)
    if limit is None or good is None or entry is None:
        return ()
    headers = asker.identity.headers if asker.identity is not None else {}
    # Between the two limits: beyond the configured one, and well within the one that is in force without it.
    size = limit + limit // 2
    return tuple(BodyLab(target, stack, good, headers).trials(entry, limit, size=size))
