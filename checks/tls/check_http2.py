"""HTTP/2 is offered."""

from __future__ import annotations

from readiness import Category, Evidence, Finding, Inconclusive, Severity, Verdict, check
from readiness.facts.tls import TlsEntry
from readiness.target import Target

EXAMPLE = "entry: {service: web, port: 443, https: true}   # or tls: none, with why"
FIRST_SERVER_ERROR = 500


@check(
    id="tls.http2",
    category=Category.TLS,
    severity=Severity.LOW,
    title="HTTP/2 is offered, and works",
    why="Browsers send many requests at once over one connection, instead of six at a time over six.",
    source="RFC 9113, 3.2 (ALPN); claims ledger, tls.http2",
    remediation="nginx: http2 on; likewise elsewhere, at the place that ends TLS.",
    defects=("http-1-1-only",),
)
def check_http2(tls_entry: TlsEntry, target: Target) -> Verdict:
    """Judge what is agreed with a client that would speak it, and one request over it."""
    target.require("tls", value=True, example="")
    if not tls_entry.is_tls or tls_entry.problem:
        raise Inconclusive(
            f"no handshake to judge: {tls_entry.problem or 'no entry is declared to speak TLS'}", supply=EXAMPLE
        )
    source = f"handshake with {tls_entry.label}"
    if tls_entry.alpn != "h2":
        proof = Evidence(source=source, text=f"ALPN: {tls_entry.alpn or 'nothing agreed'}; offered: h2, http/1.1")
        return Verdict(findings=(Finding(message="HTTP/2 is not offered", evidence=(proof,)),))
    if tls_entry.http2_status is None:
        raise Inconclusive(f"h2 is agreed, but the request over it failed: {tls_entry.http2_problem}")
    if tls_entry.http2_problem:
        proof = Evidence(source=source, text=f"ALPN: h2, answered as {tls_entry.http2_problem}")
        return Verdict(findings=(Finding(message="HTTP/2 is agreed and not spoken", evidence=(proof,)),))
    return Verdict(summary=f"{tls_entry.label} agrees on h2 and answers {tls_entry.http2_status} over it")
