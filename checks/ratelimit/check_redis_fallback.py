"""Without the store of the counts the service goes on, as declared."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from readiness import Category, Finding, Inconclusive, Measurement, Severity, Verdict, check
from readiness.facts.limiter import UNANSWERED, SharedLimit, StoreAway
from readiness.limiting.declared import caller_limit
from readiness.limiting.judging import chart_of, evidence_of, judged_outages
from readiness.target import Target


@dataclass(frozen=True, kw_only=True)
class FallbackLimits:
    """What an outage of the store may cost."""

    # A request or two may wait for the store's timeout, which clients set to seconds at most; on top of twice what the
    # slowest took before the outage, because a machine may be busy.
    slowest_seconds: float = 5.0
    # So many without any answer are the outage's doing; fewer may be a busy machine's.
    unanswered_ratio: float = 0.1


@check(
    id="ratelimit.redis_fallback",
    category=Category.RATELIMIT,
    severity=Severity.HIGH,
    title="Without the store requests are served, limited as declared, and somebody is told",
    why="A broken counter must not take the service down with it, nor leave it open without anybody knowing.",
    source="Claims ledger, ratelimit.redis_fallback (memorai)",
    remediation="Give the store a short timeout, count in memory while it is away, and log a warning when that begins.",
    seeds=("memorai",),
    defects=("fallback-unlimited",),
)
def check_redis_fallback(shared_limit: SharedLimit, target: Target, limits: FallbackLimits) -> Verdict:
    """Judge the requests with the store stopped, and with it paused."""
    outages = judged_outages(shared_limit, target)
    fallback = caller_limit(target).fallback or "memory"
    findings: list[Finding] = []
    doubts: list[str] = []
    for outage in outages:
        findings += _served(outage, fallback, limits, doubts)
        processes = max(shared_limit.processes_wanted, shared_limit.processes_seen)
        findings += _limited(outage, fallback, processes, doubts)
        if outage.log_problem:
            doubts.append(f"the log could not be read: {outage.log_problem}")
        elif not outage.warnings and _was_in_use(outages, outage):
            message = f"with {shared_limit.store} {outage.how}, no warning in the log tells of it"
            findings.append(Finding(message=message, evidence=(evidence_of(outage.phase),)))
    if not findings and doubts:
        raise Inconclusive("; ".join(doubts))
    usual = max((phase.slowest_seconds for phase in shared_limit.attempts), default=0.0)
    measured = [
        Measurement(
            name=f"slowest request with the store {o.how}",
            value=o.phase.slowest_seconds,
            unit="s",
            at_most=limits.slowest_seconds + 2 * usual,
        )
        for o in outages
    ]
    summary = "; ".join(f"{o.how}: {o.phase.words}" for o in outages)
    charts = tuple(chart_of(f"The store {o.how}", [o.phase]) for o in outages)
    return Verdict(findings=tuple(findings), measured=tuple(measured), summary=summary, charts=charts)


def _was_in_use(outages: Sequence[StoreAway], outage: StoreAway) -> bool:
    """Whether the limiter had asked the store again since it was away before; whether it does, redis_recovery judges."""
    earlier = outages[: outages.index(outage)]
    return all(before.recovered_seconds is not None for before in earlier)


def _served(outage: StoreAway, fallback: str, limits: FallbackLimits, doubts: list[str]) -> Iterator[Finding]:
    phase, proof = outage.phase, (evidence_of(outage.phase),)
    unavailable = sum(status == 503 for _, status in phase.shots)  # noqa: PLR2004  # RFC 9110, 15.6.4
    failed = phase.failed - (unavailable if fallback == "closed" else 0)
    unanswered = sum(status == UNANSWERED for _, status in phase.shots)
    if 0 < failed == unanswered <= limits.unanswered_ratio * len(phase.shots):
        doubts.append(f"with the store {outage.how}, {unanswered} of {len(phase.shots)} requests got no answer")
    elif failed:
        yield Finding(
            message=f"with the store {outage.how}, {failed} of {len(phase.shots)} requests fail", evidence=proof
        )
    elif fallback != "closed" and phase.let_through == 0:
        yield Finding(message=f"with the store {outage.how}, every request is refused", evidence=proof)


def _limited(outage: StoreAway, fallback: str, processes: int, doubts: list[str]) -> Iterator[Finding]:
    phase = outage.phase
    if fallback == "open":
        return
    if fallback == "closed":
        if phase.let_through:
            message = f"with the store {outage.how}, {phase.let_through} requests are let through; declared is fallback: closed"
            yield Finding(message=message, evidence=(evidence_of(phase),))
        return
    most = processes * phase.figures.most_at_a_turn(phase.span_seconds)
    if phase.let_through > most:
        message = f"with the store {outage.how}, {phase.let_through} of {len(phase.shots)} requests are let through; {processes} processes that count in memory allow {most:.0f} at most"
        yield Finding(message=message, evidence=(evidence_of(phase),))
    elif phase.refused and phase.let_through > processes * phase.figures.most(phase.span_seconds):
        doubts.append(
            f"with the store {outage.how}, {phase.let_through} requests were let through before the first refusals: perhaps a "
            f"window turned in the middle, or they do not count as declared"
        )
    elif phase.refused == 0 and not phase.failed:
        doubts.append(f"with the store {outage.how}, {len(phase.shots)} requests were too few to be limited")
