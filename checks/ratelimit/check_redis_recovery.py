"""When the store returns it is used again."""

from __future__ import annotations

from readiness import Category, Evidence, Finding, Inconclusive, Measurement, Severity, Verdict, check
from readiness.facts.limiter import SharedLimit
from readiness.limiting.judging import judged_outages
from readiness.target import Target


@check(
    id="ratelimit.redis_recovery",
    category=Category.RATELIMIT,
    severity=Severity.MEDIUM,
    title="The shared counts are used again when their store returns",
    why="A fallback that lasts until the next deployment turns one limit into one per process, and nobody sees it.",
    source="Claims ledger, ratelimit.redis_recovery (implied by memorai)",
    remediation="Try the store again after a short pause, for example every few seconds.",
    seeds=("memorai",),
    defects=("fallback-for-ever",),
)
def check_redis_recovery(shared_limit: SharedLimit, target: Target) -> Verdict:
    """Judge by the store's own count of commands, before the outage and after it."""
    outages = judged_outages(shared_limit, target)
    findings, measured = [], []
    for outage in outages:
        if outage.recovered_seconds is not None:
            name = f"until the store was asked again after it was {outage.how}"
            measured.append(Measurement(name=name, value=outage.recovered_seconds, unit="s"))
        elif outage.problem:
            raise Inconclusive(f"whether {shared_limit.store} is asked again could not be counted: {outage.problem}")
        else:
            proof = Evidence(
                source=f"commands counted by {shared_limit.store}",
                text=f"{shared_limit.commands_per_request:g} per limited request before; less than half of it ever after",
            )
            message = f"{outage.watched_seconds:.0f} s after {shared_limit.store} was {outage.how} and back, the limiter does not ask it again"
            findings.append(Finding(message=message, evidence=(proof,)))
    return Verdict(
        findings=tuple(findings), measured=tuple(measured), summary="; ".join(m.describe() for m in measured)
    )
