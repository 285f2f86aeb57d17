"""The dependency-aware health endpoint is 503 without database or Redis, and 200 again with them."""

from __future__ import annotations

from dataclasses import dataclass

from readiness import Category, Finding, NotApplicable, Severity, Verdict, check
from readiness.facts.probes import Outage
from readiness.probes.outages import judge_fall, pass_or_fail, require_outage
from readiness.target import ProbeKind, Role, Target


@dataclass(frozen=True, kw_only=True)
class BasicLimits:
    """How soon the endpoint must fall."""

    period_seconds: float = 5.0  # the ledger's probe period; a declared cache time comes on top


@check(
    id="probe.basic_503",
    category=Category.PROBE,
    severity=Severity.HIGH,
    title="The health endpoint answers 503 while the database or Redis is away",
    why="A balancer that asks here keeps sending users to an instance that cannot serve them.",
    source="RFC 9110, 15.6.4; health+json draft, 3.1 (4xx-5xx for a failing service)",
    remediation="Answer 503 as soon as one required dependency fails; load balancers read the status, not the body.",
    seeds=("memorai",),
    defects=("basic-always-ok",),
)
def check_basic_503(database_outage: Outage, cache_outage: Outage, target: Target, limits: BasicLimits) -> Verdict:
    """Judge both outages; how long an answer is reused is probe.cache_10s's, the return probe.recovers's."""
    probe = target.probe(ProbeKind.BASIC)
    findings: list[Finding] = []
    sentences: list[str] = []
    skipped: list[str] = []
    for role, outage in ((Role.DB, database_outage), (Role.REDIS, cache_outage)):
        try:
            require_outage(target, outage, role, probe)
        except NotApplicable as reason:
            skipped.append(str(reason))
            continue
        found, sentence = judge_fall(
            target, probe, outage, period_seconds=limits.period_seconds, is_late_a_finding=False
        )
        findings += found
        sentences.append(sentence)
    if not sentences and not findings:
        raise NotApplicable("; ".join(skipped))
    return pass_or_fail(findings, "; ".join([*filter(None, sentences), *skipped]))
