"""A write that was acknowledged around the stop signal is there afterwards."""

from __future__ import annotations

from readiness import Category, Evidence, Finding, Inconclusive, Severity, Verdict, check
from readiness.declared.record import RECORD_EXAMPLE, record_of
from readiness.draining.judging import stop_of
from readiness.facts.drain import DrainRuns, Kind
from readiness.target import Target


@check(
    id="drain.inflight_write_commits",
    category=Category.DRAIN,
    severity=Severity.CRITICAL,
    title="What was acknowledged around the stop signal is stored",
    why="The caller has been told that it is stored, and will not send it again.",
    source="Claims ledger, drain.inflight_write_commits (brainda, brain)",
    remediation="Answer after the commit, and wait for open transactions before the process ends.",
    seeds=("brainda", "brain"),
    defects=("drain-loses-writes",),
)
def check_inflight_write_commits(drain_runs: DrainRuns, target: Target) -> Verdict:
    """Judge what was read back after the restart."""
    target.require("record", record_of(target) is not None, example=RECORD_EXAMPLE)
    stop = stop_of(drain_runs)
    told = [written for written in stop.written if written.is_there is not None]
    if not told:
        reasons = {written.detail for written in stop.written} or set(drain_runs.not_done.values())
        raise Inconclusive(
            f"no acknowledged write could be read back: {'; '.join(sorted(reasons)) or 'none was acknowledged'}",
            supply=RECORD_EXAMPLE,
        )
    lost = [written for written in told if not written.is_there]
    if lost:
        message = f"{len(lost)} of {len(told)} acknowledged writes are gone after the restart"
        evidence = tuple(
            Evidence(
                source=f"{written.name}: {written.id}",
                text=f"acknowledged {written.acknowledged_seconds:.2f} s after the signal; {written.detail}",
            )
            for written in lost[:5]
        )
        return Verdict(findings=(Finding(message=message, evidence=evidence),), credit=1 - len(lost) / len(told))
    after = sum(written.acknowledged_seconds > 0 for written in told)
    sent = len(stop.of(Kind.WRITE, Kind.QUICK))
    return Verdict(
        summary=f"{len(told)} of {sent} writes were acknowledged, {after} of them after the signal, and all are stored"
    )
