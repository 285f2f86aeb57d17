"""An endpoint that tells of loading says 503 until what it loads can be used."""

from __future__ import annotations

from readiness import Category, Evidence, Finding, Inconclusive, Severity, Verdict, check
from readiness.facts.probes import ColdStart, Span, Timeline
from readiness.probes.outages import evidence_of, pass_or_fail
from readiness.target import Probe, ProbeKind, Target

LOADING = 503
#: A refusal of these says nothing about loading.
NOT_ABOUT_LOADING = frozenset({401, 403, 429})


@check(
    id="probe.loading_503",
    category=Category.PROBE,
    severity=Severity.MEDIUM,
    title="The loading probe answers 503 until a real request succeeds",
    why="Callers that wait for it send work to a service that cannot do it yet, and get errors for minutes.",
    source="Claims ledger, probe.loading_503 (aistack)",
    remediation="Answer from the loader's own flag, set after the first successful use, and 503 before.",
    seeds=("aistack",),
    defects=("loading-answers-200",),
)
def check_loading_503(cold_start: ColdStart, target: Target) -> Verdict:
    """Judge the order of two things seen side by side: the probe's first yes, and the last failing request."""
    probe = target.probe(ProbeKind.LOADING)
    example = f"probes:\n  loading: {{path: {probe.path}, proof: {{method: POST, path: /embed, json: {{text: a}}}}}}"
    target.require("probes.loading.proof", probe.proof, example=example)
    if cold_start.loading is None or cold_start.proof is None:
        raise Inconclusive(cold_start.not_done.get("loading", "no cold start was recorded"))
    expected = (probe.proof.expect if probe.proof else ()) or tuple(range(200, 300))
    proofs = [span for span in cold_start.proof.spans if span.status not in NOT_ABOUT_LOADING]
    good = [span for span in proofs if span.status in expected]
    if not good:
        said = sorted({str(span.status or span.error) for span in cold_start.proof.spans})
        raise Inconclusive(f"the request that proves loading to be over never succeeded: {', '.join(said)}")
    yes = [span for span in cold_start.loading.spans if span.status in probe.expect]
    if not yes:
        last = cold_start.loading.spans[-1] if cold_start.loading.spans else None
        proof = (evidence_of(cold_start.loading, last, "after the start"),) if last else ()
        text = f"{probe.path} does not say yes although {cold_start.proof.url} succeeds"
        return Verdict(findings=(Finding(message=text, evidence=proof),))
    return _judge(probe, cold_start.loading, cold_start.proof, yes, [s for s in proofs if s.status not in expected])


def _judge(probe: Probe, loading: Timeline, proof: Timeline, yes: list[Span], failed: list[Span]) -> Verdict:
    # From the moment when the first yes had certainly arrived.
    told = yes[0].first_seconds + yes[0].slowest_seconds
    too_early = [span for span in failed if span.last_seconds > told]
    if too_early:
        evidence: tuple[Evidence, ...] = (
            evidence_of(loading, yes[0], "after the start"),
            evidence_of(proof, too_early[-1], "after the start"),
        )
        message = (
            f"{probe.path} says {yes[0].status} {yes[0].first_seconds:.1f} s after the start; "
            f"{proof.url} still fails {too_early[-1].last_seconds:.1f} s after it"
        )
        return Verdict(findings=(Finding(message=message, evidence=evidence),))
    refused = [span for span in loading.spans if span.status == LOADING and span.first_seconds < yes[0].first_seconds]
    if not refused:
        raise Inconclusive(
            f"{probe.path} said yes from its first answer, {yes[0].first_seconds:.1f} s after the start, "
            "and nothing failed after it: loading was over too soon to see a 503",
        )
    seconds = refused[-1].last_seconds - refused[0].first_seconds
    return pass_or_fail((), f"{probe.path} said 503 for {seconds:.1f} s, and 200 only when {proof.url} succeeded")
