"""What identifies a caller does not reach the log."""

from __future__ import annotations

from readiness import Category, Evidence, Finding, Inconclusive, Measurement, Severity, Verdict, check
from readiness.facts.logs import RequestLogs
from readiness.logs.view import SUPPLY
from readiness.target import Role, Target


@check(
    id="log.no_secrets",
    category=Category.LOG,
    severity=Severity.HIGH,
    title="Tokens and API keys do not appear in logs",
    why="Logs are read by more people, kept longer and copied further than any secret may be.",
    source="claims ledger, log.no_secrets; OWASP Logging Cheat Sheet, data to exclude; CWE-532",
    remediation=(
        "Log paths without their query, no request headers and no local variables of tracebacks; "
        "where a header must be logged, name those that may, instead of those that may not."
    ),
    seeds=("memorai", "brain"),
    defects=("log-query-strings", "log-request-headers"),
)
def check_no_secrets(request_logs: RequestLogs, target: Target) -> Verdict:
    """Judge what was found of secrets made up for this look, each sent to a path that is, that is not, and that fails."""
    target.require("logs", True, example=SUPPLY)  # only where the owner says there is none
    if request_logs.no_logs:
        raise Inconclusive(request_logs.no_logs)
    if not request_logs.of("canary") or not request_logs.canaries:
        raise Inconclusive("no request with a secret was answered")
    if not any(sum(kinds.values()) for kinds in request_logs.counts.values()):
        names = ", ".join(request_logs.services)
        raise Inconclusive(f"nothing in the log of {names} since the first request", supply=SUPPLY)
    findings = []
    for kind in dict.fromkeys(leak.kind for leak in request_logs.leaks):
        leaks = [leak for leak in request_logs.leaks if leak.kind == kind]
        places = ", ".join(dict.fromkeys(leak.service for leak in leaks))
        proof = tuple(Evidence(source=f"log of {leak.service}", text=leak.line) for leak in leaks[:2])
        findings.append(Finding(message=f"{kind}: in the log of {places}", evidence=proof))
    doors = (*target.services_of(Role.PROXY), *(entry.service for entry in target.entries))
    unseen = [service for service in dict.fromkeys(doors) if service not in request_logs.searched]
    if not findings and unseen:
        raise Inconclusive(
            f"no secret was seen to pass through {', '.join(unseen)}, or the log of it cannot be read",
            supply="entry:\n  - {name: proxy, service: PROXY, port: 443, https: true}",
        )
    measured = (Measurement(name="secrets searched for", value=len(request_logs.canaries), unit="count"),)
    summary = f"none of {', '.join(request_logs.canaries)} is in the log of {', '.join(request_logs.searched)}"
    return Verdict(findings=tuple(findings), measured=measured, summary=summary)
