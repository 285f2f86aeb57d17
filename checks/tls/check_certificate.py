"""The certificate is one that clients accept."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

from readiness import Category, Evidence, Finding, Inconclusive, Measurement, Severity, Verdict, check
from readiness.declared.tls import tls_of
from readiness.facts.tls import Certificate, TlsEntry
from readiness.target import Target
from readiness.tls.names import is_for

EXAMPLE = "entry: {service: web, port: 443, https: true}   # or tls: none, with why"
NAME = "tls:\n  server_name: shop.your-company.com"
TRUST = "tls:\n  ca: ca.crt   # or {service: web, file_env: CA_FILE}, where a service keeps it"
SECONDS_OF_A_DAY = 86400


@dataclass(frozen=True, kw_only=True)
class CertificateLimits:
    """How much time must be left: ``days``, or of a short-lived certificate ``lifetime_ratio`` of its whole lifetime."""

    days: float = 14  # of 90 days renewed 30 ahead: 14 days left mean that renewal has failed for two weeks
    # ACME clients renew with a third of the lifetime left (Let's Encrypt, Integration Guide, "When to renew"; Caddy's
    # renewal_window_ratio). Half of that third is to them what the 14 of 30 days are above.
    lifetime_ratio: float = 1 / 6


@check(
    id="tls.certificate",
    category=Category.TLS,
    severity=Severity.HIGH,
    title="The certificate is for the entry's name, from somebody clients trust, and not about to expire",
    why="Clients refuse anything else, or their users learn to click the warning away.",
    source="RFC 5280, 6.1; RFC 9525; claims ledger, tls.certificate",
    remediation="Renew automatically and watch the date; ask for every name that clients use; serve the intermediate certificates too.",
    defects=("certificate-expired", "certificate-of-another-host"),
)
def check_certificate(tls_entry: TlsEntry, target: Target, limits: CertificateLimits) -> Verdict:
    """Judge dates, name and chain apart, so that one fault does not hide another.

    A throw-away copy often has a certificate of its own: name and chain are judged against what is declared, and a
    chain that only a declared authority could vouch for is no finding without one.
    """
    target.require("tls", value=True, example="")
    if not tls_entry.is_tls or tls_entry.problem:
        raise Inconclusive(
            f"no certificate was seen: {tls_entry.problem or 'no entry is declared to speak TLS'}", supply=EXAMPLE
        )
    certificate = tls_entry.certificate
    if certificate is None or not certificate.not_after:
        raise Inconclusive(f"{tls_entry.label} showed no certificate that can be read")
    left = (dt.datetime.fromisoformat(certificate.not_after) - _seen(tls_entry)).total_seconds()
    measured = Measurement(name="days left", value=round(left / SECONDS_OF_A_DAY, 1), unit="count")
    proof = (Evidence(source=tls_entry.label, text=_described(certificate)),)
    messages = [*_dates(tls_entry, certificate, left, limits), *_name(tls_entry, certificate)]
    has_ca = tls_of(target).has_ca
    if tls_entry.chain_problem and has_ca and not tls_entry.ca_problem:
        messages.append(f"its chain leads to nobody who is trusted: {tls_entry.chain_problem}")
    if not messages:
        if not tls_entry.server_name:
            raise Inconclusive(
                "the name by which clients know the entry is not known", supply=NAME, undeclared="tls.server_name"
            )
        if tls_entry.ca_problem:
            raise Inconclusive(f"the declared authority was not read: {tls_entry.ca_problem}", supply=TRUST)
        if tls_entry.chain_not_seen:
            raise Inconclusive(f"the chain was not seen, a second connection failed: {tls_entry.chain_not_seen}")
        if tls_entry.chain_problem:
            kind = "signed by itself" if certificate.is_self_signed else f"issued by {certificate.issuer}"
            raise Inconclusive(
                f"dates and name are right, but it is {kind}, and nothing says that clients trust that",
                supply=TRUST,
                undeclared="tls.ca",
            )
    findings = tuple(Finding(message=message, evidence=proof) for message in messages)
    return Verdict(
        findings=findings,
        measured=(measured,),
        summary=f"for {tls_entry.server_name}, trusted by {tls_entry.trusted}, {measured.value:g} days left",
    )


def _seen(entry: TlsEntry) -> dt.datetime:
    return dt.datetime.fromisoformat(entry.seen_at)


def _dates(entry: TlsEntry, certificate: Certificate, left: float, limits: CertificateLimits) -> Iterator[str]:
    begin, end = map(dt.datetime.fromisoformat, (certificate.not_before, certificate.not_after))
    short = (end - begin).total_seconds() * limits.lifetime_ratio
    if begin > _seen(entry):
        yield f"it is not valid before {certificate.not_before}"
    if left <= 0:
        yield f"it expired at {certificate.not_after}"
    elif left <= min(short, limits.days * SECONDS_OF_A_DAY):
        is_short = short < limits.days * SECONDS_OF_A_DAY
        within = f"the last {limits.lifetime_ratio:.0%} of its lifetime" if is_short else f"{limits.days:g} days"
        yield f"it expires within {within}, at {certificate.not_after}"


def _name(entry: TlsEntry, certificate: Certificate) -> Iterator[str]:
    if entry.server_name and not is_for(certificate, entry.server_name):
        names = ", ".join((*certificate.names, *certificate.addresses)) or "no name at all"
        yield f"it is for {names[:200]}, not for {entry.server_name}"


def _described(certificate: Certificate) -> str:
    names = ", ".join((*certificate.names, *certificate.addresses))
    return (
        f"subject {certificate.subject}, issuer {certificate.issuer}, for {names or 'no name'}, "
        f"valid {certificate.not_before} to {certificate.not_after}"
    )[:400]
