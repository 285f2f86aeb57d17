"""Whether a container is well: its main process runs, and its health check's own command says so.

The command is run as the engine runs it, instead of waiting for the engine to run it next: an interval is often half a
minute, and what the engine adds to the command is its count of failures in a row, which its documentation tells.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from readiness.exceptions import StackError, UnsupportedError
from readiness.facts.container_trials import CommandRun
from readiness.facts.containers import Container
from readiness.facts.model import HealthCheck
from readiness.runtime import Capability, Stack
from readiness.verdict import NotApplicable

__all__ = ["WATCH_SECONDS", "Wells", "require_containers", "run_health_check", "running"]

KEPT_CHARS = 400
#: The ledger's 60 s, and half as much again, so that *late* can be told from *never*.
WATCH_SECONDS = 90.0
#: Without a health check a program that runs this long has got past its imports and its first connection.
SETTLED_SECONDS = 2.0
POLL_SECONDS = 0.2
#: Each run is a program of its own.
RUN_EVERY_SECONDS = 1.0


def require_containers(stack: Stack, *needed: Capability) -> None:
    """Stop where there are no containers, or where they cannot be looked at.

    The one decision of this family on other runtimes: as local processes the stack has no containers, so nothing is
    there to be limited, restarted or asked for its health by an engine. That is not applicable, and no gap in the audit:
    what a compose file declares is judged where a compose file is run.

    Raises:
        NotApplicable: the stack runs as processes.
        UnsupportedError: somebody else runs it.
    """
    if stack.runtime == "process":
        raise NotApplicable(
            "the stack runs as local processes here, and has no containers (--readiness-runtime=compose)"
        )
    for capability in (Capability.INSPECT, *needed):
        if capability not in stack.capabilities:
            raise UnsupportedError(
                capability, runtime=stack.runtime, hint="audit a throw-away stack with --readiness-target"
            )


def running(stack: Stack) -> dict[str, Container]:
    """Service -> its first replica, of the services whose main process runs."""
    found = {}
    for service in stack.services:
        try:
            containers = stack.containers(service)
        except StackError:
            continue
        if containers and containers[0].status == "running":
            found[service] = containers[0]
    return found


def run_health_check(stack: Stack, service: str, check: HealthCheck) -> CommandRun:
    """Run the command once, in the container's own environment, within the health check's own time.

    Raises:
        StackError: it could not be run at all.
    """
    words = ["/bin/sh", "-c", *check.test] if check.is_shell else list(check.test)
    began = time.monotonic()
    try:
        done = stack.execute(service, words, timeout_seconds=check.timeout_seconds)
    except StackError as error:
        seconds = time.monotonic() - began
        if seconds < check.timeout_seconds:
            raise
        return CommandRun(seconds=round(seconds, 3), exit_code=None, output=str(error)[:KEPT_CHARS])
    seconds = round(time.monotonic() - began, 3)
    return CommandRun(seconds=seconds, exit_code=done.exit_code, output=done.output.strip()[:KEPT_CHARS])


@dataclass(kw_only=True)
class Wells:
    """Waits for one container to be well again.

    Attributes:
        since: monotonic zero.
        last: the last run of the health check.
        back_seconds: after ``since``, when the main process ran as it should.
    """

    stack: Stack
    service: str
    check: HealthCheck | None
    since: float
    last: CommandRun | None = None
    back_seconds: float | None = None

    def wait(
        self, *, at_most_seconds: float, is_back: Callable[[str, str], bool], is_lost: Callable[[str], bool]
    ) -> float | None:
        """Until it is well.

        Args:
            at_most_seconds: counted from ``since``.
            is_back: by status and time of start, whether the process that is wanted runs.
            is_lost: by status, whether it will not come any more.

        Returns:
            Seconds after ``since``; None where it did not become well.
        """
        lost_since: float | None = None
        stable_since: float | None = None
        started = ""
        while (now := time.monotonic()) - self.since < at_most_seconds:
            state = self.stack.state(self.service)
            if not is_back(state.status, state.started_at):
                stable_since = None
                lost_since = (lost_since or now) if is_lost(state.status) else None
                if lost_since is not None and now - lost_since > SETTLED_SECONDS:
                    return None
            else:
                lost_since = None
                if stable_since is None or started != state.started_at:
                    stable_since, started = now, state.started_at
                    self.back_seconds = round(now - self.since, 3)
                if self.check is None:
                    if now - stable_since >= SETTLED_SECONDS:
                        return self.back_seconds
                elif self._is_green():
                    return round(time.monotonic() - self.since, 3)
                else:
                    time.sleep(RUN_EVERY_SECONDS - POLL_SECONDS)
            time.sleep(POLL_SECONDS)
        return None

    def _is_green(self) -> bool:
        assert self.check is not None  # noqa: S101  # the caller has looked; tells the type checker
        try:
            self.last = run_health_check(self.stack, self.service, self.check)
        except StackError as error:
            # It ended in between.
            self.last = CommandRun(seconds=0.0, exit_code=None, output=str(error)[:KEPT_CHARS])
        return self.last.is_green
