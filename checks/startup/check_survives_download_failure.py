"""A service whose model download is cut, and then limited, gets ready all the same, without a restart."""

from __future__ import annotations

from dataclasses import dataclass

from readiness import Category, Finding, Inconclusive, Measurement, Severity, Verdict, check
from readiness.declared.startup import MODEL_EXAMPLE
from readiness.facts.fetched import ModelDownloads
from readiness.starting.fetching import evidence_of, first_answered, require_model, sound_start
from readiness.target import Target


@dataclass(frozen=True, kw_only=True)
class DownloadLimits:
    """From when on a hub that is not asked again has been given up."""

    seconds: float = 45.0  # the longest pause of the seed's schedule is 20 s (retry.model_download)


@check(
    id="startup.survives_download_failure",
    category=Category.STARTUP,
    severity=Severity.MEDIUM,
    title="A model download that is cut half way, and then limited, is tried again until the service is ready",
    why="Model hubs limit and drop downloads at the busiest hours: a process that ends over it only adds to the crowd.",
    source="Claims ledger, startup.survives_download_failure (aistack): ready in the end, RestartCount 0",
    remediation="Catch what a download can raise, try again with growing pauses and as Retry-After says, resume what is "
    "there, and answer 503 from the loading probe meanwhile.",
    seeds=("aistack",),
    defects=("download-cut-kills",),
)
def check_survives_download_failure(model_downloads: ModelDownloads, target: Target, limits: DownloadLimits) -> Verdict:
    """Judge a start with a hub that cuts the first download half way and answers the next one with a 429."""
    require_model(target)
    seen, start = model_downloads, model_downloads.broken
    if start is None:
        raise Inconclusive(seen.not_done or "no start was recorded", supply=MODEL_EXAMPLE)
    name = f"{seen.service}, the download of {seen.file} cut half way, then limited"
    cut_at = first_answered(start, seen.file, "cut")
    if cut_at is None:
        paths = sorted({request.path for request in start.requests if request.answer == "unknown"})[:5]
        asked = f"; it asked for {', '.join(paths)}" if paths else ""
        raise Inconclusive(f"{seen.service} did not ask the hub for {seen.file}{asked}", supply=MODEL_EXAMPLE)
    if sound_start(seen) is None:
        reason = f"{seen.service} does not get ready by itself with a hub that serves everything either"
        raise Inconclusive(reason, supply=MODEL_EXAMPLE)
    findings: list[Finding] = []
    if start.has_ended and not start.has_ended_after(cut_at):
        raise Inconclusive(f"{seen.service} ended before its download was cut, so for another reason")
    if start.has_ended:
        times = f" {start.restarts} times" if start.restarts > 1 else ""
        message = f"{seen.service} ended{times} when the download of its model was cut or limited"
        findings.append(Finding(message=message, evidence=evidence_of(start, name)))
    elif start.ready_seconds is None:
        last = [request for request in start.requests if request.path == seen.file][-1]
        # Who had the whole file has survived the failure; what it waits for since is something else.
        is_served = first_answered(start, seen.file, "served") is not None or last.answer == "served"
        if is_served or start.seconds - last.seconds < limits.seconds:
            raise Inconclusive(f"{seen.service} was still at it after {start.seconds:.0f} s")
        message = f"{seen.service} did not ask the hub again after the download was {last.answer}"
        findings.append(Finding(message=message, evidence=evidence_of(start, name)))
    tries = sum(request.path == seen.file for request in start.requests)
    measured = [Measurement(name="requests for the file", value=tries, unit="count")]
    if start.ready_seconds is not None:
        measured.append(Measurement(name="ready after", value=start.ready_seconds, unit="s"))
    summary = "" if findings else f"ready after {start.ready_seconds:.1f} s and {tries} requests for it, no restart"
    return Verdict(findings=findings, measured=measured, summary=summary)
