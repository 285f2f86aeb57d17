"""The health endpoint that is kept for old callers asks no dependency."""

from __future__ import annotations

from readiness import Category, Finding, Inconclusive, NotApplicable, Severity, Verdict, check
from readiness.facts.probes import Outage
from readiness.probes.outages import evidence_of, outages_with, pass_or_fail, require_well, words_for
from readiness.probes.standing import Standing, standing
from readiness.target import ProbeKind, Target


@check(
    id="probe.legacy_shallow",
    category=Category.PROBE,
    severity=Severity.MEDIUM,
    title="The shallow health endpoint answers 200 whatever the dependencies do",
    why="Old callers restart or alert on it; asking a dependency there changes what they were promised.",
    source="Claims ledger, probe.legacy_shallow (brain: backward compatible /health)",
    remediation="Answer from the process alone; offer another path to those who want to know about dependencies.",
    seeds=("brain",),
    defects=("legacy-checks-database",),
)
def check_legacy_shallow(database_outage: Outage, cache_outage: Outage, target: Target) -> Verdict:
    """Judge the answers while the database was stopped, and while Redis was."""
    probe = target.probe(ProbeKind.LEGACY)
    outages = outages_with(database_outage, cache_outage)
    if not outages:
        raise NotApplicable("the stack has neither a database nor a Redis that could be away")
    findings = []
    for outage in outages:
        require_well(probe, outage)
        words = words_for(outage.role)
        timeline = outage.stopped.of(probe.kind) if outage.stopped else None
        spans = [span for span in timeline.spans if span.last_seconds >= 0] if timeline else []
        if timeline is None or not spans:
            raise Inconclusive(f"{probe.path} was not asked while the {words} was stopped")
        said = [(standing(probe, span), span) for span in spans]
        if any(not what.is_usable for what, _ in said):
            raise Inconclusive(f"a rate limiter or a login answered instead of {probe.path}")
        wrong = [span for what, span in said if what.is_no]
        silent = [span for what, span in said if what is Standing.SILENT]
        if not wrong and sum(span.count for span in silent) == 1:
            raise Inconclusive(f"one request of {timeline.count} to {probe.path} failed: {silent[0].error}")
        for span in (*wrong, *silent)[:1]:
            proof = evidence_of(timeline, span, f"after the {words} had stopped")
            is_body = span.status in probe.expect
            said_what = "calls itself unhealthy" if is_body else f"answers {span.status or 'nothing'}"
            findings.append(
                Finding(message=f"{probe.path} {said_what} while the {words} is stopped", evidence=(proof,))
            )
    watched = " and without the ".join(words_for(outage.role) for outage in outages)
    return pass_or_fail(findings, f"{probe.path} stayed 200 without the {watched}")
