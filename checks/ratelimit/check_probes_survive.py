"""Probes are not refused by the limiter."""

from __future__ import annotations

from readiness import Category, Severity, Verdict, check
from readiness.facts.limiter import SmallLimit
from readiness.limiting.exempt import judge
from readiness.target import Target


@check(
    id="ratelimit.probes_survive",
    category=Category.RATELIMIT,
    severity=Severity.HIGH,
    title="Health probes are answered while their caller is refused everything else",
    why="A refused liveness probe has a healthy instance restarted; a refused readiness probe takes it from service.",
    source="Claims ledger, ratelimit.probes_survive (memorai; implied by myragdb and brain)",
    remediation="Exempt the probes' paths from the limiter, or serve them on a port of their own.",
    seeds=("myragdb", "memorai", "brain"),
    defects=("probe-refused-with-its-caller",),
)
def check_probes_survive(small_limit: SmallLimit, target: Target) -> Verdict:
    """Judge more requests to each probe than a rested caller may send, by an exhausted one."""
    target.require("probes", target.probes, example="probes:\n  ready: /health/ready")
    return judge(small_limit, small_limit.probes)
