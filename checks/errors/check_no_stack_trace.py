"""Error answers show nothing of the program behind them."""

from __future__ import annotations

from readiness import Category, Severity, Verdict, check
from readiness.facts.errors import ErrorRun
from readiness.facts.probes import BackendOutages, Outage
from readiness.failures.judging import judge_leaks
from readiness.target import Target


@check(
    id="errors.no_stack_trace",
    category=Category.ERRORS,
    severity=Severity.HIGH,
    title="Error answers show no stack trace, exception class, source path, SQL or version",
    why="A trace tells an attacker which library to look up, which query to break out of, and where the files lie.",
    source="Claims ledger, errors.no_stack_trace (myragdb, brain); OWASP ASVS 4.0, 7.4.1; CWE-209",
    remediation="Answer unforeseen errors with fixed words and the request id; log the rest. Switch debug pages off.",
    seeds=("myragdb", "brain"),
    defects=("trace-in-500", "sql-in-503"),
)
def check_no_stack_trace(
    error_run: ErrorRun,
    database_outage: Outage,
    cache_outage: Outage,
    backend_outages: BackendOutages,
    target: Target,
) -> Verdict:
    """Judge every error answer of the run and of the outages; an echo of the request is no leak."""
    outages = (database_outage, cache_outage, *backend_outages.outages)
    return judge_leaks(error_run, outages, target, of_code=True)
