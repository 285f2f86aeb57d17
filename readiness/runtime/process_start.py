"""How the start of a process went, in the words that all runtimes share. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field

from readiness.facts.start import FailureCause, ServiceStart
from readiness.runtime.start_report import Observed, judge
from readiness.runtime.supervised import SpawnError

__all__ = ["Outcome", "Seen", "describe"]

MAX_HEALTH_LOG, MAX_HEALTH_CHARS = 10, 500


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How waiting for one service ended.

    Attributes:
        seconds: from its own start; None where it never was started.
        error: it could not be started.
        unanswered: the last look at it when time was up.
        install: the end of what a failed installation printed.
        is_awaited: False where nobody waits for it to become ready.
    """

    is_ready: bool = False
    seconds: float | None = None
    error: SpawnError | None = None
    unanswered: str = ""
    install: str = ""
    is_awaited: bool = True


@dataclass(frozen=True, kw_only=True)
class Seen:
    """One service when all waiting is over.

    Attributes:
        status: created, running, paused or exited.
        answers: different answers of its ready path, newest last; None without such a path.
    """

    service: str
    needs: tuple[str, ...]
    status: str
    exit_code: int | None
    log: str
    outcome: Outcome = field(default_factory=Outcome)
    answers: tuple[str, ...] | None = None


def describe(services: Sequence[Seen]) -> tuple[ServiceStart, ...]:
    """Every service's start, each failure with its cause, in the order given."""
    return tuple(map(_complete, services, judge([_observed(seen) for seen in services])))


def _observed(seen: Seen) -> Observed:
    outcome = seen.outcome
    return Observed(
        service=seen.service,
        state="absent" if seen.status == "created" else seen.status,
        # What nobody waits for has neither failed nor become ready.
        is_ready=outcome.is_ready or (not outcome.is_awaited and seen.status == "running"),
        seconds=outcome.seconds,
        exit_code=seen.exit_code,
        build_log=outcome.install,
        engine_error="" if outcome.error is None else str(outcome.error),
        log=seen.log,
        needs=seen.needs,
        unanswered=(outcome.unanswered,) if outcome.unanswered else (),
    )


def _complete(seen: Seen, start: ServiceStart) -> ServiceStart:
    """What is known of a process beyond what an engine's words show."""
    outcome, cause, detail = seen.outcome, start.cause, start.detail
    if outcome.error is not None:
        cause, detail = outcome.error.cause, str(outcome.error)
    elif not outcome.is_awaited and cause is None:
        detail = "not waited for"
    elif cause is FailureCause.NOT_LISTENING and seen.answers:
        cause = FailureCause.HEALTH_CHECK_FAILS
    elif cause is FailureCause.UNKNOWN and seen.exit_code == 0:
        detail = "the command ended with 0 before it was ready; a service must stay in the foreground"
    health = None
    if seen.answers is not None and seen.status != "created":
        health = "healthy" if outcome.is_ready and cause is None else "unhealthy" if cause is not None else "starting"
    return dataclasses.replace(
        start,
        is_ready=outcome.is_ready and cause is None,
        cause=cause,
        detail=detail,
        health=health,
        health_log=tuple(answer[:MAX_HEALTH_CHARS] for answer in (seen.answers or ())[-MAX_HEALTH_LOG:]),
    )
