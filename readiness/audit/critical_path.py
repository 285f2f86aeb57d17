"""Which chain of work bounded the run: walked backwards from the last thing that ended."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from readiness.scorecard import CriticalPathStep

if TYPE_CHECKING:
    from collections.abc import Sequence

    from readiness.gather._store import Span

__all__ = ["critical_path"]

#: Two spans touch when the later one begins this soon after the earlier one ended: a check was judged in between.
TOUCH_SECONDS = 0.25


def critical_path(spans: Sequence[Span], *, began: float, judging_began: float) -> tuple[CriticalPathStep, ...]:
    """The steps that bounded the run, in order; gaps are pytest's own start, collection and judging.

    Args:
        spans: of all workers.
        began: monotonic seconds when the run was created.
        judging_began: monotonic seconds when all results were in and grading began.
    """
    work = [span for span in spans if span.kind != "wait" or not span.name.startswith("wait for")]
    steps: list[CriticalPathStep] = [
        CriticalPathStep(name="grade and render", kind="render", seconds=max(0.0, time.monotonic() - judging_began))
    ]
    moment = judging_began
    worker = ""
    while earlier := [s for s in work if s.ended <= moment + 1e-6 and s.seconds > 0]:
        # The same worker's last step, unless it had been idle: then whoever ended last held it up.
        own = [s for s in earlier if s.worker == worker and moment - s.ended <= TOUCH_SECONDS]
        last = max(own or earlier, key=lambda s: s.ended)
        if moment - last.ended > TOUCH_SECONDS:
            steps.append(CriticalPathStep(name="collect and judge", kind="judge", seconds=moment - last.ended))
        steps.append(CriticalPathStep(name=last.name, kind=last.kind, seconds=last.seconds))
        moment, worker = last.began, last.worker
        work = [s for s in work if s.ended <= moment + 1e-6]
    if moment > began:
        steps.append(CriticalPathStep(name="start and collect", kind="start", seconds=moment - began))
    return tuple(reversed(steps))
