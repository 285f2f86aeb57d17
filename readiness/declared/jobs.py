"""Work in the background, how it is asked for and how far it is: section ``jobs`` of ``readiness.yaml``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from readiness.declared.request import request_of
from readiness.target import Request, Target

__all__ = ["JOBS_EXAMPLE", "JOB_DONE", "JOB_FAILED", "JOB_RUNNING", "Jobs", "jobs_of"]

JOBS_EXAMPLE = (
    "jobs:\n  enqueue: {method: POST, path: /jobs, json: {text: x}, as: user, id: id}\n"
    "  result: {path: '/jobs/{id}', as: user}\n  status: {at: status, running: [running], done: [done], failed: [failed]}"
)
#: Words of the usual queues (Celery, RQ, Sidekiq, BullMQ, Dramatiq), in lower case, where the owner names none.
JOB_RUNNING = ("running", "started", "active", "processing", "in_progress", "working")
JOB_DONE = ("done", "success", "succeeded", "completed", "complete", "finished")
JOB_FAILED = ("failed", "failure", "error", "dead", "cancelled", "canceled")
#: Where the answer to a request for the result usually holds them.
STATUS_PLACES = ("status", "state")
#: How long a job takes at most where the owner does not say.
SECONDS = 10.0


@dataclass(frozen=True, kw_only=True)
class Jobs:
    """The section.

    Attributes:
        enqueue: asks for a job; ``id`` is where its answer holds the job's id.
        result: asks how far it is; ``{id}`` in the path stands for the id.
        seconds: how long a job takes at most, from being asked for.
        status_at: dotted places of which the first that is there says how far it is; ``running``, ``done``, ``failed`` the
            words for it, in lower case.
        runs: dotted place that says how often the job was done; empty where nothing tells.
        seconds_variable: of the worker's, sets how long a job takes; empty where none does.
        delivery: ``finishes``, ``redelivered``, or empty where the owner leaves it open.
        redelivery_seconds: how long the queue waits before it gives a job out again; None where not declared.
    """

    enqueue: Request
    result: Request
    id: str = "id"
    seconds: float = SECONDS
    status_at: tuple[str, ...] = STATUS_PLACES
    running: tuple[str, ...] = JOB_RUNNING
    done: tuple[str, ...] = JOB_DONE
    failed: tuple[str, ...] = JOB_FAILED
    runs: str = ""
    seconds_variable: str = ""
    delivery: str = ""
    redelivery_seconds: float | None = None


def jobs_of(target: Target) -> Jobs | None:
    """The declaration, typed; None where nothing says how a job is asked for and how it ended."""
    raw: Mapping[str, Any] = target.extra.get("jobs") or {}
    if "enqueue" not in raw or "result" not in raw:
        return None
    status: Mapping[str, Any] = raw.get("status") or {}

    def words(key: str, usual: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(str(word).lower() for word in status[key]) if key in status else usual

    enqueue = raw["enqueue"]
    inner = enqueue.get("id") if isinstance(enqueue, Mapping) else None
    redelivery = raw.get("redelivery_seconds")
    return Jobs(
        enqueue=request_of(enqueue),
        result=request_of(raw["result"]),
        id=str(raw.get("id") or inner or "id"),
        seconds=float(raw.get("seconds") or SECONDS),
        status_at=(str(status["at"]),) if "at" in status else STATUS_PLACES,
        running=words("running", JOB_RUNNING),
        done=words("done", JOB_DONE),
        failed=words("failed", JOB_FAILED),
        runs=str(raw.get("runs") or ""),
        seconds_variable=str((raw.get("env") or {}).get("seconds") or ""),
        delivery=str(raw.get("delivery") or ""),
        redelivery_seconds=None if redelivery is None else float(redelivery),
    )
