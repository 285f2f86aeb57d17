"""Old versions of the protocol are refused."""

from __future__ import annotations

from readiness import Category, Evidence, Finding, Inconclusive, Severity, Verdict, check
from readiness.facts.tls import TlsScan
from readiness.target import Target
from readiness.tls.names import OLD

NEWEST = "TLSv1.3"
EXAMPLE = "entry: {service: web, port: 443, https: true}   # or tls: none, with why"


@check(
    id="tls.versions",
    category=Category.TLS,
    severity=Severity.MEDIUM,
    title="TLS 1.3 is spoken, and nothing older than TLS 1.2",
    why="Someone on the way can bring client and server to the worst version that both accept.",
    source="RFC 8996 (BCP 195), RFC 7568, RFC 9325, 3.1",
    remediation="nginx: ssl_protocols TLSv1.2 TLSv1.3; likewise elsewhere.",
    defects=("tls-1-1-accepted",),
)
def check_versions(tls_scan: TlsScan, target: Target) -> Verdict:
    """Judge each version offered alone by a scanner that still speaks all of them."""
    target.require("tls", value=True, example="")
    if tls_scan.problem:
        raise Inconclusive(f"not scanned: {tls_scan.problem}", supply=EXAMPLE)
    accepted = {version: suites for version, suites in tls_scan.accepted.items() if suites}
    source = f"{tls_scan.label}, {tls_scan.scanner}"
    findings = [
        Finding(
            message=f"{version} is accepted",
            evidence=(Evidence(source=source, text=f"{version} with {', '.join(accepted[version][:5])}"),),
        )
        for version in OLD
        if version in accepted
    ]
    if not accepted and not tls_scan.not_scanned:
        raise Inconclusive(f"{tls_scan.label} accepted nothing that was offered")
    if NEWEST in tls_scan.accepted and NEWEST not in accepted:
        proof = Evidence(source=source, text=f"accepted: {', '.join(accepted) or 'nothing'}")
        findings.append(Finding(message=f"{NEWEST} is not spoken", evidence=(proof,)))
    if not findings and tls_scan.not_scanned:
        missing = "; ".join(f"{version}: {reason}" for version, reason in tls_scan.not_scanned.items())
        raise Inconclusive(f"not everything could be scanned: {missing[:300]}")
    refused = [version for version in tls_scan.accepted if version not in accepted]
    return Verdict(
        findings=tuple(findings), summary=f"accepted: {', '.join(accepted)}; refused: {', '.join(refused) or 'none'}"
    )
