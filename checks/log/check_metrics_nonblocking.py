"""Recording numbers holds up no request."""

from __future__ import annotations

import statistics
from dataclasses import dataclass

from readiness import Category, Evidence, Finding, Inconclusive, Measurement, NotApplicable, Severity, Verdict, check
from readiness.declared.metrics import metrics_of
from readiness.facts.sinks import SinkPause, Timed
from readiness.target import Target

FIRST_ERROR = 400
EXAMPLE = "metrics:\n  sink: SERVICE\n  unrelated: /a/path/that/needs/nothing/of/it"


@dataclass(frozen=True, kw_only=True)
class BlockingLimits:
    """How much slower an unrelated request may be while the sink hangs."""

    ratio: float = 2.0  # the claims ledger's
    # A request of a millisecond may take two for any reason; what waits for a timeout takes hundreds.
    slack_seconds: float = 0.1
    # Between this and the limit a busy machine may be the cause.
    surely_seconds: float = 0.3


@check(
    id="log.metrics_nonblocking",
    category=Category.LOG,
    severity=Severity.MEDIUM,
    title="Requests do not wait for their numbers to be recorded",
    why="Where every request waits for the counter, an outage of the counter is an outage of everything.",
    source="claims ledger, log.metrics_nonblocking",
    remediation="Count in memory, and let a task of its own write to the sink, with a timeout and a bounded queue.",
    seeds=("memorai",),
    defects=("usage-waits-for-redis",),
)
def check_metrics_nonblocking(sink_pause: SinkPause, target: Target, limits: BlockingLimits) -> Verdict:
    """Compare the times of an unrelated request at rest and while the declared sink hangs."""
    if not metrics_of(target).sink:
        target.require("metrics", True, example=EXAMPLE)  # may be none
        raise NotApplicable("the service pushes its metrics nowhere (metrics.sink), so no request can wait for that")
    if sink_pause.not_done:
        raise Inconclusive(sink_pause.not_done, supply=EXAMPLE)
    if not sink_pause.before or not all(_is_good(answer) for answer in sink_pause.before):
        raise Inconclusive(f"{sink_pause.path} was not answered well before the sink hung", supply=EXAMPLE)
    if not sink_pause.during:
        raise Inconclusive("nothing was asked while the sink hung")
    before, during = _p95(sink_pause.before), _p95(sink_pause.during)
    limit = limits.ratio * before + limits.slack_seconds
    lost = [answer for answer in sink_pause.during if not _is_good(answer)]
    measured = (
        Measurement(name="95th percentile at rest", value=round(before, 4), unit="s"),
        Measurement(name=f"95th percentile while {sink_pause.sink} hangs", value=round(during, 4), unit="s"),
    )
    shown = "; ".join(m.describe() for m in measured)
    if not lost and limit < during < limit + limits.surely_seconds:
        raise Inconclusive(f"{sink_pause.path} was a little slower: {shown}")
    findings = []
    if during > limit or lost:
        statuses = ", ".join(f"{a.status or 'no answer'} after {a.seconds:.2f} s" for a in sink_pause.during[:5])
        proof = Evidence(
            source=f"GET {sink_pause.path} via {sink_pause.entry} while {sink_pause.sink} hangs", text=statuses
        )
        findings.append(Finding(message=f"{sink_pause.path} waits for {sink_pause.sink}: {shown}", evidence=(proof,)))
    return Verdict(findings=tuple(findings), measured=measured, summary=shown)


def _is_good(answer: Timed) -> bool:
    return answer.status is not None and answer.status < FIRST_ERROR


def _p95(answers: tuple[Timed, ...]) -> float:
    seconds = [answer.seconds for answer in answers]
    return seconds[0] if len(seconds) == 1 else statistics.quantiles(seconds, n=20, method="inclusive")[-1]
