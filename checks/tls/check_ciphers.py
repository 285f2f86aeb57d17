"""Weak cipher suites are refused."""

from __future__ import annotations

from readiness import Category, Evidence, Finding, Inconclusive, Severity, Verdict, check
from readiness.facts.tls import TlsScan
from readiness.target import Target
from readiness.tls.names import weakness

EXAMPLE = "entry: {service: web, port: 443, https: true}   # or tls: none, with why"
MAX_NAMES = 12


@check(
    id="tls.ciphers",
    category=Category.TLS,
    severity=Severity.MEDIUM,
    title="No weak cipher suite is accepted: anonymous, NULL, EXPORT, RC4, DES or MD5",
    why="A suite that authenticates nobody or encrypts badly gives the connection to whoever stands in between.",
    source="RFC 9325, 4.1; RFC 7465 (RC4); CVE-2016-2183 (DES)",
    remediation="nginx: ssl_ciphers HIGH:!aNULL:!MD5, or Mozilla's intermediate list.",
    defects=("tls-weak-cipher",),
)
def check_ciphers(tls_scan: TlsScan, target: Target) -> Verdict:
    """Judge every suite that was accepted, in any version, each offered alone."""
    target.require("tls", value=True, example="")
    if tls_scan.problem:
        raise Inconclusive(f"not scanned: {tls_scan.problem}", supply=EXAMPLE)
    by_reason: dict[str, list[str]] = {}
    for version, suites in tls_scan.accepted.items():
        for suite in suites:
            if reason := weakness(suite):
                by_reason.setdefault(reason, []).append(f"{version} {suite}")
    source = f"{tls_scan.label}, {tls_scan.scanner}"
    findings = tuple(
        Finding(
            message=f"a suite that is weak is accepted: {reason}",
            evidence=(Evidence(source=source, text="\n".join(names[:MAX_NAMES])),),
        )
        for reason, names in by_reason.items()
    )
    count = sum(len(suites) for suites in tls_scan.accepted.values())
    if not findings and (tls_scan.not_scanned or not count):
        missing = "; ".join(f"{version}: {reason}" for version, reason in tls_scan.not_scanned.items())
        raise Inconclusive(f"not everything could be scanned: {missing[:300] or 'no suite was accepted'}")
    return Verdict(findings=findings, summary=f"{count} suites are accepted, none of them weak")
