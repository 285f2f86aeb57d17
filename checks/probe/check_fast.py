"""Liveness and basic health answer quickly."""

from __future__ import annotations

import statistics
from dataclasses import dataclass

from readiness import Category, Evidence, Finding, Inconclusive, Measurement, Severity, Verdict, check
from readiness.facts.probes import Latency, ProbeLatencies
from readiness.probes.outages import pass_or_fail
from readiness.target import Probe, ProbeKind, Target

KINDS = (ProbeKind.LIVE, ProbeKind.BASIC, ProbeKind.LEGACY, ProbeKind.HEALTH)
#: The requests are judged in four parts: what slows only some of them is this machine's.
PARTS = 4
ENOUGH = 40


@dataclass(frozen=True, kw_only=True)
class FastLimits:
    """What *fast* means."""

    p95_ms: float = 100.0  # the ledger's default gate; the seeds give no figure
    ceiling_seconds: float = 5.0  # brain's liveness timeout, where the target declares none
    # A percentile of answers that fewer gave is not the probe's: as many must have answered yes as it speaks of.
    answered_ratio: float = 0.95
    control_ratio: float = 0.25  # a server of ours on this machine taking more than this part of the limit: no verdict
    load_per_cpu: float = (
        1.5  # more runnable processes per processor than that: times are this machine's, not the target's
    )


@check(
    id="probe.fast",
    category=Category.PROBE,
    severity=Severity.LOW,
    title="Liveness and basic health answer within 100 ms at the 95th percentile",
    why="Probers ask every few seconds for ever; a slow probe costs capacity and is the first to time out under load.",
    source="Claims ledger, probe.fast (default gate p95 < 100 ms)",
    remediation="Do nothing in liveness; cache what basic health measures; keep both off slow code paths.",
    seeds=("memorai", "brain"),
    defects=("live-slow",),
)
def check_fast(probe_latencies: ProbeLatencies, target: Target, limits: FastLimits) -> Verdict:
    """Judge each probe's requests one after the other by p95, and 50 at once against the prober's timeout."""
    probes = [target.probes[kind] for kind in KINDS if kind in target.probes]
    target.require("probes.live", probes, example="probes:\n  live: /health/live")
    timed = {latency.kind: latency for latency in probe_latencies.timed}
    findings: list[Finding] = []
    measured: list[Measurement] = []
    doubts: list[str] = []
    for probe in probes:
        latency = timed.get(probe.kind)
        if latency is None or not _answers_yes(probe, latency, at_least=limits.answered_ratio):
            continue  # whether it should answer yes is judged by probe.health_ok
        if len(latency.sequential_seconds) < ENOUGH:
            doubts.append(f"{probe.path}: {latency.stopped_early or 'too few answers'}")
            continue
        is_crowded = probe_latencies.load_per_cpu > limits.load_per_cpu
        _judge(probe, latency, limits, is_crowded, findings, measured, doubts)
    if not findings and (doubts or not measured):
        raise Inconclusive("; ".join(doubts) or "no fast probe answered yes at rest")
    summary = ", ".join(m.describe() for m in measured if "at once" not in m.name)
    return Verdict(findings=pass_or_fail(findings, "").findings, measured=tuple(measured), summary=summary)


def _answers_yes(probe: Probe, latency: Latency, *, at_least: float) -> bool:
    total = sum(latency.statuses.values())
    return total > 0 and sum(latency.statuses.get(str(status), 0) for status in probe.expect) >= at_least * total


def _judge(  # noqa: PLR0917  # one probe, the circumstances, and where results go
    probe: Probe,
    latency: Latency,
    limits: FastLimits,
    is_crowded: bool,
    findings: list[Finding],
    measured: list[Measurement],
    doubts: list[str],
) -> None:
    size = len(latency.sequential_seconds) // PARTS
    parts = [1000 * p95(latency.sequential_seconds[n * size : (n + 1) * size]) for n in range(PARTS)]
    value, control = statistics.median(parts), 1000 * p95(latency.control_seconds or (0.0,))
    figure = Measurement(name=f"{probe.kind} p95", value=round(value, 2), unit="ms")
    is_busy = is_crowded or control > limits.control_ratio * limits.p95_ms
    if value <= limits.p95_ms:
        measured.append(Measurement(name=figure.name, value=figure.value, unit="ms", at_most=limits.p95_ms))
    # Slow in every part, and even its fastest tenth: that is no busy moment of this machine.
    elif min(parts) > limits.p95_ms and (not is_busy or _tenth(latency) > limits.p95_ms / 1000):
        text = f"{probe.path} takes {value:.0f} ms at the 95th percentile, at most {limits.p95_ms:g} ms"
        proof = (
            f"p95 of four parts {', '.join(f'{part:.0f}' for part in parts)} ms; a server of our own: {control:.1f} ms"
        )
        findings.append(Finding(message=text, evidence=(Evidence(source=f"GET {latency.url}", text=proof),)))
        measured.append(figure)
    else:
        doubts.append(
            f"{probe.path} took {value:.0f} ms at the 95th percentile, in parts {min(parts):.0f} to {max(parts):.0f} ms, "
            f"while a server of our own took {control:.1f} ms: this machine was too busy to tell"
        )
    if latency.concurrent_seconds:
        ceiling = probe.timeout_seconds or limits.ceiling_seconds
        slowest = max(latency.concurrent_seconds)
        name = f"{probe.kind}, slowest of {len(latency.concurrent_seconds)} at once"
        measured.append(Measurement(name=name, value=round(1000 * slowest, 1), unit="ms", at_most=1000 * ceiling))


def p95(values: tuple[float, ...]) -> float:
    """The 95th percentile by nearest rank."""
    ordered = sorted(values)
    return ordered[max(0, -(-95 * len(ordered) // 100) - 1)]


def _tenth(latency: Latency) -> float:
    ordered = sorted(latency.sequential_seconds)
    return ordered[len(ordered) // 10]
