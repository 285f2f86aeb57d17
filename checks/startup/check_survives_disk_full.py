"""A disk without room for the model does not end the service: it answers 503, and says why."""

from __future__ import annotations

from readiness import Category, Finding, Inconclusive, Measurement, Severity, Verdict, check
from readiness.declared.startup import MODEL_EXAMPLE
from readiness.facts.fetched import FetchedStart, ModelDownloads, SmallCache
from readiness.starting.fetching import (
    evidence_of,
    first_answered,
    names_full_disk,
    refuses,
    require_model,
    sound_start,
)
from readiness.target import Target


@check(
    id="startup.survives_disk_full",
    category=Category.STARTUP,
    severity=Severity.MEDIUM,
    title="A disk that is too full for the model leaves the service running, with a 503 that names the cause",
    why="A process that ends over a full disk downloads the whole model at every start, and nobody learns why.",
    source="Claims ledger, startup.survives_disk_full (aistack): process alive, health 503 with a message naming the cause",
    remediation="Catch the error of writing the cache, remove what was written, say in the loading probe that there is no "
    "space left, and try again later or load the model from memory.",
    seeds=("aistack",),
    defects=("disk-full-kills",),
)
def check_survives_disk_full(small_cache: SmallCache, model_downloads: ModelDownloads, target: Target) -> Verdict:
    """Judge a start whose cache is a file system that holds half of the model."""
    require_model(target)
    seen, start = small_cache, small_cache.start
    if start is None:
        raise Inconclusive(seen.not_done or "no start was recorded", supply=MODEL_EXAMPLE)
    measured = [
        Measurement(name="disk", value=seen.disk_bytes, unit="B"),
        Measurement(name="model", value=seen.model_bytes, unit="B"),
    ]
    _require_proof(seen, start, model_downloads)
    if start.has_ended:
        times = f" {start.restarts} times" if start.restarts > 1 else ""
        message = f"{seen.service} ended{times} because the disk is full"
    elif start.ready_seconds is not None:
        if _file(seen, model_downloads) not in model_downloads.cut_sources:
            reason = f"{seen.service} got ready, and never was seen to keep its model in the folder that was small"
            raise Inconclusive(reason, supply=MODEL_EXAMPLE)
        return Verdict(measured=measured, summary="it serves without the copy that found no room")
    elif not refuses(start):
        said = start.said.status or start.said.error if start.said is not None else "no answer"
        message = f"{seen.service} answers {said} instead of 503 while the disk is too full for its model"
    elif start.said is None or not names_full_disk(start.said.body):
        message = f"{seen.service} answers 503, and does not say that the disk is full"
    else:
        return Verdict(measured=measured, summary="a steady 503 that names the full disk, no restart")
    name = f"{seen.service}, a disk of {seen.disk_bytes} bytes for a model of {seen.model_bytes}"
    return Verdict(findings=(Finding(message=message, evidence=evidence_of(start, name)),), measured=measured)


def _file(seen: SmallCache, downloads: ModelDownloads) -> str:
    return seen.file or downloads.file


def _require_proof(seen: SmallCache, start: FetchedStart, downloads: ModelDownloads) -> None:
    """Stop where what became of the start may have another reason than the disk.

    Raises:
        Inconclusive: nothing was fetched, the disk is not small, or the service does not start, or ends, anyway.
    """
    served_at = first_answered(start, _file(seen, downloads), "served")
    if served_at is None:
        raise Inconclusive(f"{seen.service} did not ask the hub for its model", supply=MODEL_EXAMPLE)
    if seen.disk_bytes >= seen.model_bytes:
        raise Inconclusive(f"the cache of {seen.service} is no small disk, but one of {seen.disk_bytes} bytes")
    if sound_start(downloads) is None:
        raise Inconclusive(f"{seen.service} does not get ready by itself with room for its model either")
    if start.has_ended and not start.has_ended_after(served_at):
        raise Inconclusive(f"{seen.service} ended before it had anything to write, so for another reason")
