"""Error answers show nothing of the program behind them."""

from __future__ import annotations

from readiness import Category, Evidence, Finding, Inconclusive, Severity, Verdict, check
from readiness.facts.errors import ErrorRun
from readiness.facts.probes import BackendOutages, Outage
from readiness.failures.outages import needing_leaks, searched_answers
from readiness.failures.raised import ERROR_PATH, require_server_error
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
    leaks = [leak for leak in (*error_run.leaks, *needing_leaks(outages)) if leak.is_code]
    searched = error_run.searched + searched_answers(outages)
    if searched == 0:
        raise Inconclusive("no error could be provoked", supply=ERROR_PATH, undeclared="error_path")
    findings = [
        Finding(
            message=f"an error answer shows {leak.kind}", evidence=(Evidence(source=leak.where, text=leak.excerpt),)
        )
        for leak in {leak.kind: leak for leak in reversed(leaks)}.values()
    ]
    if not findings:
        require_server_error(error_run, outages, target)
    return Verdict(findings=tuple(findings), summary=f"searched {searched} error answers")
