"""Error answers tell nothing of the place they come from."""

from __future__ import annotations

from readiness import Category, Severity, Verdict, check
from readiness.facts.errors import ErrorRun
from readiness.facts.probes import BackendOutages, Outage
from readiness.failures.judging import judge_leaks
from readiness.target import Target


@check(
    id="errors.no_sensitive_info",
    category=Category.ERRORS,
    severity=Severity.HIGH,
    title="Error answers hold no secret, internal host, address or setting",
    why="A driver's message names the database's host, port and user; with those, the next step needs no guessing.",
    source="Claims ledger, errors.no_sensitive_info (myragdb, brain); OWASP ASVS 4.0, 7.4.1; CWE-209",
    remediation="Never put the text of a caught exception into an answer; map it to words of your own.",
    seeds=("myragdb", "brain"),
    defects=("host-in-503",),
)
def check_no_sensitive_info(
    error_run: ErrorRun,
    database_outage: Outage,
    cache_outage: Outage,
    backend_outages: BackendOutages,
    target: Target,
) -> Verdict:
    """Judge every error answer of the run and of the outages against what the stack's variables hold."""
    outages = (database_outage, cache_outage, *backend_outages.outages)
    return judge_leaks(error_run, outages, target, of_code=False)
