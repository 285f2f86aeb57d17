"""A failing probe names the fault and nothing that helps an attacker."""

from __future__ import annotations

from readiness import Category, Evidence, Finding, NotApplicable, Severity, Verdict, check
from readiness.facts.probes import BackendOutages, Outage
from readiness.probes.outages import course_of, outages_with, pass_or_fail
from readiness.target import Target


@check(
    id="probe.error_sanitised",
    category=Category.PROBE,
    severity=Severity.HIGH,
    title="Failing probes show no password, connection URL or stack trace",
    why="Health endpoints are open to everybody by design; a driver's error text hands out the database's address and login.",
    source="Claims ledger, probe.error_sanitised; OWASP ASVS 4.0, 7.4.1",
    remediation="Map exceptions to words of your own in the health check; log the original text instead.",
    seeds=("myragdb", "memorai", "brain"),
    defects=("error-leaks-dsn",),
)
def check_error_sanitised(
    database_outage: Outage, cache_outage: Outage, backend_outages: BackendOutages, target: Target
) -> Verdict:
    """Judge every body that a probe answered while something was away."""
    target.require("probes", target.probes, example="probes:\n  ready: /health/ready")
    outages = outages_with(database_outage, cache_outage, *backend_outages.outages)
    if not outages:
        raise NotApplicable("nothing was there to be stopped, so no probe answered with an error")
    findings = [
        Finding(
            message=f"a probe shows {leak.leak.kind} while {' and '.join(outage.services)} is away",
            evidence=(Evidence(source=leak.where, text=leak.leak.excerpt),),
        )
        for outage in outages
        for leak in {leak.leak.kind: leak for leak in reversed(outage.leaks)}.values()
    ]
    fallen = {
        f"{probe.path} ({course.settled.status})"
        for outage in outages
        for phase in (outage.stopped, outage.paused)
        for probe in target.probes.values()
        if (course := course_of(probe, phase)) is not None and course.has_fallen and course.settled is not None
    }
    if not findings and not fallen:
        raise NotApplicable("premise failed: no probe answered with an error while something was away")
    searched = max(outage.secrets_searched for outage in outages)
    return pass_or_fail(findings, f"searched for {searched} secrets, URLs and traces: {', '.join(sorted(fallen))}")
