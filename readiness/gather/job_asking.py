"""Asking for jobs, and how far they are."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from readiness.declared.jobs import Jobs
from readiness.exceptions import StackError
from readiness.facts.http import Exchange, StatusClass
from readiness.facts.stack_stop import JobState
from readiness.instruments.client import HttpClient
from readiness.instruments.identity import PLAIN, filled, masked
from readiness.target import Entry, Request

__all__ = ["JobDesk", "Look", "place_in"]

#: From one look to the next: soon at first, then ever more rarely, so that a limiter is not met.
FIRST_POLL_SECONDS, LONGEST_POLL_SECONDS, GROWTH = 0.1, 1.0, 1.3
#: What a request for an unknown job is answered (RFC 9110, 15.5.5 and 15.5.11).
NO_SUCH = frozenset({404, 410})
KEPT_CHARS = 200
_SUCCESSES = range(200, 300)


@dataclass(frozen=True, kw_only=True)
class Look:
    """How far a job is; ``runs`` how often it was done, where that is told."""

    state: JobState
    runs: int | None = None
    answer: str = ""


@dataclass(kw_only=True)
class JobDesk:
    """Asks one stack.

    Attributes:
        headers: of whoever asks; ``secrets`` are kept out of what is told.
    """

    http: HttpClient
    entry: Entry
    jobs: Jobs
    headers: Mapping[str, str] = field(default_factory=dict)
    secrets: frozenset[str] = frozenset()
    sleep: Callable[[float], None] = time.sleep

    def enqueue(self) -> tuple[str | None, str]:
        """The id of a new job, or None; and the answer in one line."""
        request = self.jobs.enqueue
        answer = self._send(request, self.headers if request.as_user != "anonymous" else {})
        found = place_in(answer.body, self.jobs.id)
        is_taken = answer.status in (request.expect or _SUCCESSES)
        return (str(found) if is_taken and found is not None else None), self._line(answer)

    def look(self, job: str) -> Look:
        """One question."""
        request = filled(self.jobs.result, {"id": job})
        answer = self._send(request, self.headers if request.as_user != "anonymous" else {})
        line = self._line(answer)
        if answer.status not in _SUCCESSES:
            return Look(state=JobState.GONE if answer.status in NO_SUCH else JobState.UNKNOWN, answer=line)
        words = (place_in(answer.body, at) for at in self.jobs.status_at)
        word = next((str(found).lower() for found in words if found is not None), None)
        runs = place_in(answer.body, self.jobs.runs) if self.jobs.runs else None
        return Look(state=self._state(word), runs=runs if isinstance(runs, int) else None, answer=line)

    def wait(self, job: str, *states: JobState, at_most_seconds: float) -> Look:
        """Ask until the job is in one of these states, or time is up; the last look."""
        deadline, pause = time.monotonic() + at_most_seconds, FIRST_POLL_SECONDS
        while (seen := self.look(job)).state not in states and (left := deadline - time.monotonic()) > 0:
            self.sleep(min(pause, left))
            pause = min(pause * GROWTH, LONGEST_POLL_SECONDS)
        return seen

    def _state(self, word: str | None) -> JobState:
        if word is None:
            return JobState.UNKNOWN
        known = (
            (self.jobs.done, JobState.DONE),
            (self.jobs.failed, JobState.FAILED),
            (self.jobs.running, JobState.RUNNING),
        )
        return next((state for words, state in known if word in words), JobState.WAITING)

    def _send(self, request: Request, headers: Mapping[str, str]) -> Exchange:
        try:
            return self.http.send(self.entry, request, headers={**PLAIN, **headers})
        except StackError as error:
            return Exchange(
                entry=self.entry.name,
                purpose=StatusClass.OK,
                method=request.method,
                url=request.path,
                error=str(error)[:300],
            )

    def _line(self, answer: Exchange) -> str:
        shown = masked(answer, self.secrets)
        return f"{shown.label} {shown.body}"[:KEPT_CHARS].strip()


def place_in(body: str, at: str) -> Any:
    """The value at a dotted place of a JSON body; None where there is none."""
    try:
        value: Any = json.loads(body)
    except (ValueError, RecursionError):
        return None
    for key in at.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return value
