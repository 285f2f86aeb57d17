"""A cached model that is cut off is fetched again or reported; the service does not end over it at each start."""

from __future__ import annotations

from readiness import Category, Evidence, Finding, Inconclusive, Measurement, Severity, Verdict, check
from readiness.declared.startup import MODEL_EXAMPLE
from readiness.facts.fetched import ModelDownloads
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
    evidence = evidence_of(start, name)
    again = [request for request in start.requests if request.method != "HEAD" and request.answer == "served"]
    measured = [Measurement(name="new downloads", value=len(again), unit="count")]
    if start.has_ended:
        if sound_start(seen) is None:
            raise Inconclusive(f"{seen.service} ended before its copy was cut off, too")
        how = f"again and again ({start.restarts} restarts)" if start.restarts > 1 else "at its start"
        message = f"{seen.service} ends {how} when its cached model is cut off"
        return Verdict(findings=(Finding(message=message, evidence=evidence),), measured=measured)
    if start.ready_seconds is not None:
        measured.append(Measurement(name="ready after", value=start.ready_seconds, unit="s"))
        if again:
            summary = f"fetched again, and ready after {start.ready_seconds:.1f} s"
        elif seen.is_same_answer is False:
            proof = Evidence(
                source=name, text="the proof of the loading probe is answered with another vector than before"
            )
            message = f"{seen.service} serves a cut off model as if nothing were wrong"
            return Verdict(findings=(Finding(message=message, evidence=(proof, *evidence)),), measured=measured)
        else:
            raise Inconclusive(f"{seen.service} got ready without asking the hub again, so the cut copy may be unused")
        return Verdict(measured=measured, summary=summary)
    if not refuses(start):
        said = start.said.status or start.said.error if start.said is not None else "no answer"
        message = f"{seen.service} is neither ready nor answers 503 after {start.seconds:.0f} s: {said}"
        return Verdict(findings=(Finding(message=message, evidence=evidence),), measured=measured)
    if again:
        raise Inconclusive(f"{seen.service} fetched the model again, and was still at it after {start.seconds:.0f} s")
    if not names_fault_of_copy(start):
        message = f"{seen.service} answers 503 for ever, and does not say that its copy of the model is corrupt"
        return Verdict(findings=(Finding(message=message, evidence=evidence),), measured=measured)
    return Verdict(measured=measured, summary="reported by a steady 503, no restart")
