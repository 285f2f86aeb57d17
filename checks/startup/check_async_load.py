"""A service that loads something for long accepts connections meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from readiness import Category, Evidence, Finding, Inconclusive, Measurement, Severity, Verdict, check
from readiness.facts.probes import ColdStart, Span, Timeline
from readiness.probes.outages import evidence_of
from readiness.starting.crowd import LOADING
from readiness.target import ProbeKind, Target

#: A refusal of these says nothing about loading.
NOT_ABOUT_LOADING = frozenset({401, 403, 429})


@dataclass(frozen=True, kw_only=True)
class ListeningLimits:
    """How soon after its start a service answers."""

    seconds: float = 10.0  # the ledger's figure, where none is declared
    unsure: float = 1.5  # up to so many times that, a busy machine's own slowness may be what is measured
    # Starting is mostly work: with so many programs for each processor what takes seconds alone takes the whole time.
    load_per_cpu: float = 6.0


@check(
    id="startup.async_load",
    category=Category.STARTUP,
    severity=Severity.LOW,
    title="The service answers at once after its start, while what it loads is still loading",
    why="Nobody can tell a service that loads silently from one that hangs, so it is restarted in the middle of it.",
    source="Claims ledger, startup.async_load (aistack): the first HTTP answer of any status within 10 s",
    remediation="Listen first and load in the background; answer 503 until it is done.",
    seeds=("aistack",),
    defects=("loads-before-listening",),
)
def check_async_load(cold_start: ColdStart, target: Target, limits: ListeningLimits) -> Verdict:
    """Judge when a new instance gave its first answer, of any status, where it was seen loading after that."""
    probe = target.probe(ProbeKind.LOADING)
    example = f"probes:\n  loading: {{path: {probe.path}, proof: {{method: POST, path: /embed, json: {{text: a}}}}}}"
    target.require("probes.loading.proof", probe.proof, example=example)
    if cold_start.loading is None or cold_start.proof is None:
        raise Inconclusive(cold_start.not_done.get("loading", "no cold start was recorded"))
    through = {cold_start.loading.service, cold_start.proof.service} - {cold_start.service}
    if through:
        raise Inconclusive(
            f"{cold_start.service} was asked through {', '.join(sorted(through))}, which may have answered for it",
            supply=f"entry:\n  - {{name: direct, service: {cold_start.service}, port: 8000}}",
        )
    expected = (probe.proof.expect if probe.proof else ()) or tuple(range(200, 300))
    if not any(span.status in expected for span in cold_start.proof.spans):
        raise Inconclusive("the request that proves loading to be over never succeeded")
    at_most = limits.seconds if probe.listens_seconds is None else probe.listens_seconds
    first, timeline = min(_answers(cold_start.loading, cold_start.proof), key=lambda found: found[0].first_seconds)
    # When it was sent; the answer came some time later, at the latest after the slowest of its kind.
    earliest, latest = first.first_seconds, first.first_seconds + first.slowest_seconds
    if earliest > at_most and cold_start.load_per_cpu > limits.load_per_cpu:
        raise Inconclusive(
            f"the first answer came {earliest:.1f} s after the start, and this machine was too busy to tell"
        )
    if earliest > at_most * limits.unsure:
        message = (
            f"{cold_start.service} gave its first answer {earliest:.1f} s after its start ({at_most:g} s are allowed)"
        )
        silent = next((span for span in timeline.spans if span.status is None), None)
        evidence: tuple[Evidence, ...] = tuple(
            evidence_of(timeline, span, "after the start") for span in (silent, first) if span is not None
        )
        return Verdict(findings=(Finding(message=message, evidence=evidence),), measured=(_measured(earliest),))
    if latest > at_most:
        raise Inconclusive(
            f"the first request to be answered was sent {earliest:.1f} s after the start, and its answer came "
            f"{latest:.1f} s after it at the latest: too near to {at_most:g} s to tell"
        )
    refused = [
        span
        for span in (*cold_start.loading.spans, *cold_start.proof.spans)
        if span.status == LOADING and span.first_seconds >= earliest
    ]
    if not refused:
        raise Inconclusive(
            f"the first answer came {earliest:.1f} s after the start, and nothing was refused with {LOADING} after it: "
            "nothing shows that anything was still loading then"
        )
    until = max(span.last_seconds for span in refused)
    summary = f"first answer {latest:.1f} s after the start (at most {at_most:g}), still loading {until:.1f} s after it"
    return Verdict(measured=(_measured(latest),), summary=summary)


def _answers(*timelines: Timeline) -> Iterator[tuple[Span, Timeline]]:
    """What was answered with any status, which shows that somebody listens."""
    return ((span, timeline) for timeline in timelines for span in timeline.spans if span.status is not None)


def _measured(seconds: float) -> Measurement:
    return Measurement(name="first answer after the start", value=round(seconds, 3), unit="s")
