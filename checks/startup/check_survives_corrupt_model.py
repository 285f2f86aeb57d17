"""A cached model that is cut off is fetched again or reported; the service does not end over it at each start."""

from __future__ import annotations

from readiness import Category, Evidence, Finding, Inconclusive, Measurement, Severity, Verdict, check
from readiness.declared.startup import MODEL_EXAMPLE
from readiness.facts.fetched import FetchedStart, HubRequest, ModelDownloads
from readiness.starting.fetching import evidence_of, names_fault_of_copy, refuses, require_model, sound_start
from readiness.target import Target


@check(
    id="startup.survives_corrupt_model",
    category=Category.STARTUP,
    severity=Severity.MEDIUM,
    title="A cached model that is cut off is fetched again or reported, without a crash loop",
    why="A crash while writing leaves half a file. Whoever ends over it ends at every start, until somebody empties the "
    "cache by hand; whoever does not notice answers nonsense.",
    source="Claims ledger, startup.survives_corrupt_model (aistack): 200 after a new download, or a steady 503 that says so",
    remediation="Write downloads under another name and rename them, keep their checksum, look at it when loading, and "
    "throw away what does not match.",
    seeds=("aistack",),
    defects=("corrupt-model-loops",),
)
def check_survives_corrupt_model(model_downloads: ModelDownloads, target: Target) -> Verdict:
    """Judge the start after every copy of a served file was cut to half its length."""
    require_model(target)
    seen, start = model_downloads, model_downloads.corrupt
    if start is None:
        reason = seen.corrupt_not_done or seen.not_done or "no start was recorded"
        raise Inconclusive(reason, supply=MODEL_EXAMPLE)
    name = f"{seen.service}, started with half of {', '.join(seen.cut_files[:3])}"
    measured = [Measurement(name="new downloads", value=len(_downloads(seen)), unit="count")]
    if start.has_ended:
        if sound_start(seen) is None:
            raise Inconclusive(f"{seen.service} ended before its copy was cut off, too")
        if start.has_ended_again or (seen.corrupt_again is not None and seen.corrupt_again.has_ended):
            how = f"again and again ({start.restarts} restarts)" if start.restarts > 1 else "at each start"
            message = f"{seen.service} ends {how} when its cached model is cut off"
            return Verdict(findings=(Finding(message=message, evidence=evidence_of(start, name)),), measured=measured)
        if not start.restarts and seen.corrupt_again is None:
            raise Inconclusive(f"{seen.service} ended once, and could not be started once more")
        # One end is no loop: what counts is what it does when it is started again.
        measured.append(Measurement(name="restarts", value=1, unit="count"))
        start = seen.corrupt_again or start
    if start.ready_seconds is not None:
        measured.append(Measurement(name="ready after", value=start.ready_seconds, unit="s"))
        return _ready(seen, start, name, measured)
    return _not_ready(seen, start, name, measured)


def _downloads(seen: ModelDownloads) -> list[HubRequest]:
    """What was fetched anew of what was cut, by the start and by the one after it."""
    starts = [start for start in (seen.corrupt, seen.corrupt_again) if start is not None]
    paths = {*seen.cut_sources} or {seen.file}
    served = [r for start in starts for r in start.requests if r.method != "HEAD" and r.answer == "served"]
    return [request for request in served if request.path in paths]


def _ready(seen: ModelDownloads, start: FetchedStart, name: str, measured: list[Measurement]) -> Verdict:
    """Judge one that serves."""
    if seen.is_same_answer is False:
        text = "the proof of the loading probe is answered with another vector than before"
        message = f"{seen.service} serves a cut off model as if nothing were wrong"
        evidence = (Evidence(source=name, text=text), *evidence_of(start, name))
        return Verdict(findings=(Finding(message=message, evidence=evidence),), measured=measured)
    if _downloads(seen):
        return Verdict(measured=measured, summary=f"fetched again, and ready after {start.ready_seconds:.1f} s")
    raise Inconclusive(f"{seen.service} got ready without asking the hub again, so the cut copy may be unused")


def _not_ready(seen: ModelDownloads, start: FetchedStart, name: str, measured: list[Measurement]) -> Verdict:
    """Judge one that runs, and does not serve."""
    if not refuses(start):
        said = start.said.status or start.said.error if start.said is not None else "no answer"
        message = f"{seen.service} is neither ready nor answers 503 after {start.seconds:.0f} s: {said}"
    elif _downloads(seen):
        raise Inconclusive(f"{seen.service} fetched the model again, and was still at it after {start.seconds:.0f} s")
    elif not names_fault_of_copy(start):
        message = f"{seen.service} answers 503 for ever, and does not say that its copy of the model is corrupt"
    else:
        return Verdict(measured=measured, summary="reported by a steady 503")
    return Verdict(findings=(Finding(message=message, evidence=evidence_of(start, name)),), measured=measured)
